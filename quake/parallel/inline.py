"""The executor of this process: one job after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quake.parallel.executor import Answer, Job, Lost, Opener, Raised, attempt


class InlineExecutor:
    """Does jobs in this process, in their order."""

    def run(
        self, opener: Opener[Job, Answer], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Answer | Lost | Raised]]:
        """Yield each job with its answer."""
        work = opener()
        for job in jobs:
            yield job, attempt(work, job)
