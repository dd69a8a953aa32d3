"""How many frames of our own code lie between the program's start, a file, and the network.

    python benchmarks/walks.py                     # the bundled record of 90 s
    python benchmarks/walks.py FILE --stacks       # another one, and the frames by name

`quake predict` runs in this process with one thread, once to a file and once into a result store,
and so does `Classifier.predict` of a model that is loaded; every call of a function of ours is
seen. The walks are counted in frames, both ends included: from `main` to the engine that is given
windows, from the prediction to the file that is opened for its samples, from the prediction to the
window whose samples are there, and from the open file to that window. Prints Markdown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from quake import Classifier
from quake.model_file.registry import find_model
from quake_cli.app import main as quake

ROOT = Path(__file__).resolve().parents[1]
OURS = (str(ROOT / "quake") + "/", str(ROOT / "quake_cli") + "/")

# Loops that Python runs as a frame of their own; nobody reads them as one.
LOOPS = ("<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>", "<lambda>")


@dataclass(frozen=True)
class Place:
    """A function of ours."""

    file: str
    name: str


@dataclass
class Walks:
    """What is seen of a run.

    Attributes
    ----------
    waveforms : str
        File whose opening is noted.
    functions : set of Place
        All that ran.
    found : dict of walk to places, outermost first
        The last time it was gone: files are looked through before they are read.
    """

    waveforms: str
    functions: set[Place] = field(default_factory=set)
    found: dict[str, list[Place]] = field(default_factory=dict)

    def see(self, frame: FrameType, event: str, argument: Any) -> None:
        """Take note of a call; for `sys.setprofile`."""
        if event != "call":
            return
        code = frame.f_code
        if is_ours(code):
            self.functions.add(place_of(code))
            if code.co_name == "probabilities" and code.co_filename.endswith("_engine.py"):
                self._note("main to engine", frame)
        elif code.co_name == "__init__" and type(frame.f_locals.get("self")).__name__ == "Window":
            self._note("prediction to window", frame, since="Prediction.__iter__")

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of a file that is opened; for `sys.addaudithook`."""
        if event == "open" and str(arguments[0]) == self.waveforms:
            frame = sys._getframe(1)
            self._note("prediction to file", frame, since="Prediction.__iter__")

    def _note(self, walk: str, frame: FrameType, since: str = "main") -> None:
        stack = stack_of(frame)
        names = [place.name for place in stack]
        if since in names:
            self.found[walk] = stack[names.index(since) :]


def file_to_window(walks: Walks) -> list[Place]:
    """From where a file is open up to what both walks have in common, and down to the window."""
    to_file, to_window = walks.found["prediction to file"], walks.found["prediction to window"]
    pairs = zip(to_file, to_window, strict=False)
    n_common = next(i for i, (a, b) in enumerate(pairs) if a != b)
    return [*to_file[: n_common - 1 : -1], *to_window[n_common - 1 :]]


def is_ours(code: CodeType) -> bool:
    """Whether code is a function that somebody wrote, and is ours."""
    is_function = code.co_name not in (*LOOPS, "<module>")
    return is_function and code.co_filename.startswith(OURS)


def place_of(code: CodeType) -> Place:
    """Name of a function, and its file below the checkout."""
    return Place(code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname)


def stack_of(frame: FrameType | None) -> list[Place]:
    """Functions of ours that wait for a frame, outermost first."""
    found: list[Place] = []
    while frame is not None:
        if is_ours(frame.f_code):
            found.append(place_of(frame.f_code))
        frame = frame.f_back
    return found[::-1]


def watched(waveforms: str, work: Callable[[], object]) -> Walks:
    """Do something with a file, and say what was seen."""
    walks = Walks(waveforms)
    sys.addaudithook(walks.hear)
    sys.setprofile(walks.see)
    try:
        work()
    finally:
        sys.setprofile(None)
        walks.waveforms = ""  # a hook stays
    return walks


def program(waveforms: str, output: str) -> None:
    """Run the program in this process."""
    try:
        quake(["predict", waveforms, "--quiet", "--threads", "1", "--output", output])
    except SystemExit as ended:
        if ended.code:
            raise


def report(title: str, walks: Walks, *, stacks: bool) -> None:
    """Print what was seen."""
    walks.found["file to window"] = file_to_window(walks)
    n_files = len({place.file for place in walks.functions})
    print(f"\n**{title}**: {len(walks.functions)} functions in {n_files} files\n")
    print("| walk | frames | files |\n| --- | ---: | ---: |")
    for walk, places in walks.found.items():
        print(f"| {walk} | {len(places)} | {len({place.file for place in places})} |")
    if stacks:
        for walk, places in walks.found.items():
            print(f"\n{walk}\n")
            print("\n".join(f"    {place.file} {place.name}" for place in places))


def main() -> None:
    """Run the program twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default=str(files("quake") / "bundled/BK.MHC.mseed"))
    parser.add_argument("--stacks", action="store_true", help="name the frames")
    options = parser.parse_args()
    path = str(Path(options.file).resolve())
    classifier = Classifier(find_model(backbone="b0"), threads=1)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], object]] = {
            "the program, to a file": lambda: program(path, f"{folder}/rows.jsonl"),
            "the program, into a store": lambda: program(path, f"{folder}/store/"),
            "the library": lambda: list(classifier.predict(path)),
        }
        for title, work in ways.items():
            report(title, watched(path, work), stacks=options.stacks)


if __name__ == "__main__":
    main()
