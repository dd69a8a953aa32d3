"""Several processes with a device each: two on the CPU, by `--devices 2` and by torchrun."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quake.datasets.dataset import DrawSampler
from quake.model_file.safetensors_file import load_card

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = (
    "--weights none --window 10 --rate 20 --nperseg 32 --hop 8 --band 0.7,9 --epochs 2 "
    "--draws-per-epoch 32 --batch-size 8 --accelerator cpu --workers 0 --cache none"
)

TORCHRUN = ("--standalone", "--nproc-per-node", "2")


def draws(epoch, rank, n_ranks):
    sampler = DrawSampler(np.ones(10), 20, 0, rank, n_ranks)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_two_processes_share_the_draws_of_one():
    assert sorted(draws(1, 0, 2) + draws(1, 1, 2)) == sorted(draws(1, 0, 1))


def test_processes_that_do_not_divide_the_draws_have_equally_many():
    assert {len(draws(0, rank, 3)) for rank in range(3)} == {6}


def test_each_epoch_has_draws_of_its_own():
    assert draws(0, 0, 2) != draws(1, 0, 2)


def trained(command, table, folder, options):
    done = subprocess.run(
        [
            *(sys.executable, *command, "train", table, "--run", str(folder)),
            *(*OPTIONS.split(), *options),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=560,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["-m", "quake_cli"], ["--devices", "2"]),
        # Without the dashes torchrun takes --run for one of its own options.
        (
            [
                "-m",
                "torch.distributed.run",
                "--standalone",
                "--nproc-per-node",
                "2",
                "-m",
                "--",
                "quake_cli",
            ],
            [],
        ),
    ],
    ids=["devices", "torchrun"],
)
def test_two_processes_write_one_model_and_report_once(command, options, tiny_table, tmp_path):
    done = trained(command, tiny_table, tmp_path / "run", options)
    assert done.stderr.count("epoch 1/2") == 1
    assert done.stderr.count("train: 24 rows") == 1
    assert done.stdout.count("Quality on the test part") == 1
    card = load_card(tmp_path / "run" / "model.safetensors")
    assert card.training["settings"]["devices"] == 2
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 3
    assert not (tmp_path / "run" / "resume.ckpt").exists()
