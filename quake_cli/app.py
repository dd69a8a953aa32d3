"""Run the program: all errors end here, and only here, as an exit status."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from quake.errors import QuakeError
from quake_cli.command import Group, LazyCommand
from quake_cli.exits import Exit, status_of
from quake_cli.messages import Messages
from quake_cli.standard_output import flush_or_forget, forget, named_stdout

# Typer brings its own copy of Click or Click itself, depending on its version; both have
# ClickException -> UsageError -> BadParameter.
_COMMAND_LINE_ERROR: Any = typer.BadParameter.__mro__[2]

# To add a command, write the function of its name in quake_cli/commands/<name>.py, and the first
# line of its docstring here: the list of commands is shown without loading any of them.
_COMMANDS = {
    "predict": "Say of each window of seismic records how probable each class is.",
    "events": "Make the events of a result store again with other settings, without waveforms.",
    "watch": "Follow an archive that is being written, or a SeedLink server.",
    "inspect": "Show what the model saw in one window, and why it said what it said.",
    "report": (
        "Write one page over a result store: events to review, rates, maps, histograms, windows."
    ),
    "doctor": "Check that this installation is sound, and say what to do where it is not.",
    "completion": "Print a script that lets bash, zsh or fish complete command lines.",
    "models": "List the backbones with their facts, and the bundled and installed models.",
    "info": "Show the card of a model: classes, preprocessing, training data, measured quality.",
    "train": "Train a model on labelled waveforms, and measure it on rows that it has not seen.",
    "evaluate": "Measure a model on labelled waveforms that it was not trained on.",
    "dataset": "Write labelled waveforms as a data set that SeisBench opens.",
    "export": (
        "Write a model as one graph from waveform to probability, for programs without quake."
    ),
}

app = typer.Typer(
    name="quake",
    cls=Group,
    help="Tell what is in seismic waveforms: earthquake, surface event or noise, window by window.",
    add_completion=False,
    rich_markup_mode=None,  # with it Rich is loaded, and all that it can draw
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from quake import __version__

        typer.echo(f"quake {__version__}")
        raise typer.Exit


@app.callback()
def _quake(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


for _name, _line in _COMMANDS.items():
    app.command(_name, short_help=_line, cls=LazyCommand)(lambda: None)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the name of the program; those of the process by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    messages = Messages()
    with _usable_streams(), _ending_in_order():
        try:
            status = _invoke(arguments, messages)
            sys.stdout.flush()
        except BrokenPipeError:
            forget(sys.stdout)
            status = Exit.BROKEN_PIPE
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            status = _explain(error, messages)
            flush_or_forget()  # what was written before stands
    messages.close_log()
    sys.exit(int(status))


def _invoke(arguments: list[str], messages: Messages) -> int:
    """Parse and run; Typer's own `main` would handle errors in its way."""
    command = typer.main.get_command(app)
    wanted = list(arguments) or ["--help"]  # Click empties it
    try:
        with command.make_context("quake", wanted, obj=messages) as context:
            status = int(command.invoke(context) or Exit.OK)
    except typer.Exit as error:
        status = error.exit_code
    return status if arguments else Exit.USAGE


def _explain(error: BaseException, messages: Messages) -> int:
    """One line on standard error for what ended a run, and the exit status for it."""
    if isinstance(error, SystemExit):
        if error.code == Exit.TERMINATED:
            messages.error("interrupted")
        return status_of(error)
    messages.trace(error)
    interruption = _interruption(error)
    if interruption is not None:
        messages.error("interrupted")
        return interruption
    error = _explained(error)
    if isinstance(error, _COMMAND_LINE_ERROR):
        messages.error(_usage(error))
        return Exit.USAGE
    if isinstance(error, QuakeError):
        messages.error(str(error))
    elif isinstance(error, OSError):
        messages.error(f"{error}; results are incomplete")
    elif isinstance(error, ModuleNotFoundError) and (missing := _missing_package(error)):
        from quake.installed import install

        messages.error(f"{missing} is not installed, and this needs it; {install(missing)}")
    else:
        what = f"{type(error).__name__}: {error}".strip(": ")
        messages.error(f"unexpected {what}; --debug shows where; please report it")
    return status_of(error)


def _interruption(error: BaseException) -> Exit | None:
    """Exit status for the signal that ended a run; None if something else did."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if type(error).__name__ == "SIGTERMException":  # of Lightning, which has its own handler
        return Exit.TERMINATED
    text = str(error)
    if not (isinstance(error, RuntimeError) and text.startswith("DataLoader worker")):
        return None
    # A signal to all processes ended the workers of torch before this one heard of it.
    of_workers = {
        "Hangup": Exit.HUNG_UP,
        "Interrupt": Exit.INTERRUPTED,
        "Terminated": Exit.TERMINATED,
    }
    return next((status for name, status in of_workers.items() if f"signal: {name}" in text), None)


def _explained(error: BaseException) -> BaseException:
    """Replace what a torchvision that does not fit torch raises by what it means."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, RuntimeError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:  # loads no module where the disk is full
        return error
    from quake.models.torch_pair import explained

    return explained(error)


def _missing_package(error: ModuleNotFoundError) -> str:
    """The package that quake asks for and this one is a module of; empty for all others."""
    from quake.installed import bound_of

    name = (error.name or "").partition(".")[0].replace("_", "-")
    return name if name and bound_of(name) else ""


def _usage(error: Any) -> str:
    command = error.ctx.command_path if getattr(error, "ctx", None) else "quake"
    return f"{' '.join(error.format_message().split()).rstrip('.')}; see `{command} --help`"


@contextmanager
def _usable_streams() -> Iterator[None]:
    """Standard output that can be written to whatever the locale is, or says why it cannot."""
    before = sys.stdout
    sys.stdout = named_stdout(before)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        if sys.stdout is not before and before is not None:
            flush_or_forget()
            sys.stdout = before


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Make `kill` an exception, so that temporary files are removed."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise SystemExit(Exit.TERMINATED)

    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
