"""Inputs made to do harm, in a process of bounded memory: each gives a result or our error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attacks import ATTACKS

PROGRAM = Path(__file__).with_name("bounded.py")


@pytest.fixture(scope="module")
def outcomes():
    """What became of each attack; those after one that ended the process are missing."""
    ended = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input="\n".join(ATTACKS),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert lines, ended.stderr[-2000:]
    return {line["name"]: line["outcome"] for line in lines}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_in_a_result_or_an_error_of_ours(outcomes, name):
    assert outcomes.get(name, "not reached") in ("result", "refused")


@pytest.mark.parametrize(
    "name",
    [
        "gigabytes_of_samples",
        "data_outside",
        "blockette_is_its_own_next",
        "rate_1e9",
        "sac_<_2^31_samples",
        "sac_>_delta_nan",
        "no_newline",
        "laughs_in_quakeml",
        "outside_in_stationxml",
        "tensors_overlap",
        "deep_card",
        "run_is_a_list",
    ],
)
def test_what_cannot_be_used_at_all_is_refused(outcomes, name):
    # `predict` collects what is wrong, and has no windows.
    assert outcomes[name] == ("result" if ATTACKS[name][0] == "predict" else "refused")


@pytest.mark.parametrize(
    "name",
    [
        "length_2^31",
        "two_lengths",
        "every_record_twice",
        "times_go_backwards",
        "garbage_of_4_MB",
        "sac_<_good",
        "sac_>_good",
        "a_million_columns_and_a_row",
        "100000_channels",
        "100000_traces",
        "bom_and_crlf",
    ],
)
def test_what_can_be_used_is(outcomes, name):
    assert outcomes[name] == "result"
