"""One fault, drawn from all classes, for runs in which nobody knows beforehand which requests there will be."""

import random
from dataclasses import replace

from tests.faults.plan import Action, Fault

_WRITES = {"write": 20, "create-job": 8, "patch-status": 5, "patch-job": 1}
_EVENTS = {"event-of-projects": 10, "event-of-jobs": 30, "event-of-pods": 40}
_LISTS = ("list-projects", "list-jobs", "list-pods")


def draw_fault(chance: random.Random) -> tuple[str, tuple[Fault, ...]]:
    """A random fault, and the class that it counts under."""
    on = chance.choices(tuple(_WRITES), (3, 4, 3, 1))[0]
    nth = chance.randint(1, _WRITES[on])
    event = chance.choice(tuple(_EVENTS))
    place = chance.randint(1, _EVENTS[event])
    drawn: list[tuple[str, tuple[Fault, ...]]] = [
        ("kill-before", (Fault(Action.KILL_BEFORE, "write", chance.randint(1, 20)),)),
        ("kill-after", (Fault(Action.KILL_AFTER, "write", chance.randint(1, 20)),)),
        ("kill-late", (Fault(Action.KILL_LATE, "patch-status", chance.randint(1, 6)),)),
        ("kill-create", (Fault(chance.choice((Action.KILL_BEFORE, Action.KILL_AFTER)), "create-job", nth),)),
        ("drop", (Fault(chance.choice((Action.DROP_BEFORE, Action.DROP_AFTER)), on, nth),)),
        ("double", (Fault(Action.DOUBLE, on, nth),)),
        ("delay", (Fault(Action.DELAY, on, nth, seconds=1.5),)),
        ("answer", (Fault(Action.ANSWER, on, nth, chance.choice((1, 3)), chance.choice((409, 429, 500, 503))),)),
        ("outage", (Fault(Action.ANSWER, on, nth, 6, chance.choice((429, 503))),)),
        ("answer-after", (Fault(Action.ANSWER_AFTER, on, nth, status=504),)),
        ("watch-cut", (Fault(Action.DROP_BEFORE, event, place),)),
        ("watch-end", (Fault(Action.END, event, place),)),
        ("watch-410", (Fault(Action.ANSWER, event, place, status=410),)),
        ("watch-410", (Fault(Action.END, event, place), Fault(Action.ANSWER, _watch(event), 2, status=410))),
        ("watch-double", (Fault(Action.DOUBLE, event, place),)),
        ("watch-hold", (Fault(Action.DELAY, event, place, seconds=3),)),
        ("projects-hold", (Fault(Action.DELAY, "event-of-projects", chance.randint(1, 8), seconds=3),)),
        ("watch-kill", (Fault(Action.KILL_BEFORE, event, place),)),
        ("old-list", _old(chance)),
    ]
    return chance.choice(drawn)


def _old(chance: random.Random) -> tuple[Fault, ...]:
    stale = chance.choice((*((name,) for name in _LISTS), _LISTS[1:], _LISTS))
    old = Fault(Action.OLD, nth=2, age=chance.choice((1.0, 0.5)), seconds=chance.choice((0.0, 2.0)))
    kill = Fault(Action.KILL_AFTER, "write", chance.randint(2, 20))
    return (kill, *(replace(old, on=name) for name in stale))


def _watch(event: str) -> str:
    return f"watch-{event.rpartition('-')[2]}"
