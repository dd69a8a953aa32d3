"""Work for the tests of executors: importable in the processes that do it."""

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from quake.errors import ModelError


class TwoArgumentsError(Exception):
    """Can be pickled, and not be read again: pickle gives it one argument."""

    def __init__(self, name, reason):
        super().__init__(f"{name} {reason}")


@dataclass(frozen=True)
class Squares:
    """Jobs are (what, number, folder); answers the square, and the process that found it.

    A note of each opening is left in the folder.
    """

    folder: str
    fault: str = ""

    def __call__(self):
        if self.fault == "missing":
            raise ModelError("model.onnx: no such model file")
        if self.fault == "unreadable":
            raise FileNotFoundError(2, "No such file or directory", "model.onnx")
        if self.fault == "unpicklable":
            raise TwoArgumentsError("model.onnx", "is broken")
        if self.fault == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "die once" and self._is_first("opening"):
            os.kill(os.getpid(), signal.SIGKILL)
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
        if what == "unreadable":
            return TwoArgumentsError("an answer", "that can be sent and not be read")
        if what == "raise unpicklable":
            raise TwoArgumentsError("a job", "that fails")
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
