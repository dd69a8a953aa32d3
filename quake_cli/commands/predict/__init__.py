"""``quake predict``: windows or events of waveforms."""

from quake_cli.commands.predict.command import predict as predict
