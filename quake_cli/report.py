"""The course of a prediction: records and problems go in, messages and the exit status come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from quake.data.source import FileSource, Problem, select
from quake.data.waveform import ChannelSetId, Span
from quake.inference.records import WindowRecord
from quake.inference.summary import Summary
from quake_cli.exits import Exit
from quake_cli.inputs import Inputs
from quake_cli.messages import Messages

_SCORED = ("ok", "uncertain")
_STATUSES = (*_SCORED, "no_data", "rejected")

# Flags that are reasons for a window without probabilities, and what can be done.
_ADVICE = {
    "low_coverage": "too few samples in a window: give longer or fuller records, or lower "
    "--min-coverage",
    "all_dead": "all components are constant: check the station",
    "bad_values": "NaN, infinite or absurd values, which count as gaps: export the record again",
    "sampling_rate_too_low": "sampled too slowly for this model: use records of a higher rate, "
    "or a model for lower ones",
    "missing_components": "this model needs three components: give them, or use another model",
}


class _RememberingSource(FileSource):
    """Files, and what was found in them, for messages."""

    found: Mapping[ChannelSetId, list[Span]] = {}

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """Scan, and keep the result."""
        found = super().spans()
        self.found = found
        return found


class RunReport:
    """Tells the user what happens to the inputs, and how the run ended.

    Parameters
    ----------
    messages : Messages
    inputs : Inputs
        Their problems are shown at once.
    """

    def __init__(self, messages: Messages, inputs: Inputs) -> None:
        self.messages = messages
        self.inputs = inputs
        self.failed: set[str] = set()
        self._source = _RememberingSource([])
        self._shown: set[Problem] = set()
        self._id = ""
        self._statuses: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._all_reasons: Counter[str] = Counter()
        self.show(inputs.problems)

    def source(self, on_file: Callable[[int], None]) -> FileSource:
        """The files, for the library to read."""
        self._source = _RememberingSource(self.inputs.files, self.inputs.names, on_file)
        return self._source

    def show(self, problems: Sequence[Problem]) -> None:
        """Show problems that are new."""
        for problem in problems:
            if problem not in self._shown:
                self._shown.add(problem)
                self._show(problem)

    def _show(self, problem: Problem) -> None:
        message = problem.message
        for path, name in self.inputs.names.items():
            message = message.replace(path, name)
        if problem.failed:
            self.failed.add(problem.source)
            self.messages.error(message)
        else:
            self.messages.warning(message)

    def add(self, record: WindowRecord, problems: Sequence[Problem]) -> None:
        """Count a window; they come one channel set after the other."""
        self.show(problems)
        if record.id != self._id:
            self._end_channel_set()
            self._id = record.id
        self._statuses[record.status] += 1
        if record.status not in _SCORED:
            flags = {flag.partition(":")[0] for flag in record.flags}  # as in bad_values:Z
            self._reasons.update(sorted(flags & _ADVICE.keys()))

    def _end_channel_set(self) -> None:
        """Say so where no window of the channel set could be scored."""
        if self._statuses and not any(self._statuses[status] for status in _SCORED):
            self.messages.warning(
                f"{self._files_of(self._id)}, {self._id}: "
                f"{_count(self._statuses.total(), 'window')}, none scored; "
                f"{_reasons(self._reasons)}"
            )
        self._all_reasons += self._reasons
        self._statuses.clear()
        self._reasons.clear()

    def _files_of(self, channel_set: str) -> str:
        files = sorted(
            {
                span.source
                for key, spans in self._source.found.items()
                if str(key) == channel_set
                for span in spans
            }
        )
        names = [self.inputs.names.get(file, file) for file in files]
        return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if names[2:] else "")

    def _warn_of_unmatched(self, patterns: Sequence[str]) -> None:
        found = dict(self._source.found)
        there_are = ", ".join(str(key) for key in sorted(found)[:5])
        more = ", ..." if len(found) > 5 else ""
        for pattern in patterns:
            if found and not select(found, [pattern])[0]:
                self.messages.warning(
                    f"--channels {pattern}: no channel matches; there are {there_are}{more}"
                )

    def close(
        self, summary: Summary, problems: Sequence[Problem] = (), channels: Sequence[str] = ()
    ) -> Exit:
        """Show what is left to say and the summary, and decide on the exit status."""
        self.show(problems)
        self._end_channel_set()
        self._warn_of_unmatched(channels)
        self.messages.note(self._summary(summary))
        if not any(summary.windows[status] for status in _SCORED):
            self._say_why_nothing(summary)
            return Exit.NOTHING_USABLE
        return Exit.SOME_FAILED if self.failed else Exit.OK

    def _say_why_nothing(self, summary: Summary) -> None:
        """Errors on single inputs say it already, if that was all."""
        n_windows = summary.windows.total()
        if n_windows:
            reason = f"{_count(n_windows, 'window')}, none scored"
            if self.messages.quiet:  # otherwise the warnings have said why, file by file
                reason += f"; {_reasons(self._all_reasons)}"
        elif not self.failed:
            reason = "no channel is left; check --channels and the channel codes"
        else:
            return
        inputs = self._inputs()
        what = inputs.pop() if len(inputs) == 1 else f"the {len(inputs)} inputs"
        self.messages.error(f"nothing usable in {what}: {reason}")

    def _inputs(self) -> set[str]:
        read = {self.inputs.names.get(str(path), str(path)) for path in self.inputs.files}
        return read | {problem.source for problem in self.inputs.problems}

    def _summary(self, summary: Summary) -> str:
        inputs = _count(len(self._inputs()), "input") + f" ({len(self.failed)} failed)"
        if self.inputs.left_out:
            inputs += f", {_count(self.inputs.left_out, 'other file')} left out"
        windows = ", ".join(f"{summary.windows[status]} {status}" for status in _STATUSES)
        parts = {
            "scored": round(summary.scored_s, 3),
            "no_data": round(summary.no_data_s, 3),
            "rejected": round(summary.rejected_s, 3),
        }
        seconds = " + ".join(f"{_seconds(value)} {name}" for name, value in parts.items())
        return (
            f"{inputs}; {_count(summary.windows.total(), 'window')}: {windows}; "
            f"{_seconds(sum(parts.values()))} s of input = {seconds}"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _reasons(reasons: Counter[str]) -> str:
    return "; ".join(f"{flag} ({count}): {_ADVICE[flag]}" for flag, count in reasons.most_common())
