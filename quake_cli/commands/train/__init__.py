"""``quake train``: a model from labelled waveforms."""

from quake_cli.commands.train.command import train as train
