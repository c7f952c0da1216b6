"""Which faults a run is to have: what goes wrong, and at which request."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Action(Enum):
    """What goes wrong with a request, or with an event of a watch."""

    PASS = "pass"
    """Nothing."""
    KILL_BEFORE = "kill-before"
    """The operator is killed before the request reaches the API server, which never sees it."""
    KILL_AFTER = "kill-after"
    """The operator is killed when the API server has answered, and never sees the answer."""
    KILL_LATE = "kill-late"
    """The operator is killed, and its request reaches the API server ``seconds`` later, when the next is running."""
    FREEZE = "freeze"
    """The operator stands still when the API server has answered, until another one leads; then it goes on."""
    DROP_BEFORE = "drop-before"
    """The connection is closed; the API server never sees the request. Of a watch: closed inside an event."""
    DROP_AFTER = "drop-after"
    """The request is done, and the answer lost."""
    DOUBLE = "double"
    """The request is done twice, and the second answer given."""
    DELAY = "delay"
    """The answer comes ``seconds`` late. Of an event: its watch is silent for so long, while others go on."""
    ANSWER = "answer"
    """The API server never sees the request; the answer is the error ``status``. Of an event: an event that says
    so, and the end of the watch."""
    ANSWER_AFTER = "answer-after"
    """The request is done, and yet the answer is the error ``status``."""
    END = "end"
    """Of an event: the watch ends before it, in order."""
    OLD = "old"
    """Of a list: it is as it was at an older revision, and the watch from there is silent for ``seconds``."""


KILLS = frozenset({Action.KILL_BEFORE, Action.KILL_AFTER, Action.KILL_LATE})


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, at the ``nth`` request of a name."""

    action: Action
    on: str = "write"
    """``write`` (any), ``write-of-end``, a name from ``kinds.classify``, or ``event-of-…``."""
    nth: int = 1
    """From 1; counted over restarts of the operator."""
    times: int = 1
    """How many in a row."""
    status: int = 500
    seconds: float = 0.5
    age: float = 1.0
    """Of an old list: 1 is the oldest revision known, at which the project was made; 0 the newest."""

    def __str__(self) -> str:
        what = self.action.value
        if self.action in (Action.ANSWER, Action.ANSWER_AFTER):
            what += f" {self.status}"
        elif self.action in (Action.DELAY, Action.KILL_LATE):
            what += f" {self.seconds:g}s"
        elif self.action is Action.OLD:
            what += f" {self.age:g} silent {self.seconds:g}s"
        return f"{what} at {self.on} {self.nth}" + (f"+{self.times - 1}" if self.times > 1 else "")


NO_FAULT = Fault(Action.PASS)


class Plan(Protocol):
    """Decides at each request."""

    def pick(self, counted: Mapping[str, int]) -> Fault | None:
        """The fault for a request, if any.

        Args:
            counted: The names of the request, and its number under each.
        """


class Listed:
    """Faults at given requests, each independent of the others."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = tuple(faults)

    def pick(self, counted: Mapping[str, int]) -> Fault | None:
        """The first that fits."""
        for fault in self._faults:
            if fault.nth <= counted.get(fault.on, 0) < fault.nth + fault.times:
                return fault
        return None


class InTurn:
    """Faults one after the other: each counts from where the one before it took place."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._left = list(faults)
        self._seen = Counter[str]()

    def pick(self, counted: Mapping[str, int]) -> Fault | None:
        """The next, when its time has come."""
        if not self._left:
            return None
        self._seen.update(counted.keys())
        fault = self._left[0]
        if fault.on not in counted or self._seen[fault.on] < fault.nth:
            return None
        if self._seen[fault.on] == fault.nth + fault.times - 1:
            self._left.pop(0)
            self._seen.clear()
        return fault


class Chance:
    """Each request has a fault with some probability; which one, is drawn from those that fit it."""

    def __init__(self, rate: float, faults: Sequence[Fault], seed: int) -> None:
        self._rate = rate
        self._faults = tuple(faults)
        self._random = random.Random(seed)

    def pick(self, counted: Mapping[str, int]) -> Fault | None:
        """A fault, or mostly none."""
        if self._random.random() >= self._rate:
            return None
        fitting = [fault for fault in self._faults if fault.on in counted]
        return self._random.choice(fitting) if fitting else None
