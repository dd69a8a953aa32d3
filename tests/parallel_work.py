"""Work for the tests of executors: importable in the processes that do it."""

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from quake.errors import ModelError


@dataclass(frozen=True)
class Squares:
    """Jobs are (what, number, folder); answers the square, and the process that found it.

    A note of each opening is left in the folder.
    """

    folder: str
    missing: bool = False

    def __call__(self):
        if self.missing:
            raise ModelError("model.onnx: no such model file")
        Path(self.folder, f"opened-{os.getpid()}-{time.monotonic_ns()}").touch()
        return self.work

    def work(self, job):
        what, number = job
        if what == "raise":
            raise ValueError(f"{number} is a bad number")
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "die once" and self._is_first(number):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "warn":
            logging.getLogger("quake.data").warning("%d is odd", number)
        if what == "unpicklable":
            return threading.Lock()
        if what == "sleep":
            Path(self.folder, f"sleeping-{os.getpid()}").touch()
            time.sleep(600)
        return number * number, os.getpid()

    def _is_first(self, number):
        try:
            Path(self.folder, f"died-{number}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def main():
    """Run jobs that never end, in a program that is to be killed."""
    import sys

    from quake.parallel.processes import ProcessExecutor

    for _ in ProcessExecutor(2).run(Squares(sys.argv[1]), [("sleep", 1), ("sleep", 2)]):
        pass


if __name__ == "__main__":
    main()
