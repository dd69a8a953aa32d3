"""Write the picks of `quake predict --events --format quakeml` as Nordic, for SEISAN.

    python examples/nordic_from_quakeml.py events.quakeml events.out

Nordic has no uncertainties in seconds, but weights from 0 (full) to 4 (none): LIMITS_S says which
uncertainty gets which. Its header asks for a time, and is given that of the first onset. It gets
no place, for nobody knows one before the event is located.
"""

import sys
import warnings
from pathlib import Path

from obspy import read_events
from obspy.core import AttribDict
from obspy.core.event import Origin

LIMITS_S = (0.1, 0.15, 0.25, 0.5)


def weight_of(pick):
    uncertainty_s = pick.time_errors.uncertainty or 0.0
    return sum(uncertainty_s > limit_s for limit_s in LIMITS_S)


def with_header_and_weights(event):
    event.origins = [Origin(time=min(pick.time for pick in event.picks))]
    event.comments = event.comments[1:]  # the first one is JSON, too long for a line of Nordic
    for pick in event.picks:
        value = {"value": str(weight_of(pick)), "namespace": "quake"}
        pick.extra = AttribDict({"nordic_pick_weight": AttribDict(value)})
    return event


def main(source, target):
    catalogue = read_events(source)
    catalogue.events = [with_header_and_weights(event) for event in catalogue]
    with warnings.catch_warnings():
        # Without a place there is nothing to be said of its error, of which ObsPy warns.
        warnings.simplefilter("ignore")
        catalogue.write(target, format="NORDIC", nordic_format="NEW")
    print(f"{Path(target)}: {len(catalogue)} events")


if __name__ == "__main__":
    main(*sys.argv[1:])
