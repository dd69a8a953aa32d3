"""The bar that shows how far a run is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from quake_cli.logs import one_line
from quake_cli.messages import Messages

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


# Work that is done sooner needs no bar.
_PATIENCE_S = 1.0


class ProgressBar:
    """A bar on standard error, if somebody watches and it takes longer than a second.

    Parameters
    ----------
    messages : Messages
        Its lines appear above the bar.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._wanted = messages.may_draw
        self._begin_s = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def update(self, what: str, done: float, total: float) -> None:
        """Say what is going on and how far it is."""
        if not self._wanted or time.monotonic() - self._begin_s < _PATIENCE_S:
            return
        progress = self._progress or self._start()
        if self._task is None or what != self._what:  # a new estimate of what remains
            if self._task is not None:
                progress.remove_task(self._task)
            self._task = progress.add_task(one_line(what), total=total)
            self._what = what
        progress.update(self._task, completed=done, total=total)

    def close(self) -> None:
        """Remove the bar for good."""
        self._wanted = False
        self.hide()

    def hide(self) -> None:
        """Remove the bar until the next update, for a line of results on the same terminal."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._task = None
            self._messages.show_line = self._show_line

    def _start(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        screen = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
            # Standard output has results, which must not end up on standard error.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._progress.start()
        self._show_line = self._messages.show_line
        self._messages.show_line = lambda line: screen.print(line, soft_wrap=True)
        return self._progress
