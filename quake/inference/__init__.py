"""From a model file and waveforms to one record a window."""

from quake.inference.classifier import Classifier as Classifier
from quake.inference.config import PredictConfig as PredictConfig
from quake.inference.prediction import Prediction as Prediction
from quake.inference.records import WindowRecord as WindowRecord
from quake.inference.summary import Summary as Summary

__all__ = ["Classifier", "PredictConfig", "Prediction", "Summary", "WindowRecord"]
