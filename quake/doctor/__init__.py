"""From an installation to checks of it, each with a status, what was found, and what to do.

Nothing here needs more than Python itself: what could be broken is loaded in processes of its own.
"""

from quake.doctor.check import Check, Status
from quake.doctor.examination import examine

__all__ = ["Check", "Status", "examine"]
