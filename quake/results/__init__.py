"""Results in memory: waveforms in, records, events and probability traces for Python out."""

from quake.results.classifier import Classifier as Classifier
from quake.results.prediction import predict as predict
from quake.results.records import Events as Events
from quake.results.records import Records as Records

__all__ = ["Classifier", "Events", "Records", "predict"]
