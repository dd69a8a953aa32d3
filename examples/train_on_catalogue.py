"""Train a model on an archive and a catalogue of its events, also where records are short.

    python examples/train_on_catalogue.py ARCHIVE CATALOGUE RUN [options]

ARCHIVE is a folder with miniSEED or SAC files, CATALOGUE QuakeML or CSV (docs/data.md), RUN the
folder for the results; the same command goes on after a kill. `quake train ARCHIVE --catalogue
CATALOGUE` does the same for continuous archives; here the lengths can be set that records of
triggered stations need, which have their only noise in the seconds before P.
"""

import argparse
import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

from quake.datasets.augmentation import Augmentation
from quake.datasets.labelled_archive import ArchiveOptions, read_archive
from quake.training import TrainConfig, train
from quake.training.progress import EpochResult, Progress


def arguments() -> argparse.Namespace:
    spans, config = ArchiveOptions(), TrainConfig()
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--before-p", type=float, default=spans.before_p_s, help="seconds")
    parser.add_argument("--after-p", type=float, default=spans.after_p_s, help="seconds")
    parser.add_argument("--quiet", type=float, default=spans.quiet_s, help="seconds to an event")
    parser.add_argument("--noise-length", type=float, default=spans.noise_length_s, help="seconds")
    parser.add_argument("--backbone", default="hybrid-vit-tiny", help="see quake models")
    parser.add_argument("--depth", type=int, default=2, help="layers of a transformer")
    parser.add_argument("--from", dest="start_from", help="model file to go on from")
    parser.add_argument("--synthetic", type=float, default=0.0, help="share of the events")
    parser.add_argument("--epochs", type=int, default=config.epochs, help="at most")
    parser.add_argument("--patience", type=int, default=config.patience, help="epochs")
    parser.add_argument("--seed", type=int, default=config.seed, help="of all draws")
    return parser.parse_args()


def configuration(given: argparse.Namespace) -> TrainConfig:
    config = TrainConfig(
        augmentation=Augmentation(synthetic=given.synthetic),
        epochs=given.epochs,
        patience=given.patience,
        seed=given.seed,
    )
    if given.start_from:  # which brings its network, weights and preprocessing
        return replace(config, start_from=given.start_from, freeze_backbone=True)
    depth = given.depth if given.backbone.startswith("hybrid-vit") else None
    return replace(config, backbone=given.backbone, depth=depth, weights=None)


def show_epoch(result: EpochResult) -> None:
    losses = (f"{name} {result.metrics[f'{name}_loss']:.3f}" for name in ("train", "validation"))
    print(f"epoch {result.epoch + 1}:", *losses, "*" if result.best else "", flush=True)


def main() -> None:
    given = arguments()
    for talkative in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    options = ArchiveOptions(
        before_p_s=given.before_p,
        after_p_s=given.after_p,
        quiet_s=given.quiet,
        noise_length_s=given.noise_length,
        seed=given.seed,
    )
    collection = read_archive(given.archive, given.catalogue, options)
    for label, count in sorted(Counter(span.label for span in collection.spans).items()):
        print(f"{label}: {count} spans")
    for reason, count in Counter(e.reason for e in collection.excluded).most_common():
        print(f"not used: {count} x {reason}")
    progress = Progress(epoch=show_epoch)
    result = train(configuration(given), collection, None, progress, run=given.run)
    for span, reason in result.excluded:
        print(f"not used: {span.record}: {reason}")
    figures = result.card.metrics["test"]
    print(f"test part: {figures['rows']} rows of {figures['events']} events")
    for name in ("accuracy", "macro_f1"):
        value, low, high = figures[name]
        print(f"{name} {value:.2f} ({low:.2f} to {high:.2f})")
    print(f"wrote {given.run / 'model.safetensors'}")


if __name__ == "__main__":
    main()
