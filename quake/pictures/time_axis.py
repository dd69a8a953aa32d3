"""Label time axes in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quake.waveforms.times import NS_PER_S, format_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MINUTE_S, _HOUR_S = 60.0, 3600.0
_STEPS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(n * _MINUTE_S for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR_S for n in (1, 2, 3, 6, 12, 24)),
)


def ticks(start_ns: int, end_ns: int, most: int) -> tuple[list[float], list[str]]:
    """Places of ticks, and their labels.

    Parameters
    ----------
    start_ns, end_ns : int
        Ends of the axis, ns since the epoch.
    most : int
        Ticks there may be.

    Returns
    -------
    seconds : list of float
        After the start of the axis; the times are whole steps after midnight.
    labels : list of str
        UTC, as in ``06:30``, ``06:30:15`` or ``06:30:15.5``.

    Examples
    --------
    >>> ticks(0, 60 * 1_000_000_000, 4)
    ([0.0, 30.0, 60.0], ['00:00:00', '00:00:30', '00:01:00'])
    """
    length_s = (end_ns - start_ns) / NS_PER_S
    step_s = next((s for s in _STEPS_S if length_s / s <= most - 1), _STEPS_S[-1])
    step_ns = round(step_s * NS_PER_S)
    times_ns = range(-(-start_ns // step_ns) * step_ns, end_ns + 1, step_ns)
    seconds = [(time_ns - start_ns) / NS_PER_S for time_ns in times_ns]
    return seconds, [_label(time_ns, step_s) for time_ns in times_ns]


def label_time(axes: Axes, start_ns: int, end_ns: int, most: int) -> None:
    """Make the axis of x one of time, in seconds since the start.

    Parameters
    ----------
    axes : Axes
        The last of those that share the axis.
    start_ns, end_ns : int
        ns since the epoch.
    most : int
        Ticks there may be.
    """
    axes.set_xlim(0, (end_ns - start_ns) / NS_PER_S)
    axes.set_xticks(*ticks(start_ns, end_ns, most))
    # A microsecond, or it would be rounded up to the midnight at which the axis ends.
    first, last = format_time(start_ns)[:10], format_time(end_ns - 1000)[:10]
    axes.set_xlabel("UTC, " + (first if first == last else f"{first} to {last}"))


def _label(time_ns: int, step_s: float) -> str:
    clock = format_time(time_ns)[11:-1]
    if step_s >= _MINUTE_S:
        return clock[:5]
    if step_s >= 1:
        return clock[:8]
    return clock[: 9 + next(digits for digits in (1, 2, 3) if step_s >= 10**-digits * 0.999)]
