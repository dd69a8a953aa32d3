"""Give results to Python: records, events, and probabilities as traces."""

from quake.results.classifier import Classifier as Classifier
from quake.results.prediction import predict as predict
from quake.results.records import Events as Events
from quake.results.records import Records as Records

__all__ = ["Classifier", "Events", "Records", "predict"]
