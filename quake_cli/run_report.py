"""Tell the course of a prediction: messages, the summary and the exit status."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quake.inference.coverage import SCORED
from quake.inference.reasons import reasons_of
from quake.inference.records import WindowRecord
from quake.inference.summary import Summary
from quake.inputs.findings import Findings
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.sources import Problem
from quake_cli.counts import counted
from quake_cli.exits import Exit
from quake_cli.inputs import Inputs
from quake_cli.messages import Messages

if TYPE_CHECKING:
    from quake.store.result import ChannelSetResult

_STATUSES = (*SCORED, "no_data", "rejected")

_SHOWN = 5  # files of a kind, one by one

_DAY_NS = 86_400 * 10**9

# Where clocks begin to count: Unix and GPS.
_EPOCHS_NS = (0, 3657 * _DAY_NS)

# Flags that are reasons for a window without probabilities, and what can be done.
ADVICE = {
    "low_coverage": "too few samples in a window: give longer or fuller records, or lower "
    "--min-coverage",
    "disputed": "files contradict each other there: name one of them, or move the other away",
    "flat": "one value for seconds, as gaps are filled with: get the record without the filling",
    "line": "a straight line for seconds, as gaps are filled with: get the record without the "
    "filling",
    "all_dead": "all components are constant: check the station",
    "bad_values": "NaN, infinite or absurd values, which count as gaps: export the record again",
    "sampling_rate_too_low": "sampled too slowly for this model: use records of a higher rate, "
    "or a model for lower ones",
    "missing_components": "this model needs three components: give them, or use another model",
}


@dataclass
class _Outcome:
    """Windows of one channel set."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


class RunReport:
    """Tells the user what happens to the inputs, and how the run ended.

    Parameters
    ----------
    messages : Messages
    inputs : Inputs
        Their problems are shown at once.

    Attributes
    ----------
    findings : Findings
        What headers say that the user should know.
    failed : set of str
        Inputs of which something could not be used.
    totals : dict
        What the summary says, once it has been said.
    """

    def __init__(self, messages: Messages, inputs: Inputs) -> None:
        self.messages = messages
        self.inputs = inputs
        self.findings = Findings()
        self.failed: set[str] = set()
        self.totals: dict[str, Any] = {}
        self._shown: set[Problem] = set()
        self._id = ""
        self._outcomes: dict[str, _Outcome] = defaultdict(_Outcome)
        self._all_reasons: Counter[str] = Counter()
        self.show(inputs.problems)

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
            self._end_channel_set(self._id)
            self._id = record.id
        outcome = self._outcomes[record.id]
        outcome.statuses[record.status] += 1
        if record.status not in SCORED:
            outcome.reasons.update(name for name in reasons_of(record.flags) if name in ADVICE)

    def add_channel_sets(self, results: Mapping[ChannelSetId, ChannelSetResult]) -> None:
        """Count what there is of channel sets."""
        for key, result in results.items():
            outcome = self._outcomes[str(key)]
            outcome.statuses.update(result.windows)
            outcome.reasons.update({k: n for k, n in result.reasons.items() if k in ADVICE})

    def _end_channel_set(self, channel_set: str) -> None:
        """Say so where no window of the channel set could be scored."""
        outcome = self._outcomes.pop(channel_set, _Outcome())
        if outcome.statuses.total() and not any(outcome.statuses[status] for status in SCORED):
            self.messages.warning(
                f"{self._files_of(channel_set)}, {channel_set}: "
                f"{counted(outcome.statuses.total(), 'window')}, none scored; "
                f"{_reasons(outcome.reasons)}"
            )
        self._all_reasons += outcome.reasons

    def _files_of(self, channel_set: str) -> str:
        for key in self.findings.channel_sets:
            if str(key) == channel_set:
                names, n_more = self.findings.files_of(key)
                return self._shown_names(names, n_more)
        return ""

    def _shown_names(self, files: Sequence[str], n_more: int = 0) -> str:
        names = [self.inputs.names.get(file, file) for file in files]
        n_more += len(names[2:])
        return ", ".join(names[:2]) + (f" and {n_more} more" if n_more else "")

    def _warn_of_unmatched(self, patterns: Sequence[str]) -> None:
        found = self.findings.channel_sets
        there_are = ", ".join(str(key) for key in sorted(found)[:5])
        more = ", ..." if len(found) > 5 else ""
        for pattern in patterns:
            if found and not self.findings.has_match(pattern):
                self.messages.warning(
                    f"--channels {pattern}: no channel matches; there are {there_are}{more}"
                )

    def _warn_of_nameless(self) -> None:
        files = sorted(self.findings.nameless)
        if files:
            self.messages.warning(
                f"{self._shown_names(files)}: no station in the header (KSTNM in SAC); what has "
                "none is taken for one station: name it, or give the files of one station at a time"
            )

    def _warn_of_calibrations(self) -> None:
        told = {
            path: f"{counted(n_records, 'record')} of a calibration, as the digitiser marks "
            "them (activity flags); what is found in them is no event: leave that time out with "
            "--start and --end"
            for path, n_records in self.findings.calibrations.items()
        }
        self._warn_of_each(told, "have records of a calibration")

    def _warn_of_misnamed(self) -> None:
        days = {
            path: f"its records are of {_date(first_ns)} to {_date(last_ns)}, its name "
            "tells another day; results have the times of the records, but --start and --end go by "
            "names: rename it, or look after the clock"
            for path, (first_ns, last_ns) in self.findings.misnamed.items()
        }
        codes = {
            path: f"it holds {channel}, its name tells other codes; results have those of the "
            "records, but --network, --station and --channels go by names too: rename it, or move "
            "it where it belongs"
            for path, channel in self.findings.miscoded.items()
        }
        self._warn_of_each(days, "hold other days than their names tell")
        self._warn_of_each(codes, "hold other channels than their names tell")

    def _warn_of_clocks(self) -> None:
        """Name files of times at which nobody can have recorded them."""
        early = {
            path: f"records of {_date(start_ns)}, where the count of a clock begins "
            "that was never set; correct their times (msmod --timeshift), or leave it out"
            for path, start_ns in self.findings.early.items()
        }
        late = {
            path: f"records of {_date(end_ns)}, a day that is still to come by this "
            "machine's clock; correct their times (msmod --timeshift), or leave it out"
            for path, end_ns in self.findings.late.items()
        }
        self._warn_of_each(early, "have records of a clock that was never set")
        self._warn_of_each(late, "have records of days that are still to come")

    def _warn_of_each(self, told: Mapping[str, str], all_of_them: str) -> None:
        """Warn of some files each, and of the others together."""
        for path in sorted(told)[:_SHOWN]:
            self.messages.warning(f"{self.inputs.names.get(path, path)}: {told[path]}")
        if len(told) > _SHOWN:
            self.messages.warning(
                f"{len(told) - _SHOWN} more files {all_of_them}, {len(told)} in all"
            )

    def close(
        self,
        summary: Summary,
        problems: Sequence[Problem] = (),
        channels: Sequence[str] = (),
        **more: Any,
    ) -> Exit:
        """Show what is left to say and the summary, and decide on the exit status.

        Parameters
        ----------
        summary : Summary
        problems : those that may not have been shown yet
        channels : patterns that should have matched something
        more : further counts for the summary, such as `events` and `station_days`; `shard`,
            `scanned_only` and `nothing_new` say that it is no fault if nothing was scored
        """
        self.show(problems)
        for channel_set in list(self._outcomes):
            self._end_channel_set(channel_set)
        self._warn_of_unmatched(channels)
        self._warn_of_nameless()
        self._warn_of_misnamed()
        self._warn_of_calibrations()
        self._warn_of_clocks()
        self.totals = self._totals(summary, more)
        self.messages.note(_sentence(self.totals, self._beside_waveforms()))
        status = self._status(summary, more)
        self.totals["exit_status"] = int(status)
        return status

    def _status(self, summary: Summary, more: Mapping[str, Any]) -> Exit:
        is_part = bool(more.get("shard") or more.get("scanned_only") or more.get("nothing_new"))
        if not is_part and not any(summary.windows[status] for status in SCORED):
            self._say_why_nothing(summary)
            return Exit.NOTHING_USABLE
        return Exit.SOME_FAILED if self.failed else Exit.OK

    def _say_why_nothing(self, summary: Summary) -> None:
        """Errors on single inputs say it already, if that was all."""
        n_windows = summary.windows.total()
        if n_windows:
            reason = f"{counted(n_windows, 'window')}, none scored"
            if self.messages.quiet:  # otherwise the warnings have said why, file by file
                reason += f"; {_reasons(self._all_reasons)}"
        elif not self.failed:
            reason = self._why_no_channel()
        else:
            return
        what = f"the {self._n_inputs()} inputs"
        if self._n_inputs() == 1:
            files = self.inputs.sources
            (what,) = self._other_sources() or {self.inputs.names.get(f, f) for f in files}
        self.messages.error(f"nothing usable in {what}: {reason}")

    def _why_no_channel(self) -> str:
        beside = self._beside_waveforms()
        if not self.findings.channel_sets and self.findings.n_without_data:
            return "the server has no data of these channels and times; check both"
        if self.findings.channel_sets or not beside:
            return "no channel is left; check --channels and the channel codes"
        return f"{', '.join(beside)}, and no waveforms; name files with samples"

    def _beside_waveforms(self) -> list[str]:
        """What files hold that are no waveforms, and no fault either."""
        told = [
            f"{counted(len(names), 'channel', what)} ({_codes(sorted(names))})"
            for names, what in (
                (self.findings.text_channels, " of text"),
                (self.findings.empty_channels, " without samples"),
            )
            if names
        ]
        n_headers = self.findings.n_control_headers
        return told + ([counted(n_headers, "control header")] if n_headers else [])

    def _drifts(self) -> dict[str, float]:
        """How far the clock of each channel set drifted in all, seconds; of its components most."""
        found: dict[str, float] = {}
        for name, drift_s in sorted(self.findings.drifts_s.items()):
            key = f"{name[:-1]}?"
            found[key] = max(found.get(key, 0.0), round(drift_s, 6), key=abs)
        return found

    def _n_inputs(self) -> int:
        return self.inputs.n_sources + len(self._other_sources())

    def _other_sources(self) -> set[str]:
        """Inputs that gave no file, by the names that the user knows."""
        others = {problem.source for problem in self.inputs.problems}
        for source in self.inputs.sources if others else ():
            others.discard(self.inputs.names.get(source, source))
        return others

    def _totals(self, summary: Summary, more: Mapping[str, Any]) -> dict[str, Any]:
        parts = {
            "scored": round(summary.scored_s, 3),
            "no_data": round(summary.no_data_s, 3),
            "rejected": round(summary.rejected_s, 3),
            "failed": round(summary.failed_s, 3),
        }
        return {
            "inputs": self._n_inputs(),
            "failed": len(self.failed),
            "left_out": self.inputs.left_out,
            **{
                name: count
                for name, count in (
                    ("text_channels", len(self.findings.text_channels)),
                    ("empty_channels", len(self.findings.empty_channels)),
                )
                if count
            },
            **({"without_data": n} if (n := self.findings.n_without_data) else {}),
            **({"clock_drift_s": drifts} if (drifts := self._drifts()) else {}),
            "windows": {status: summary.windows[status] for status in _STATUSES},
            "labels": dict(sorted(summary.labels.items())),
            # The parts are rounded, and their sum is to be what they add up to.
            "seconds": {"input": round(sum(parts.values()), 3), **parts},
            **{name: value for name, value in more.items() if value is not None},
        }


def _sentence(totals: Mapping[str, Any], beside: Sequence[str]) -> str:
    """The summary as one line."""
    inputs = counted(totals["inputs"], "input") + f" ({totals['failed']} failed)"
    if totals["left_out"]:
        inputs += f", {counted(totals['left_out'], 'other file')} left out"
    if beside:
        inputs += f", beside the waveforms {', '.join(beside)}"
    if "without_data" in totals:
        inputs += f", {totals['without_data']} of them without data"
    windows = ", ".join(f"{count} {status}" for status, count in totals["windows"].items())
    parts = dict(totals["seconds"])
    total_s = parts.pop("input")
    seconds = " + ".join(f"{_seconds(value)} {name}" for name, value in parts.items())
    if "to_do" in totals:
        return f"{inputs}; {_to_do(totals['to_do'])}"
    clauses = [
        inputs,
        f"{counted(sum(totals['windows'].values()), 'window')}: {windows}",
        f"{_seconds(total_s)} s of input = {seconds}",
    ]
    if "clock_drift_s" in totals:
        drifts = totals["clock_drift_s"]
        shown = ", ".join(f"{key} {drift_s:+g} s" for key, drift_s in list(drifts.items())[:3])
        clauses.append(f"clocks drift, and were followed: {shown}" + ", ..." * (len(drifts) > 3))
    if "station_days" in totals:
        days = ", ".join(f"{count} {name}" for name, count in totals["station_days"].items())
        clauses.append(f"{counted(sum(totals['station_days'].values()), 'station-day')}: {days}")
    if totals.get("nothing_new"):
        clauses.append("nothing has changed since --newer-than")
    if "events" in totals:
        clauses.append(counted(totals["events"], "event"))
    return "; ".join(clauses)


def _to_do(plan: Mapping[str, Any]) -> str:
    """What a scan found that is still to be done."""
    done = f"{counted(plan['done'], 'station-day')} done before"
    if not plan["station_days"]:
        return f"nothing to do; {done}"
    first, last = plan["first"], plan["last"]
    return (
        f"to do: {counted(plan['station_days'], 'station-day')} of "
        f"{counted(plan['channel_sets'], 'channel set')}, "
        f"{first if first == last else f'{first} to {last}'}, {_seconds(plan['seconds'])} s; "
        f"{done}; the same command without --scan-only does them"
    )


def _date(time_ns: int) -> str:
    from quake.waveforms.times import format_time

    return format_time(time_ns)[:10]


def _codes(names: Sequence[str]) -> str:
    """Channel codes of channels, as in ``LOG, OCF``."""
    codes = sorted({name.rpartition(".")[2] for name in names})
    return ", ".join(codes[:5]) + (", ..." if codes[5:] else "")


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _reasons(reasons: Counter[str]) -> str:
    return "; ".join(f"{flag} ({count}): {ADVICE[flag]}" for flag, count in reasons.most_common())
