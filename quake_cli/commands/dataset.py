"""``quake dataset``: write labelled waveforms as a SeisBench data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quake_cli.exits import Exit
from quake_cli.labelled_data import collect, cut_of, tell_exclusions
from quake_cli.messages import Messages, library_messages
from quake_cli.options.labelled_data import (
    AfterP,
    BeforeP,
    Catalogue,
    CatalogueInventory,
    Data,
    IgnoreSplit,
    LabelColumn,
    LabelMap,
    NoiseLength,
    QuietTime,
)
from quake_cli.options.messages import AsJson, Debug, Quiet

if TYPE_CHECKING:
    from quake.datasets.seisbench_writer import WrittenDataset


def dataset(
    context: typer.Context,
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write metadata.csv and waveforms.hdf5 to this folder; it is made if need be.",
            show_default=False,
        ),
    ],
    catalogue: Catalogue = None,
    inventory: CatalogueInventory = None,
    before_p: BeforeP = None,
    after_p: AfterP = None,
    quiet_time: QuietTime = None,
    noise_length: NoiseLength = None,
    label_column: LabelColumn = None,
    label_map: LabelMap = None,
    ignore_split: IgnoreSplit = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Write labelled waveforms as a data set that SeisBench opens.

    Each row becomes a trace at the rate and in the units of its record, with its label, P arrival,
    event and part in the metadata. docs/data.md says what each column means.

    Exit status: 0 all rows written, 1 some could not be read, 2 wrong usage, 3 nothing usable,
    130 or 143 interrupted.
    """
    from quake.datasets.seisbench_writer import write_seisbench
    from quake_cli.render.progress import ProgressBar

    messages: Messages = context.obj
    with library_messages(messages):
        collection = collect(
            data,
            catalogue=catalogue,
            inventory=inventory,
            label_column=label_column,
            label_map=label_map,
            ignore_split=ignore_split,
            cut=cut_of(before_p, after_p, quiet_time, noise_length),
            messages=messages,
        )
        with ProgressBar(messages) as bar:
            written = write_seisbench(
                collection, output, lambda done, total: bar.update("writing", done, total)
            )
        tell_exclusions(written.excluded, messages)
        _show(written, messages, as_json)
    return Exit.SOME_FAILED if written.excluded else Exit.OK


def _show(written: WrittenDataset, messages: Messages, as_json: bool) -> None:
    names = [str(path) for path in written.paths]
    if as_json:
        found = {"files": names, "traces": written.n_traces, "excluded": len(written.excluded)}
        typer.echo(json.dumps(found, indent=2))
        return
    messages.note(f"wrote {written.n_traces} traces to {' and '.join(names)}")
