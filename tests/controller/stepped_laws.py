"""The laws of a task that goes through steps, judged from its Jobs and from what their pods report.

A gate judges the work that is held, and what a pod reports of it is what counts: nothing is taken from the operator but
what it told the pod to do.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from tests.controller.audit import LABEL, Json

OWN = ""
_REJECTED, _CONFLICT, _LATER = 27, 20, 75


class StepOutcome(Enum):
    """How an attempt at a step ends."""

    HELD = "held"
    PASSED = "passed"
    LANDED = "landed"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    """All of it is done again."""
    LATER = "later"
    """It costs nothing, and says nothing."""
    FAILED = "failed"


_VERDICTS = frozenset({StepOutcome.HELD, StepOutcome.PASSED, StepOutcome.LANDED, StepOutcome.REJECTED})


class StepStart(NamedTuple):
    """An attempt, as its Job says it."""

    name: str
    number: int
    step: str
    round: int
    continues: int
    """Number of the attempt whose work it gets; 0: that of none."""
    lands: bool
    """Whether the work lands when it ends well."""
    feedback: str


def start_of(job: Json, name: str) -> StepStart | None:
    """What an attempt was told; None of one that has no steps."""
    made = (job.get("spec") or {}).get("template", job)
    notes = (made.get("metadata") or {}).get("annotations") or {}
    told: Json = json.loads(notes.get(f"{LABEL}/delivery") or "{}")
    if "step" not in told:
        return None
    variables = {each["name"]: each.get("value", "") for each in made["spec"]["containers"][0].get("env") or ()}
    return StepStart(
        name,
        told["attempt"],
        told["step"]["name"],
        int(variables["PPROJ_ROUND"]),
        int(told.get("continues", "").rpartition("/")[2] or 0),
        bool(told["step"]["last"] or told["step"]["onlyLands"]),
        notes.get(f"{LABEL}/feedback", ""),
    )


@dataclass
class SteppedTask:
    """One task, as far as its attempts have come."""

    id: str
    steps: Sequence[Json]
    """After its own work."""
    attempts: int
    """How often an attempt at a step may fail."""
    held: int = 0
    """Number of the attempt that made the work which is held; 0: none is."""
    done: list[str] = field(default_factory=list)
    """The steps that have made it: those that are no gates."""
    passed: set[str] = field(default_factory=set)
    """The gates that have accepted it."""
    rejected_by: str = ""
    """The gate that has rejected it."""
    report: str = ""
    """What that gate has said."""
    rejections: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    """Of the step that is next."""
    landed: bool = False
    number: int = 0
    current: StepStart | None = None
    """The attempt that has no end yet."""
    has_verdict: bool = False
    """Whether the last attempt has ended by what takes the task on or back to another step."""

    @property
    def is_midway(self) -> bool:
        """Whether work of it is held that has not landed and goes on to another step."""
        return bool(self.held) and not self.landed and not self.has_failed

    @property
    def has_failed(self) -> bool:
        """Whether it gets no further attempt."""
        return self.failures >= self.attempts or any(
            self.rejections[gate["name"]] > gate.get("maxRounds", 2) for gate in self._gates
        )

    @property
    def _gates(self) -> list[Json]:
        return [step for step in self.steps if step.get("gate")]

    def next_step(self) -> str | None:
        """The only step that may follow; None: all have passed."""
        if self.rejected_by:
            return self._maker(self.rejected_by)
        if OWN not in self.done:
            return OWN
        left = (step["name"] for step in self.steps if not self._is_over(step))
        return next(left, None)

    def _is_over(self, step: Json) -> bool:
        return step["name"] in (self.passed if step.get("gate") else self.done)

    def _maker(self, gate: str) -> str:
        made = OWN
        for step in self.steps:
            if step["name"] == gate:
                break
            made = made if step.get("gate") else step["name"]
        return made

    def is_gate(self, step: str) -> bool:
        """Whether a step judges the work."""
        return any(gate["name"] == step for gate in self._gates)

    def left(self, step: str) -> list[str]:
        """What has not passed once an attempt at a step has ended well; empty: its work may land."""
        open_gates = [gate for gate in self._gates if not (self.is_gate(step) and self._is_over(gate))]
        makers = [each for each in self.steps if not each.get("gate") and not self._is_over(each)]
        return [each["name"] for each in (*open_gates, *makers) if each["name"] != step]

    def end_of(self, step: str) -> StepOutcome:
        """How an attempt at a step ends that ends well."""
        if not self.left(step):
            return StepOutcome.LANDED
        return StepOutcome.PASSED if self.is_gate(step) else StepOutcome.HELD

    def begin(self, new: StepStart, *, was_stopped: bool) -> Iterator[str]:
        """An attempt is created: what is wrong with it.

        Args:
            new: The attempt.
            was_stopped: Whether the one before it was stopped: it costs nothing if no pod has reported its end.
        """
        if self.current is not None:  # its Job was deleted, or has ended without a pod
            self.failures += not was_stopped
        wanted = self.next_step()
        if self.has_failed:
            yield f"{new.name} was created after {self.id} had failed"
        if new.number != self.number + 1:
            yield f"{new.name} was created after attempt {self.number}"
        if new.step != (wanted or OWN) and not (wanted is None and new.lands):
            yield f"{new.name} is at {new.step or 'its own work'}, and next is {wanted or 'its own work'}"
        if new.continues != self.held:
            yield f"{new.name} continues attempt {new.continues}, and the work of {self.held} is held"
        if new.round != 1 + sum(self.rejections.values()):
            yield f"{new.name} is of round {new.round}, after {sum(self.rejections.values())} rejections"
        if self.rejected_by and self.report not in new.feedback:
            yield f"{new.name} does not get what {self.rejected_by} said"
        if new.lands and (left := self.left(new.step)):
            yield f"{new.name} lands its work before {', '.join(left)}"
        self.current, self.number = new, new.number

    def end(self, pod: Json) -> Iterator[str]:
        """The pod of the current attempt has ended: what is wrong with that."""
        at = self.current
        if at is None:
            return
        main, code, message = _ends(pod)
        ends = {
            "Held": StepOutcome.HELD,
            "Passed": StepOutcome.PASSED,
            **dict.fromkeys(("Landed", "AlreadyLanded", "NoChange"), StepOutcome.LANDED),
        }
        outcome = {_REJECTED: StepOutcome.REJECTED, _CONFLICT: StepOutcome.CONFLICT}.get(code)
        outcome = outcome or ends.get(_outcome(message), StepOutcome.LATER if main == _LATER else StepOutcome.FAILED)
        if outcome is StepOutcome.REJECTED:
            self.report = message.partition("\n")[2].strip()
        if outcome is StepOutcome.LANDED and (left := self.left(at.step)):
            yield f"{at.name} landed its work before {', '.join(left)}"
        self.current = None
        self.settle(at.step, at.number, outcome)

    def settle(self, step: str, number: int, outcome: StepOutcome) -> None:
        """An attempt at a step has ended."""
        self.has_verdict = outcome in _VERDICTS
        if outcome is StepOutcome.FAILED:
            self.failures += 1
        if outcome in (StepOutcome.FAILED, StepOutcome.LATER):
            return
        self.failures = 0
        if outcome is StepOutcome.REJECTED:
            self.rejections[step] += 1
            self.rejected_by = step
        elif outcome is StepOutcome.PASSED:
            self.passed.add(step)
        elif outcome is StepOutcome.LANDED:
            self.landed = True
        else:
            is_held = outcome is StepOutcome.HELD
            makers = [OWN, *(each["name"] for each in self.steps if not each.get("gate"))]
            self.held, self.rejected_by = number if is_held else 0, ""
            self.done = makers[: makers.index(step) + 1] if is_held and step in makers else []
            self.passed.clear()


def _ends(pod: Json) -> tuple[int, int, str]:
    """The exit codes of a pod's own container and of the one that lands its work, and what that reports."""
    found: dict[str, Mapping[str, Any]] = {
        each["name"]: (each.get("state") or {}).get("terminated") or {}
        for each in (pod.get("status") or {}).get("containerStatuses") or ()
    }
    ours = found.pop("git", {})
    main: Mapping[str, Any] = next(iter(found.values()), {})
    return int(main.get("exitCode") or 0), int(ours.get("exitCode") or 0), str(ours.get("message") or "")


def _outcome(message: str) -> str:
    try:
        return str(json.loads(message.partition("\n")[0] or "{}").get("outcome"))
    except ValueError:
        return ""
