"""Word what is shown of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake_cli.render.figures import figure_sections, interval, loss_sections
from quake_cli.render.sections import Section

if TYPE_CHECKING:
    from quake.model_file.card import ModelCard
    from quake.model_file.registry import ModelEntry


_SHOWN_SOURCES = 6

_PARTS = {
    "test": "Quality on the test part",
    "held out": "Quality on sources that were held out, of models of the same recipe",
}


def backbone_facts() -> list[dict[str, Any]]:
    """Facts of all backbones, as plain JSON types."""
    from quake.models.backbones import BACKBONES

    return [{"name": backbone.value, **vars(backbone.facts)} for backbone in BACKBONES]


def backbone_sections(facts: Sequence[Mapping[str, Any]]) -> list[Section]:
    """Tables of the backbones: those that ImageNet has weights for, then the transformers."""
    convolutional = [f for f in facts if "imagenet_top1" in f]
    transformers = [f for f in facts if "heads" in f]
    return [_efficientnet_section(convolutional), _hybrid_vit_section(transformers)]


def _efficientnet_section(facts: Sequence[Mapping[str, Any]]) -> Section:
    """Published figures beside torchvision's."""
    return Section(
        "Backbones (with the 1000-class ImageNet head; top-1 in %)",
        [
            (
                f["name"],
                f"{f['parameters']:,}",
                f"{f['published_parameters_millions']:g} M",
                f"{f['imagenet_top1']:.1f}",
                f"{f['published_top1']:.1f}",
                f["weights_file"],
            )
            for f in facts
        ],
        ("name", "parameters", "paper", "top-1", "paper", "ImageNet weights"),
    )


def _hybrid_vit_section(facts: Sequence[Mapping[str, Any]]) -> Section:
    return Section(
        "Transformers (with a 1000-class head; no ImageNet weights, use --weights none)",
        [
            (
                f["name"],
                f"{f['parameters']:,}",
                str(f["width"]),
                str(f["layers"]),
                str(f["heads"]),
            )
            for f in facts
        ],
        ("name", "parameters", "width", "layers", "heads"),
    )


def model_facts(entry: ModelEntry) -> dict[str, Any]:
    """What `quake models` tells of one model, as plain JSON types."""
    from quake.model_file.identity import HASH_DIGITS
    from quake.model_file.weights import meta_of

    meta = meta_of(entry)
    return {**meta.to_dict(), "hash": meta.sha256[:HASH_DIGITS]}


def model_sections(facts: Sequence[Mapping[str, Any]]) -> list[Section]:
    """One section a model: paths and classes are too long for columns."""
    return [
        Section(
            f"{f['name']} ({f['origin']})",
            [
                ("backbone", f["backbone"]),
                ("classes", ", ".join(f["classes"])),
                ("windows", f"{f['window_s']:g} s at {f['sampling_rate_hz']:g} Hz"),
                *((part, _headline(figures)) for part, figures in f["metrics"].items()),
                ("trained on", _several(f["sources"])),
                ("licence", f["licence"] or "not said"),
                ("size", f"{f['size_bytes'] / 1e6:.1f} MB"),
                ("hash", f["hash"]),
                ("sha256", f["sha256"]),
                ("path", f["path"]),
            ],
        )
        for f in facts
    ]


def _headline(figures: Mapping[str, Any]) -> str:
    """The figures that say most of a part, in one line."""
    return (
        f"macro F1 {interval(figures.get('macro_f1'))}, accuracy {interval(figures['accuracy'])}, "
        f"{figures.get('rows', '?')} rows of {figures.get('events', '?')} events"
    )


def _several(sources: Sequence[str]) -> str:
    more = len(sources) - _SHOWN_SOURCES
    shown = ", ".join(sources[:_SHOWN_SOURCES]) or "not said"
    return f"{shown} and {more} more" if more > 0 else shown


def card_sections(path: Path, card: ModelCard) -> list[Section]:
    """All of a card that people read."""
    return [
        _file_section(path, card),
        *_notes_section(card),
        _class_section(card),
        _preprocessing_section(card),
        *_row_sections(card.training),
        *metric_sections(card.metrics, card.labels.names),
        Section("Versions", [(name, str(value)) for name, value in card.versions.items()]),
    ]


def _file_section(path: Path, card: ModelCard) -> Section:
    from quake.model_file.identity import model_hash

    settings = card.training.get("settings") or {}
    return Section(
        "Model",
        [
            ("file", str(path)),
            ("size", f"{path.stat().st_size / 1e6:.1f} MB"),
            ("hash", model_hash(path)),
            ("network", ", ".join(f"{k} {_text(v)}" for k, v in card.network.items())),
            ("trained on", str(card.training.get("table", "not said"))),
            (
                "settings",
                ", ".join(f"{k} {_text(v)}" for k, v in settings.items()) or "not said",
            ),
        ],
    )


def _notes_section(card: ModelCard) -> list[Section]:
    notes = str(card.training.get("notes") or "")
    paragraphs = [" ".join(paragraph.split()) for paragraph in notes.split("\n\n") if paragraph]
    return [Section("Notes", [(paragraph,) for paragraph in paragraphs])] if paragraphs else []


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _class_section(card: ModelCard) -> Section:
    return Section(
        f"Classes (temperature {card.calibration.temperature:.3f})",
        [
            (name, f"{threshold:g}")
            for name, threshold in zip(card.labels.names, card.calibration.thresholds, strict=True)
        ],
        ("class", "threshold"),
    )


def _preprocessing_section(card: ModelCard) -> Section:
    return Section(
        "Preprocessing",
        [
            (name, " to ".join(map(str, value)) if isinstance(value, list) else str(value))
            for name, value in card.preprocessing.to_dict().items()
        ],
    )


def _row_sections(training: Mapping[str, Any]) -> list[Section]:
    """Rows of the label table by source, class and part."""
    parts: Mapping[str, Mapping[str, Mapping[str, int]]] = training.get("rows") or {}
    keys = sorted({(s, c) for part in parts.values() for s, counts in part.items() for c in counts})
    rows = [
        (source, name, *(str(part.get(source, {}).get(name, 0)) for part in parts.values()))
        for source, name in keys
    ]
    return [Section("Rows of training data", rows, ("source", "class", *parts))] if rows else []


def metric_sections(metrics: Mapping[str, Any], classes: Sequence[str] = ()) -> list[Section]:
    """Figures of the parts that say most of what the model will do elsewhere."""
    titles = {part: title for part, title in _PARTS.items() if metrics.get(part)}
    if not titles and metrics.get("validation"):
        titles = {"validation": "Quality on the validation part"}
    sections = [
        section
        for part, title in titles.items()
        for section in figure_sections(
            {"classes": classes, **metrics[part]}, f"{title}, with 95 % intervals"
        )
    ]
    return [*sections, *loss_sections(metrics.get("missing") or {})]
