"""What the scripted model does, by task: a list of steps, one for each request that an agent makes.

A script is plain data, as JSON has it. ``tasks`` maps the id of a task to its steps, or to a list of such lists, one
for each conversation (the last one is repeated). ``default`` is for all other tasks. A step is one of::

    {"say": "text"}                                     the final answer; it ends the turn
    {"edit": {"path": "a.txt", "content": "..."}}       writes a file, with the agent's own tool for that
    {"run": "make test"}                                runs a command, with the agent's shell tool
    {"loop": "true"}                                    runs a command again and again, until the agent gives up
    {"nothing": true}                                   an answer without any content
    {"cut": true}                                       begins an answer and drops the connection
    {"error": {"status": 429, "retryAfter": 30}}        refuses the request; see ``ErrorStep``

Each may have ``times`` (how many requests it answers; 1 by default) and ``seconds`` (it answers all requests of the
task for so long, counted from the first one).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorStep:
    """A refusal, as the provider of the protocol words it."""

    status: int
    """Of HTTP: 429 rate limit, 529 overloaded, 401 key refused, 402 or 403 quota used up, 5xx trouble."""
    retry_after: float | None = None
    """Seconds, in the header ``retry-after``."""
    resets_in: float | None = None
    """Seconds until the limit resets, in the headers or the body in which the provider says so."""
    kind: str = ""
    """The provider's word for it, as in ``insufficient_quota``; by default the one that fits the status."""
    message: str = ""
    retry: bool = False
    """Whether the client should try again by itself. False also says so, where the protocol has a header for that."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one request is answered with."""

    kind: str
    """A key of the module's table."""
    text: str = ""
    """What is said or run, or the content of a file."""
    path: str = ""
    error: ErrorStep | None = None
    times: float = 1
    seconds: float | None = None


_END = Step("say", "Done.", times=math.inf)
"""After the last step."""


def step_of(found: Mapping[str, Any]) -> Step:
    """A step from its plain form.

    Raises:
        ValueError: it is none.
    """
    known = {"say", "edit", "run", "loop", "nothing", "cut", "error"}
    kinds = known & found.keys()
    if len(kinds) != 1 or found.keys() - known - {"times", "seconds"}:
        names = ", ".join(sorted(known))
        raise ValueError(f"step {dict(found)!r}: it has exactly one of {names}, and may have times and seconds")
    kind = kinds.pop()
    value = found[kind]
    common: dict[str, Any] = {"seconds": found.get("seconds")}
    common["times"] = found.get("times", math.inf if kind == "loop" or common["seconds"] is not None else 1)
    if kind == "edit":
        return Step(kind, str(value.get("content", "")), str(value["path"]), **common)
    if kind == "error":
        fields = {"retryAfter": "retry_after", "resetsIn": "resets_in"}
        return Step(kind, error=ErrorStep(**{fields.get(key, key): each for key, each in value.items()}), **common)
    return Step(kind, value if isinstance(value, str) else "", **common)


@dataclass(slots=True)
class _ScriptPlace:
    """Where a task is in its script."""

    conversation: int = 0
    at: int = 0
    answered: int = 0
    """Requests that the current step has answered."""
    since: float = 0.0
    has_spoken: bool = False
    """Whether the model has said anything in this conversation."""


@dataclass(slots=True)
class Script:
    """The steps of all tasks, and how far each is."""

    tasks: Mapping[str, Sequence[Sequence[Step]]]
    default: Sequence[Sequence[Step]]
    _places: dict[str, _ScriptPlace] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Script":
        """From its plain form.

        Raises:
            ValueError: it is none.
        """
        tasks = {task: _conversations(steps) for task, steps in (found.get("tasks") or {}).items()}
        return cls(tasks, _conversations(found.get("default") or []))

    def next_step(self, task: str, is_first: bool, now: float) -> Step:
        """What a request is answered with.

        Args:
            task: Whose it is.
            is_first: Whether the model has not answered yet in the conversation that the request shows.
            now: Seconds, by any clock that never goes back.
        """
        place = self._places.setdefault(task, _ScriptPlace())
        if is_first and place.has_spoken:
            place = self._places[task] = _ScriptPlace(place.conversation + 1)
        conversations = self.tasks.get(task, self.default)
        steps = conversations[min(place.conversation, len(conversations) - 1)]
        while place.at < len(steps):
            step = steps[place.at]
            if place.answered == 0:
                place.since = now
            is_over = step.seconds is not None and now - place.since >= step.seconds
            if place.answered < step.times and not is_over:
                break
            place.at, place.answered = place.at + 1, 0
        else:
            step = _END
        place.answered += 1
        place.has_spoken |= step.kind not in ("error", "cut")
        return step


def _conversations(found: Sequence[Any]) -> list[list[Step]]:
    if found and isinstance(found[0], list):
        return [[step_of(step) for step in steps] for steps in found]
    return [[step_of(step) for step in found]]
