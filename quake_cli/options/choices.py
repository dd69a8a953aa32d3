"""List the words that options take."""

from __future__ import annotations

from enum import StrEnum


class Device(StrEnum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class EngineName(StrEnum):
    """What runs the network."""

    AUTO = "auto"
    ONNX = "onnx"
    TORCH = "torch"
    OPENVINO = "openvino"


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    MSEED = "mseed"
    QUAKEML = "quakeml"
    SNUFFLER = "snuffler"
    SWARM = "swarm"
    AUDACITY = "audacity"


class LogFormat(StrEnum):
    """How messages are written."""

    TEXT = "text"
    JSON = "json"
