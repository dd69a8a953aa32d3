"""Fuzz one target for some minutes with atheris: seeds in, a corpus, findings and figures out.

    python tests/fuzz/campaign.py waveform --minutes 10 --output ../fuzz

The fuzzer runs in processes of its own, in bounded memory and with a limit on the time that an
input may take; what ends a process is saved, and the next process goes on with the corpus. See
docs/fuzzing.md.
"""

import argparse
import hashlib
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

MEMORY_MIB = 2048  # of the process, libraries included; one input may take a half of it
SECONDS = 5
LONGEST_BYTES = 65_536
# What atheris adds to code that handles arrays keeps some 30 kB of each input (3.0, measured; the
# same inputs without it keep nothing): a process ends before that is mistaken for a finding.
MOST_INPUTS = 40_000
_OF_ARRAYS = ("waveform", "predict", "class_folder", "seedlink")
_LATE = (
    "obspy.core.event",
    "pymseed",
    "obspy.io.quakeml.core",
    "obspy.io.sac.core",
    "quake.store.result_store",
    "quake.datasets.catalogue",
    "quake.datasets.class_folders",
    "quake.stations.orientation",
    "quake.waveforms.readers.waveform_file",
    "quake.datasets.tables",
    "quake.inference.classifier",
    "quake.inference.onnx_engine",
    "quake.live.seedlink",
)
_DONE = re.compile(r"Done (\d+) in|stat::number_of_executed_units:\s*(\d+)|^#(\d+)\t", re.MULTILINE)


def main():
    """Read the command line; supervise, or fuzz."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen, rest = parser.parse_known_args()
    if chosen.child:
        fuzz(chosen.target, chosen.output, rest)
    else:
        supervise(chosen.target, chosen.minutes * 60, chosen.output)


def supervise(target, seconds, output):
    """Start the fuzzer again and again until the time is over; count what it did."""
    folder = output / target
    corpus, found = folder / "corpus", folder / "findings"
    for path in (corpus, found):
        path.mkdir(parents=True, exist_ok=True)
    _write_seeds(target, corpus)
    begin, n_inputs, n_starts = time.monotonic(), 0, 0
    while (left := seconds - (time.monotonic() - begin)) > 1:
        n_starts += 1
        ended = _start(target, corpus, found, left)
        n_inputs += _executions(ended.stderr)
        (folder / "last.log").write_text(ended.stderr[-200_000:])
        if ended.returncode:
            _keep_reason(found, ended)
    figures = {
        "target": target,
        "executions": n_inputs,
        "seconds": round(time.monotonic() - begin),
        "starts": n_starts,
        "corpus": sum(1 for _ in corpus.iterdir()),
        "findings": sum(1 for path in found.iterdir() if path.suffix != ".txt"),
    }
    with (output / "figures.jsonl").open("a") as file:
        file.write(json.dumps(figures) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")


def _write_seeds(target, corpus):
    from fuzz_seeds import seeds

    with tempfile.TemporaryDirectory() as folder:
        for data in seeds(Path(folder))[target]:
            (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)


def _start(target, corpus, found, seconds):
    """One process of the fuzzer; it ends with the time, or with a finding."""
    command = [sys.executable, str(Path(__file__)), target, "--child", "--output", str(found)]
    command += [
        str(corpus),
        f"-max_total_time={max(int(seconds), 1)}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-max_len={LONGEST_BYTES}",
        f"-artifact_prefix={found}/",
        f"-runs={MOST_INPUTS if target in _OF_ARRAYS else -1}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=environment, check=False
    )


def _executions(log):
    numbers = [int(next(filter(None, match))) for match in _DONE.findall(log)]
    return max(numbers, default=0)


def _keep_reason(found, ended):
    """The end of the log beside the newest finding."""
    inputs = [path for path in found.iterdir() if path.suffix != ".txt"]
    newest = max(inputs, key=lambda path: path.stat().st_mtime_ns, default=found / "none")
    text = f"status {ended.returncode}\n{ended.stdout[-6000:]}\n{ended.stderr[-6000:]}"
    newest.with_name(f"{newest.name}.txt").write_text(text)


def fuzz(target, found, arguments):
    """Fuzz in this process, until libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(
        include=["quake", "obspy.io", "obspy.core", "fuzz_targets"],
        enable_loader_override=False,
    ):
        import fuzz_targets
        from fuzz_mutator import mutated

        _warm_up()
    logging.disable(logging.CRITICAL)
    scratch = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_memory_folder()))

    def one_input(data):
        try:
            fuzz_targets.run(target, data, scratch)
        except Exception as error:
            _save(found, data, error)
        finally:
            fuzz_targets.clear(scratch)

    def mutate(data, longest, seed):
        """By libFuzzer, which follows the coverage, or by us, who know where headers are."""
        if seed % 2:
            return atheris.Mutate(data, longest)
        return mutated(data, seed)[:longest]

    atheris.Setup([sys.argv[0], *arguments], one_input, custom_mutator=mutate)
    atheris.Fuzz()


def _save(found, data, error):
    """Keep an input whose exception is none of ours, one for each place that it came from."""
    text = "".join(traceback.format_exception(error))
    places = re.findall(r'File "([^"]*)", line (\d+)', text)[-2:]
    name = hashlib.sha1(repr((type(error).__name__, places)).encode()).hexdigest()[:12]
    path = found / f"exception-{name}"
    if not path.exists():
        path.write_bytes(data)
        path.with_name(f"{path.name}.txt").write_text(text)


def _warm_up():
    """Load what is loaded late, so that it is instrumented and its time is no input's."""
    for name in _LATE:
        import_module(name)


def _memory_folder():
    """A file system in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    main()
