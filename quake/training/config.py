"""Configuration of a training run: typed, with defaults that work, saved with the result."""

from __future__ import annotations

from dataclasses import dataclass, field

from quake.data.preprocessing import Preprocessing
from quake.datasets.augmentation import Augmentation
from quake.errors import ParameterError

LOSSES = ("cross-entropy", "focal")
CLASS_WEIGHTS = ("balanced", "sqrt", "none")
ACCELERATORS = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "32", "bf16")


@dataclass(frozen=True)
class TrainConfig:
    """What `train` may be told.

    Attributes
    ----------
    backbone : str
        Name of a network, as in "b0" or "hybrid-vit-tiny".
    depth : int or None
        Layers of a transformer; None takes all of them.
    weights : str or None
        "imagenet", None for random ones, or the path of a file.
    start_from : str or None
        Path of a model file of quake to go on from. Its network and preprocessing are taken; its
        classes need not be the same.
    classes : tuple of str or None
        In the order wanted; None takes all labels of the data.
    preprocessing : Preprocessing
        Window, rate and spectrogram.
    epochs : int
        At most; early stopping ends sooner.
    draws_per_epoch : int or None
        Windows drawn in an epoch; None draws as many as there are training rows.
    batch_size : int
        Of each device.
    learning_rate : float
        Largest one; it warms up over the first twentieth of the run and falls with a cosine.
    backbone_learning_rate : float
        Share of it with which a backbone that was frozen at first learns later.
    weight_decay : float
    dropout, label_smoothing : float
    average : float
        Decay, a step, of an exponential moving average of the weights; validation and the model
        file take the average. 0 takes the weights themselves.
    patience : int
        Epochs without a better validation loss after which training stops.
    loss : str
        "cross-entropy" or "focal".
    class_weights : str
        "balanced" weighs the loss inversely to the class counts, "sqrt" inversely to their square
        root, "none" does not.
    soft_labels : float
        Share of the soft labels, and of the teachers, in what is learnt, from 0 (labels alone) to
        1; rows without soft labels keep their labels.
    teachers : tuple of str
        Models that answer each window beside its label, see `quake.training.teachers`.
    mixup : float
        Alpha of the Beta distribution of the shares; 0 mixes nothing.
    spec_augment : int
        Masks of each kind over a spectrogram.
    progressive : int
        Stages in which spectrograms grow to full size; 1 for full size throughout.
    augmentation : Augmentation
        Random changes to the waveforms.
    validation, test : float
        Shares of the rows, by event.
    hold_out : tuple of (str, str)
        ("source", name) or ("station", code): what is only tested on.
    min_snr_db : float or None
        Rows of events whose table entry snr_db is lower are tested on, but neither trained nor
        validated on: a label on what cannot be seen teaches to see events in noise.
    freeze_backbone : bool
        Train the classifier alone.
    freeze_epochs : int
        Train the classifier alone for so many epochs, then all of the network.
    seed : int
    accelerator : str
        "auto", "cpu" or "cuda".
    devices : int
        Processes, with one device each.
    precision : str
        "auto" (bfloat16 on CUDA), "32" or "bf16".
    workers : int
        Processes that draw windows; 0 draws them in the main one.
    cache : str or None
        Folder of decoded windows; None decodes in each run.
    notes : str
        Text for the card: what the data are, what the model is for and what it is not.
    """

    backbone: str = "b0"
    depth: int | None = None
    weights: str | None = "imagenet"
    start_from: str | None = None
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    epochs: int = 40
    draws_per_epoch: int | None = None
    batch_size: int = 64
    learning_rate: float = 2e-3
    backbone_learning_rate: float = 0.1
    weight_decay: float = 0.05
    dropout: float = 0.2
    label_smoothing: float = 0.05
    average: float = 0.0
    patience: int = 10
    loss: str = "cross-entropy"
    class_weights: str = "balanced"
    soft_labels: float = 0.5
    teachers: tuple[str, ...] = ()
    mixup: float = 0.0
    spec_augment: int = 0
    progressive: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    validation: float = 0.15
    test: float = 0.15
    hold_out: tuple[tuple[str, str], ...] = ()
    min_snr_db: float | None = None
    freeze_backbone: bool = False
    freeze_epochs: int = 0
    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"
    workers: int = 1
    cache: str | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        ParameterError
        """
        checks = {
            "epochs must be 1 or more": self.epochs >= 1,
            "draws_per_epoch must be 1 or more": (self.draws_per_epoch or 1) >= 1,
            "batch_size must be 2 or more": self.batch_size >= 2,
            "learning_rate must be positive": self.learning_rate > 0,
            "backbone_learning_rate must be positive": self.backbone_learning_rate > 0,
            "dropout must be at least 0 and below 1": 0 <= self.dropout < 1,
            "label_smoothing must be at least 0 and below 1": 0 <= self.label_smoothing < 1,
            "average must be at least 0 and below 1": 0 <= self.average < 1,
            "patience must be 1 or more": self.patience >= 1,
            "loss must be 'cross-entropy' or 'focal'": self.loss in LOSSES,
            "class_weights must be 'balanced', 'sqrt' or 'none'": self.class_weights
            in CLASS_WEIGHTS,
            "soft_labels must be from 0 to 1": 0 <= self.soft_labels <= 1,
            "mixup must be 0 or more": self.mixup >= 0,
            "spec_augment must be 0 or more": self.spec_augment >= 0,
            "progressive must be 1 or more, and no more than there are epochs": 1
            <= self.progressive
            <= self.epochs,
            "freeze_epochs must be 0 or more, and fewer than epochs": 0
            <= self.freeze_epochs
            < self.epochs,
            "freeze_epochs and freeze_backbone exclude each other": not (
                self.freeze_epochs and self.freeze_backbone
            ),
            "freeze_epochs works on one device; for several, train with freeze_backbone first and "
            "go on from that model": not (self.freeze_epochs and self.devices > 1),
            "accelerator must be 'auto', 'cpu' or 'cuda'": self.accelerator in ACCELERATORS,
            "devices must be 1 or more": self.devices >= 1,
            "precision must be 'auto', '32' or 'bf16'": self.precision in PRECISIONS,
            "workers must be 0 or more": self.workers >= 0,
        }
        for sentence, fulfilled in checks.items():
            if not fulfilled:
                raise ParameterError(sentence)
