"""The walks from the program to the network, and from a file to a window, stay short."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# Frames of our own code, both ends included.
LONGEST = {
    "main to engine": 11,
    "prediction to file": 10,
    "prediction to window": 9,
    "file to window": 9,
}


@pytest.fixture(scope="module")
def frames():
    """Frames of each walk, of each way to classify a file."""
    command = [sys.executable, str(PROJECT / "benchmarks" / "walks.py")]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=300, env=environment
    )
    found = {}
    for part in run.stdout.split("\n**")[1:]:
        title = part.partition("**")[0]
        found[title] = {
            walk: int(number) for walk, number in re.findall(r"\| ([a-z ]+) \| (\d+) \|", part)
        }
    return found


def test_all_walks_are_gone(frames):
    assert frames["the program, to a file"].keys() == LONGEST.keys()
    assert frames["the program, into a store"].keys() == LONGEST.keys()
    assert frames["the library"].keys() == LONGEST.keys() - {"main to engine"}


@pytest.mark.parametrize("walk", LONGEST)
def test_a_file_is_classified_over_few_frames(frames, walk):
    assert frames["the program, to a file"][walk] <= LONGEST[walk]


@pytest.mark.parametrize("title", ["the program, into a store", "the library"])
@pytest.mark.parametrize("walk", sorted(LONGEST.keys() - {"main to engine"}))
def test_samples_reach_a_window_over_few_frames_everywhere(frames, title, walk):
    assert frames[title][walk] <= LONGEST[walk]
