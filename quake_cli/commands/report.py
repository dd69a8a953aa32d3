"""``quake report``: one page over a result store."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quake.errors import ModelError, OutputError, ParameterError
from quake_cli.counts import counted
from quake_cli.exits import Exit
from quake_cli.messages import Messages, library_messages
from quake_cli.options.messages import Debug, Quiet

if TYPE_CHECKING:
    from quake.model_file.card import ModelCard
    from quake.report import Survey
    from quake.report.picture_links import PictureLinks
    from quake.report.run_facts import RunFacts
    from quake_cli.render.sections import Section

_STDOUT = "-"


def report(
    context: typer.Context,
    store: Annotated[
        Path,
        typer.Argument(
            metavar="STORE",
            help="Result store: the folder that `quake predict --output DIR/` wrote.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the page there; - is standard output."
        ),
    ] = "report.html",
    top: Annotated[
        int,
        typer.Option(
            "--top", metavar="N", help="Show so many windows in each list, with their pictures."
        ),
    ] = 6,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Find the store's model there, where it is neither bundled nor installed.",
        ),
    ] = None,
    last: Annotated[
        int,
        typer.Option("--last", metavar="N", help="Show so many events, the last ones."),
    ] = 300,
    doubts: Annotated[
        int,
        typer.Option(
            "--doubts",
            metavar="N",
            help="Show so many onsets that are no events, those that the model was least certain "
            "of, for the review.",
        ),
    ] = 40,
    inventory: Annotated[
        Path | None,
        typer.Option(
            "--inventory", metavar="FILE", help="Draw a map of the stations in this StationXML."
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="DIR",
            help="Link events to pictures of their days, drawn there by `quake predict --plot`.",
        ),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Write one page over a result store: events to review, rates, maps, histograms, windows."""
    from quake.events.station_facts import read_station_facts
    from quake.report import ReportOptions, survey_store
    from quake.report.run_facts import read_run_facts
    from quake_cli.render.cards import card_sections
    from quake_cli.render.progress import ProgressBar

    messages: Messages = context.obj
    options = ReportOptions(top=top, events=last, doubts=doubts)
    with library_messages(messages), ProgressBar(messages) as bar:
        facts = read_run_facts(store)
        _check(output)
        found = _model_of(messages, facts, model)
        sites = read_station_facts(inventory).sites
        options = replace(
            options,
            card=None if found is None else found[1],
            on_progress=bar.update,
            sites=sites or {},
        )
        survey = survey_store(facts, options)
        sections = [] if found is None else card_sections(*found)
        _write(output, survey, sections, _links(pictures, output))
    _say(messages, output, survey)
    return Exit.SOME_FAILED if survey.damaged.count else Exit.OK


def _check(output: str) -> None:
    """Refuse a place that cannot be written to before anything is read."""
    path = Path(output)
    if output == _STDOUT:
        return
    if path.is_dir():
        raise ParameterError(f"--output {output}: is a folder; the name of a file was expected")
    if not path.absolute().parent.is_dir():
        raise ParameterError(f"--output {output}: there is no folder {path.absolute().parent}")


def _model_of(
    messages: Messages, facts: RunFacts, wanted: str | None
) -> tuple[Path, ModelCard] | None:
    """The model that made the results; None if it is not here."""
    from quake.model_file.identity import model_hash
    from quake.model_file.registry import list_models
    from quake.model_file.safetensors_file import load_card
    from quake_cli.model_choice import named_model

    if wanted is not None:
        path = named_model(messages, wanted)
        if model_hash(path) != facts.model:
            raise ModelError(
                f"{path}: is the model {model_hash(path)}, the results in {facts.root} are of "
                f"{facts.model}"
            )
        return path, load_card(path)
    entries, _ = list_models()
    fitting = (entry for entry in entries if model_hash(entry.path) == facts.model)
    return next(((entry.path, entry.card) for entry in fitting), None)


def _links(pictures: Path | None, output: str) -> PictureLinks | None:
    """Where pictures are, as seen from the page; from this folder if it goes to a pipe."""
    from quake.report.picture_links import PictureLinks

    if pictures is None:
        return None
    if not pictures.is_dir():
        raise ParameterError(f"--pictures {pictures}: there is no such folder; name that of --plot")
    page = Path() if output == _STDOUT else Path(output).absolute().parent
    return PictureLinks(pictures, page)


def _write(
    output: str, survey: Survey, sections: list[Section], links: PictureLinks | None
) -> None:
    from quake.files import whole_file
    from quake.report import write_page

    if output == _STDOUT:
        write_page(sys.stdout.buffer, survey, sections, links)
        sys.stdout.buffer.flush()
        return
    try:
        with whole_file(Path(output)) as file:
            write_page(file, survey, sections, links)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror or error}); nothing was left there"
        ) from error


def _say(messages: Messages, output: str, survey: Survey) -> None:
    for found, say in ((survey.damaged, messages.error), (survey.missing, messages.warning)):
        for text in found.texts:
            say(text)
        if found.count > len(found.texts):
            say(f"and {found.count - len(found.texts)} more like these")
    totals = survey.totals
    messages.note(
        f"{'standard output' if output == _STDOUT else output}: "
        f"{counted(totals.station_days.total(), 'station-day')}, "
        f"{counted(totals.windows.total(), 'window')}, "
        f"{counted(survey.events.total, 'event')}; {counted(survey.n_pictures, 'picture')}"
    )
