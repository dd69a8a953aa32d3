"""A Dask cluster on this machine, each scheduler and worker a program of its own."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

TESTS = str(Path(__file__).resolve().parent)


class Cluster:
    """A scheduler and its workers, each a program of its own."""

    def __init__(self, environment=None):
        environment = environment or os.environ
        self.environment = {**environment, "PYTHONPATH": TESTS, "OMP_NUM_THREADS": "1"}
        self.programs, self.readers = [], []
        scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self._read(scheduler, r"Scheduler at:\s+(tcp://\S+)")

    def add_workers(self, number=1):
        for _ in range(number):
            worker = self._start(
                *("worker", self.address, "--nthreads", "1", "--host", "127.0.0.1"),
                *("--no-dashboard", "--death-timeout", "60", "--memory-limit", "0"),
            )
            self._read(worker, r"(Registered to|Starting established connection)")

    def close(self):
        for program in reversed(self.programs):
            program.terminate()
        for program in self.programs:
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        for reader in self.readers:
            reader.join()
        for program in self.programs:
            program.stderr.close()

    def _start(self, *arguments):
        program = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        self.programs.append(program)
        return program

    def _read(self, program, pattern):
        for line in program.stderr:
            found = re.search(pattern, line)
            if found:
                # What comes later must not fill the pipe.
                reader = threading.Thread(target=program.stderr.read, daemon=True)
                reader.start()
                self.readers.append(reader)
                return found[1]
        raise AssertionError(f"{program.args} ended with {program.wait()}")
