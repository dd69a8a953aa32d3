"""The error tree: every error that `quake` raises on purpose is a `QuakeError`.

A message names the file and the trace, what was found, what was expected, and what to do next.
"""


class QuakeError(Exception):
    """Root of all errors that the library raises on purpose."""


class ParameterError(QuakeError, ValueError):
    """A parameter has a value that makes no sense; the message lists what is allowed."""


class WaveformError(QuakeError):
    """A waveform file or stream cannot be read, or holds nothing that can be used."""


class ModelError(QuakeError):
    """A model file is missing, damaged, too new, or does not fit what is asked of it."""


class WeightsError(ModelError):
    """Pretrained backbone weights cannot be had, or do not fit the backbone."""


class LabelError(QuakeError):
    """A label, a label table or a split cannot be used; the message names the rows."""


class TrainingError(QuakeError):
    """Training cannot start or go on with the data and configuration given."""


class ExportError(QuakeError):
    """A model cannot be exported, or the exported file says something else than the library."""


class DeviceError(QuakeError):
    """A device has too little free memory for what it is asked to compute."""


class OutputError(QuakeError):
    """Results cannot be written; those written so far are complete."""
