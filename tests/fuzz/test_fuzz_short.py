"""A few hundred damaged inputs of each format, the same ones each time: a result or a `QuakeError`.

The campaign that looks for new ones is `campaign.py`; see docs/fuzzing.md.
"""

import random
from pathlib import Path

import fuzz_targets
import pytest
from fuzz_mutator import mutated
from fuzz_seeds import seeds

FINDINGS = sorted((Path(__file__).parent / "findings").iterdir())

# As many as take about two seconds; what is slow by itself gets fewer.
N_INPUTS = {
    "waveform": 300,
    "predict": 120,
    "class_folder": 80,
    "label_table": 500,
    "parquet_table": 200,
    "catalogue": 250,
    "inventory": 400,
    "model": 400,
    "graph_metadata": 400,
    "graph": 100,
    "journal": 80,
    "run_json": 100,
    "seedlink": 200,
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return seeds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("target", N_INPUTS)
def test_good_inputs_give_results(target, inputs, tmp_path):
    outcomes = []
    for data in inputs[target]:
        outcomes.append(fuzz_targets.run(target, data, tmp_path))
        fuzz_targets.clear(tmp_path)
    assert outcomes[0]


def run_damaged(target, inputs, seeds, folder):
    """Damage good inputs by these seeds, and run each; what breaks a reader is kept."""
    draw = random.Random(f"{target} {seeds.start}")
    for seed in seeds:
        data = mutated(draw.choice(inputs), seed, draw.choice(inputs))
        try:
            fuzz_targets.run(target, data, folder)
        except Exception as error:
            kept = folder.with_name(f"{target}-{seed}")
            kept.write_bytes(data)
            raise AssertionError(f"input {seed} of {target} is kept as {kept}") from error
        fuzz_targets.clear(folder)


@pytest.mark.parametrize("target", N_INPUTS)
def test_damaged_inputs_give_results_or_errors_of_ours(target, inputs, tmp_path):
    run_damaged(target, inputs[target], range(N_INPUTS[target]), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", N_INPUTS)
def test_twenty_times_as_many_do_too(target, inputs, tmp_path):
    first = 1_000_000
    run_damaged(target, inputs[target], range(first, first + 20 * N_INPUTS[target]), tmp_path)


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_what_was_found_is_mended(path, tmp_path):
    fuzz_targets.run(path.name.partition("-")[0], path.read_bytes(), tmp_path)


def test_the_same_seed_makes_the_same_input():
    data = bytes(range(256)) * 8
    assert mutated(data, 7) == mutated(data, 7)
    assert len({mutated(data, seed) for seed in range(50)}) > 40
