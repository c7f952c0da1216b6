"""Which processes are running, in memory that the supervisor shares with its guard.

What the one has noted the other can read, however the one has died. To note something takes no system call.
"""

import mmap
import struct
from enum import IntEnum
from typing import NamedTuple

from parallelproject.model.work import WorkKey

PLACES = 1024
"""More than can be running."""
_PLACE = struct.Struct("<iiB16s63s63s")  # process, number of the attempt, whether it is cut off; kind, task, step
_PROCESS = struct.Struct("<i")
_CUT = struct.Struct("<B")
_CUT_AT = 8
_NONE, _STARTING = 0, -1


class Cut(IntEnum):
    """Whether we have asked an attempt to end, and why."""

    NO = 0
    STOPPED = 1
    OVERDUE = 2


class Entry(NamedTuple):
    """A running attempt."""

    pid: int | None
    """None where it was about to be started: it may be there."""
    cut: Cut


class Roster:
    """The running attempts. Made before the supervisor and its guard part ways; only the supervisor writes."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PLACES * _PLACE.size)
        self._free = list(range(0, PLACES * _PLACE.size, _PLACE.size))
        self._places: dict[WorkKey, int] = {}

    def starting(self, key: WorkKey) -> None:
        """It will be started now."""
        place = self._places[key] = self._free.pop()
        kind, task, step = (part.encode() for part in key.work)
        _PLACE.pack_into(self._memory, place, _STARTING, key.attempt, Cut.NO, kind, task, step)

    def started(self, key: WorkKey, pid: int) -> None:
        """It is this process."""
        _PROCESS.pack_into(self._memory, self._places[key], pid)

    def cut_off(self, key: WorkKey, why: Cut) -> None:
        """It will be asked to end now."""
        _CUT.pack_into(self._memory, self._places[key] + _CUT_AT, why)

    def ended(self, key: WorkKey) -> None:
        """It is no more, and its end is written down."""
        place = self._places.pop(key)
        _PROCESS.pack_into(self._memory, place, _NONE)
        self._free.append(place)

    def read(self) -> dict[WorkKey, Entry]:
        """All of them, from the shared memory alone."""
        found = {}
        for pid, attempt, cut, *work in _PLACE.iter_unpack(self._memory[:]):
            if pid != _NONE:
                key = WorkKey.of_fields([*(part.rstrip(b"\0").decode() for part in work), attempt])
                found[key] = Entry(pid if pid != _STARTING else None, Cut(cut))
        return found
