"""The program that trains on a catalogue runs as it stands, on a few records."""

import re

from quake.model_file.safetensors_file import load_card


def test_a_model_is_trained_on_an_archive_and_its_picks(example, triggered, tmp_path):
    lengths = ("--before-p", 5, "--quiet", 5, "--noise-length", 20)
    out = example(
        *(
            "train_on_catalogue.py",
            triggered / "records",
            triggered / "picks.csv",
            tmp_path / "run",
        ),
        *(*lengths, "--depth", 1, "--epochs", 1),
    )
    assert out.splitlines()[:2] == ["earthquake: 20 spans", "noise: 20 spans"]
    assert re.search(r"^epoch 1: train [\d.]+ validation [\d.]+ \*$", out, re.MULTILINE)
    assert re.search(r"^accuracy [\d.]+ \([\d.]+ to [\d.]+\)$", out, re.MULTILINE)
    card = load_card(tmp_path / "run" / "model.safetensors")
    assert set(card.labels.names) == {"earthquake", "noise"}
    assert (card.network["backbone"], card.network["depth"]) == ("hybrid-vit-tiny", 1)
