"""Run attacks in a process of its own: names come in, one a line; a line of JSON each goes out.

The process may take a gigabyte more than it has when it begins, and five seconds an attack. What
ends it, ends it: the last line tells how far it came.

    python tests/fuzz/bounded.py < names
"""

import json
import logging
import resource
import signal
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

MEMORY_BYTES = 1 << 30
SECONDS = 5


class TooSlowError(BaseException):
    """An attack has had its time."""


def main():
    """Run the attacks that are named on standard input."""
    import fuzz_targets
    from attacks import ATTACKS

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGPROF, _end)
    signal.signal(signal.SIGALRM, _end)
    names = sys.stdin.read().split()
    with tempfile.TemporaryDirectory() as folder:
        _warm_up(fuzz_targets, Path(folder))
        for name in names:
            target, make = ATTACKS[name]
            data = make()
            _tell(json.dumps({"name": name, "outcome": "begun"}))
            with _memory(MEMORY_BYTES):
                outcome = _outcome(fuzz_targets, target, data, Path(folder))
            _tell(json.dumps({"name": name, **outcome}))


def _tell(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _outcome(fuzz_targets, target, data, folder):
    begin = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # counts what this process computes
    signal.alarm(20 * SECONDS)  # of a wait; others may be using the processor
    try:
        text = "result" if fuzz_targets.run(target, data, folder) else "refused"
    except TooSlowError:
        text = "too slow"
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"[:500]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        fuzz_targets.clear(folder)
    return {"outcome": text, "seconds": round(time.process_time() - begin, 2)}


def _warm_up(fuzz_targets, folder):
    """Have everything loaded before memory is measured."""
    from fuzz_seeds import seeds

    for target, inputs in seeds(folder).items():
        if target != "whole_model":
            fuzz_targets.run(target, inputs[0], folder)
        fuzz_targets.clear(folder)


@contextmanager
def _memory(n_bytes):
    """Within it, no more memory can be had than there is and this."""
    status = Path("/proc/self/status").read_text()
    (used,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (1024 * used + n_bytes, -1))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))


def _end(*_):
    raise TooSlowError


if __name__ == "__main__":
    main()
