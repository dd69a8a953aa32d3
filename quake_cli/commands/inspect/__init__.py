"""``quake inspect``: why the model said what it said of one window."""

from quake_cli.commands.inspect.command import inspect as inspect
