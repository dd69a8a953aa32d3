"""Options of `quake train` alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from quake_cli.options.choices import Device

_MODEL = "Model"
_SPECTROGRAM = "Windows and spectrograms"
_OPTIMISATION = "Optimisation"
_AUGMENTATION = "Augmentation"
_SPLIT = "Split"
_HARDWARE = "Hardware"


class ClassWeights(StrEnum):
    """How the loss weighs classes."""

    BALANCED = "balanced"
    SQRT = "sqrt"
    NONE = "none"


class Loss(StrEnum):
    """What training makes small."""

    CROSS_ENTROPY = "cross-entropy"
    FOCAL = "focal"


class Precision(StrEnum):
    """Of the arithmetic of the network."""

    AUTO = "auto"
    FULL = "32"
    BF16 = "bf16"


class LeaveOut(StrEnum):
    """What one training after the other is done without."""

    SOURCE = "source"
    STATION = "station"


Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the model there.")
]
Install = Annotated[
    str | None,
    typer.Option("--install", metavar="NAME", help="Install the model under a name."),
]
Run = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="DIR",
        help="Keep metrics, curves, models and checkpoints there; the same command goes on "
        "from there after a kill.",
    ),
]
LeaveOneOut = Annotated[
    LeaveOut | None,
    typer.Option(
        "--leave-one-out",
        help="Train once without each source (or station), test on it; needs --run.",
        rich_help_panel=_SPLIT,
    ),
]
Together = Annotated[
    list[str] | None,
    typer.Option(
        "--together",
        metavar="NAME,NAME",
        help="Leave out these sources of one network together; may be repeated.",
        rich_help_panel=_SPLIT,
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        help="Train this backbone: b0 ... b4, v2_s, v2_m, hybrid-vit-tiny ...; see `quake models`.",
        rich_help_panel=_MODEL,
    ),
]
Depth = Annotated[
    int | None,
    typer.Option("--depth", help="Give a transformer so many layers.", rich_help_panel=_MODEL),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="PATH|NAME",
        help="Go on from a model of quake, perhaps with other classes.",
        rich_help_panel=_MODEL,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="imagenet|none|FILE",
        help="Begin the backbone with these; HybridViT begins with random ones by default.",
        rich_help_panel=_MODEL,
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        "--classes",
        metavar="NAME,NAME,...",
        help="Learn these classes, in this order; all labels of the table by default.",
        rich_help_panel=_MODEL,
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        "--dropout",
        help="Drop this share of features before the classifier.",
        rich_help_panel=_MODEL,
    ),
]
FreezeBackbone = Annotated[
    bool,
    typer.Option("--freeze-backbone", help="Train the classifier alone.", rich_help_panel=_MODEL),
]
FreezeEpochs = Annotated[
    int | None,
    typer.Option(
        "--freeze-epochs",
        help="Train the classifier alone for so long, then everything.",
        rich_help_panel=_MODEL,
    ),
]
WindowS = Annotated[
    float | None,
    typer.Option("--window", help="Cut windows so long, in seconds.", rich_help_panel=_SPECTROGRAM),
]
SamplingRateHz = Annotated[
    float | None,
    typer.Option("--rate", help="Resample to this rate, in Hz.", rich_help_panel=_SPECTROGRAM),
]
Nperseg = Annotated[
    int | None,
    typer.Option(
        "--nperseg", help="Transform so many samples at a time.", rich_help_panel=_SPECTROGRAM
    ),
]
HopSamples = Annotated[
    int | None,
    typer.Option(
        "--hop",
        help="Step so many samples from one transform to the next.",
        rich_help_panel=_SPECTROGRAM,
    ),
]
BandHz = Annotated[
    str | None,
    typer.Option(
        "--band",
        metavar="LOW,HIGH",
        help="Keep this band, in Hz; below it a high-pass cuts.",
        rich_help_panel=_SPECTROGRAM,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", help="Train for so many epochs at most.", rich_help_panel=_OPTIMISATION
    ),
]
DrawsPerEpoch = Annotated[
    int | None,
    typer.Option(
        "--draws-per-epoch",
        help="Draw so many windows in an epoch; as many as training rows by default.",
        rich_help_panel=_OPTIMISATION,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", help="Take so many windows in a step.", rich_help_panel=_OPTIMISATION
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate", help="Learn at this rate at most.", rich_help_panel=_OPTIMISATION
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option(
        "--weight-decay", help="Decay weights by this much (AdamW).", rich_help_panel=_OPTIMISATION
    ),
]
LabelSmoothing = Annotated[
    float | None,
    typer.Option(
        "--label-smoothing",
        help="Smooth the labels of the training loss by this share.",
        rich_help_panel=_OPTIMISATION,
    ),
]
ClassWeighting = Annotated[
    ClassWeights | None,
    typer.Option(
        "--class-weights", help="Weigh the classes so in the loss.", rich_help_panel=_OPTIMISATION
    ),
]
LossOption = Annotated[
    Loss | None,
    typer.Option("--loss", help="Make this loss small.", rich_help_panel=_OPTIMISATION),
]
SoftLabels = Annotated[
    float | None,
    typer.Option(
        "--soft-labels",
        metavar="SHARE",
        help="Learn to this share from soft labels (columns soft_CLASS of a label table) and "
        "from teachers; the rest is the label's.",
        rich_help_panel=_OPTIMISATION,
    ),
]
Teacher = Annotated[
    list[str] | None,
    typer.Option(
        "--teacher",
        metavar="MODEL",
        help="Learn from this model too: a model file, or seisbench:PhaseNet/stead where "
        "SeisBench is installed; may be repeated.",
        rich_help_panel=_OPTIMISATION,
    ),
]
Mixup = Annotated[
    float | None,
    typer.Option(
        "--mixup",
        metavar="ALPHA",
        help="Mix pairs of windows, as 0.2; 0 for none.",
        rich_help_panel=_AUGMENTATION,
    ),
]
SpecAugment = Annotated[
    int | None,
    typer.Option(
        "--spec-augment",
        metavar="N",
        help="Lay so many masks over frequency, and as many over time.",
        rich_help_panel=_AUGMENTATION,
    ),
]
Synthetic = Annotated[
    float | None,
    typer.Option(
        "--synthetic",
        metavar="SHARE",
        help="Draw this share of events as synthetic ones on real noise.",
        rich_help_panel=_AUGMENTATION,
    ),
]
Disturbance = Annotated[
    float | None,
    typer.Option(
        "--disturbance",
        metavar="SHARE",
        help="Give this share of noise windows a synthetic disturbance.",
        rich_help_panel=_AUGMENTATION,
    ),
]
Progressive = Annotated[
    int | None,
    typer.Option(
        "--progressive",
        metavar="STAGES",
        help="Let spectrograms grow to full size in so many stages.",
        rich_help_panel=_OPTIMISATION,
    ),
]
Average = Annotated[
    float | None,
    typer.Option(
        "--average",
        metavar="DECAY",
        help="Keep a moving average of the weights, as 0.995; 0 for none.",
        rich_help_panel=_OPTIMISATION,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        help="Stop after so many epochs without improvement.",
        rich_help_panel=_OPTIMISATION,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", help="Seed all random choices with this number.", rich_help_panel=_OPTIMISATION
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Draw windows in so many processes.", rich_help_panel=_HARDWARE),
]
Validation = Annotated[
    float | None,
    typer.Option(
        "--validation", help="Keep this share of rows to choose by.", rich_help_panel=_SPLIT
    ),
]
Test = Annotated[
    float | None,
    typer.Option("--test", help="Keep this share of rows to measure on.", rich_help_panel=_SPLIT),
]
HoldOut = Annotated[
    list[str] | None,
    typer.Option(
        "--hold-out",
        metavar="source=NAME|station=NET.STA",
        help="Only test on it; may be repeated.",
        rich_help_panel=_SPLIT,
    ),
]
MinSnrDb = Annotated[
    float | None,
    typer.Option(
        "--min-snr",
        metavar="DB",
        help="Only test on event rows with a lower snr_db.",
        rich_help_panel=_SPLIT,
    ),
]
Notes = Annotated[
    Path | None,
    typer.Option(
        "--notes",
        metavar="FILE",
        help="Put this text into the card: what the data are, what the model is for and not for.",
        rich_help_panel=_MODEL,
    ),
]
Accelerator = Annotated[
    Device,
    typer.Option(
        "--accelerator",
        "--device",
        help="Let the network learn there; auto takes CUDA if there is.",
        rich_help_panel=_HARDWARE,
    ),
]
Devices = Annotated[
    int | None,
    typer.Option(
        "--devices",
        help="Train in so many processes, with a device each (DDP).",
        rich_help_panel=_HARDWARE,
    ),
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        "--precision", help="Compute so; auto is bf16 on CUDA, else 32.", rich_help_panel=_HARDWARE
    ),
]
