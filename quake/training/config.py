"""Configuration of a training run: typed, with defaults that work, saved with the result."""

from __future__ import annotations

from dataclasses import dataclass, field

from quake.data.preprocessing import Preprocessing
from quake.errors import ParameterError


@dataclass(frozen=True)
class TrainConfig:
    """What `train` may be told.

    Attributes
    ----------
    backbone : str
        Name of an EfficientNet, as in "b0".
    weights : str or None
        "imagenet", None for random ones, or the path of a file.
    classes : tuple of str or None
        In the order wanted; None takes all labels of the table.
    preprocessing : Preprocessing
        Window, rate and spectrogram.
    epochs : int
        At most; early stopping ends sooner.
    draws_per_epoch : int or None
        Windows drawn in an epoch; None draws as many as there are training rows.
    batch_size : int
    learning_rate : float
        Largest one; it warms up over the first twentieth of the run and falls with a cosine.
    weight_decay : float
    dropout, label_smoothing : float
    average : float
        Decay, a step, of an exponential moving average of the weights; validation and the model
        file take the average. 0 takes the weights themselves.
    patience : int
        Epochs without a better validation loss after which training stops.
    class_weights : str
        "balanced" weighs the loss inversely to the class counts, "none" does not.
    validation, test : float
        Shares of the rows, by event.
    hold_out : tuple of str
        Sources that are only tested on.
    min_snr_db : float or None
        Rows of events whose table entry snr_db is lower are tested on, but neither trained nor
        validated on: a label on what cannot be seen teaches to see events in noise.
    freeze_backbone : bool
        Train the classifier alone.
    seed : int
    device : str
        "auto", "cpu" or "cuda".
    workers : int
        Processes that draw windows; 0 draws them in the main one.
    notes : str
        Text for the card: what the data are, what the model is for and what it is not.
    """

    backbone: str = "b0"
    weights: str | None = "imagenet"
    classes: tuple[str, ...] | None = None
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    epochs: int = 40
    draws_per_epoch: int | None = None
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.2
    label_smoothing: float = 0.05
    average: float = 0.0
    patience: int = 10
    class_weights: str = "balanced"
    validation: float = 0.15
    test: float = 0.15
    hold_out: tuple[str, ...] = ()
    min_snr_db: float | None = None
    freeze_backbone: bool = False
    seed: int = 0
    device: str = "auto"
    workers: int = 1
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
            "dropout must be at least 0 and below 1": 0 <= self.dropout < 1,
            "label_smoothing must be at least 0 and below 1": 0 <= self.label_smoothing < 1,
            "average must be at least 0 and below 1": 0 <= self.average < 1,
            "patience must be 1 or more": self.patience >= 1,
            "class_weights must be 'balanced' or 'none'": self.class_weights
            in ("balanced", "none"),
            "device must be 'auto', 'cpu' or 'cuda'": self.device in ("auto", "cpu", "cuda"),
            "workers must be 0 or more": self.workers >= 0,
        }
        for sentence, fulfilled in checks.items():
            if not fulfilled:
                raise ParameterError(sentence)
