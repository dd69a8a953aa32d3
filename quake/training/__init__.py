"""Training: a label table goes in, a model file with its measured quality comes out."""

from quake.training.config import TrainConfig as TrainConfig
from quake.training.fit import TrainResult as TrainResult
from quake.training.fit import train as train

__all__ = ["TrainConfig", "TrainResult", "train"]
