"""Bundle a trained model: put its figures into the card, and write file, graph and expectations.

    python benchmarks/bundle_model.py runs/b0 --held-out runs/folds --labels labels.csv
        --missing report/report.json

RUN is the run folder of `quake train`. `--held-out` is the folder of a leave-one-out run of the
same recipe, whose figures of held-out sources become the part `held out` of the card; `--labels`
is the table that it was run on, in which a source that was dealt out over the folds may be called
NAME_1, NAME_2. `--missing` is the report of `quake evaluate --missing` of the model in RUN.

Weights and calibration are written as they are in RUN.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from quake.datasets.labels import choose_classes
from quake.datasets.tables import read_label_table
from quake.doctor.expected import GRAPH, MODEL, bundled_folder, write_expected
from quake.metrics.report import summarise, without_details
from quake.model_file.graphs import open_graph
from quake.model_file.safetensors_file import load_model, save_model


def main() -> None:
    """Write the bundled files anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--missing", type=Path, required=True)
    parser.add_argument("--notes", type=Path, default=Path("docs/bundled_b0.md"))
    options = parser.parse_args()
    card, network = load_model(options.run / "model.safetensors")
    metrics = {
        **card.metrics,
        "held out": without_details(held_out(options.held_out, options.labels, card.labels.names)),
        "missing": json.loads(options.missing.read_text(encoding="utf-8"))["missing"],
    }
    notes = options.notes.read_text(encoding="utf-8")
    training = {**card.training, "notes": notes}
    folder = bundled_folder()
    (folder / GRAPH).unlink(missing_ok=True)
    save_model(
        folder / MODEL, replace(card, metrics=metrics, training=training), network.state_dict()
    )
    shutil.copyfile(open_graph(folder / MODEL).path, folder / GRAPH)
    write_expected(folder)


def held_out(run: Path, labels: Path, classes: tuple[str, ...]) -> dict[str, Any]:
    """Figures of all folds together, each row judged by the model that had not seen its source."""
    _, spans, _ = choose_classes(read_label_table(labels).spans, classes)
    rows = [
        row
        for path in sorted(run.glob("*/held_out.json"))
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]
    ]
    chosen = [spans[row["index"]] for row in rows]
    return summarise(
        np.array([row["probabilities"] for row in rows]),
        np.array([row["target"] for row in rows]),
        classes,
        [re.sub(r"_\d$", "", span.source) for span in chosen],
        [span.group for span in chosen],
        [span.snr_db for span in chosen],
    )


if __name__ == "__main__":
    main()
