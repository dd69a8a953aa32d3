"""Define executors: every job gets an answer, whatever becomes of its process."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")
Job_contra = TypeVar("Job_contra", contravariant=True)
Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True)
class Lost:
    """The worker died each time it had this job."""

    reason: str


@dataclass(frozen=True)
class Raised:
    """The job raised an error that was not foreseen."""

    error: str
    traceback: str


class Opener(Protocol[Job_contra, Answer_co]):
    """Loads what the work needs; picklable, and called once in each process."""

    def __call__(self) -> Callable[[Job_contra], Answer_co]:
        """Give the work, from a job to its answer."""


class Executor(Protocol):
    """Does jobs somewhere."""

    def run(
        self, opener: Opener[Job, Answer], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Answer | Lost | Raised]]:
        """Yield jobs with their answers, in any order; jobs are drawn as they are needed."""


def attempt(work: Callable[[Job], Answer], job: Job) -> Answer | Raised:
    """Do a job; an error is an answer too, but for those that end the program."""
    try:
        return work(job)
    except Exception as error:
        return Raised(f"{type(error).__name__}: {error}", traceback.format_exc())
