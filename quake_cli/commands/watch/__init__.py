"""``quake watch``: windows and events of data that are being recorded."""

from quake_cli.commands.watch.command import watch as watch
