"""The executor of this process: one job after the other."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator

from quake.parallel.executor import Answer, Job, Lost, Opener, Raised


class InlineExecutor:
    """Does jobs in this process, in their order."""

    def run(
        self, opener: Opener[Job, Answer], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Answer | Lost | Raised]]:
        """Yield each job with its answer."""
        work = opener()
        for job in jobs:
            yield job, _attempt(work, job)


def _attempt(work, job):  # type: ignore[no-untyped-def]
    try:
        return work(job)
    except Exception as error:
        return Raised(f"{type(error).__name__}: {error}", traceback.format_exc())
