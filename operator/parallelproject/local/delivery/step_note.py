"""Which step an attempt is at, noted in its place: a later attempt may be at another one, and finds what is left there.

Standard library only, to start fast.
"""

import json
from typing import NamedTuple

from parallelproject.git.plumbing.delivery import Place
from parallelproject.whole_file import write_whole

_NOTE = "step.json"


class StepNote(NamedTuple):
    """The step of an attempt, and the work that it follows on."""

    name: str = ""
    """Empty: the task's own work."""
    is_gate: bool = False
    """Whether it is a gate: then nothing in its place is work."""
    continues: str = ""
    """The ref of the held work that it changes or judges; empty: it starts on the branch."""
    has_accepted: bool = False
    """Whether it is a gate that has accepted that work."""


def note_step(place: Place, note: StepNote) -> None:
    """Writes it down."""
    place.private.mkdir(parents=True, exist_ok=True)
    write_whole(place.private / _NOTE, json.dumps(note))


def step_note(place: Place) -> StepNote:
    """What was noted; without a note it was the work of a task without steps."""
    try:
        return StepNote(*json.loads((place.private / _NOTE).read_bytes()))
    except FileNotFoundError:
        return StepNote()
    except (OSError, ValueError, TypeError):
        return StepNote(is_gate=True)  # what cannot be read must not land
