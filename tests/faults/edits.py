"""Sequences of edits of a spec, drawn from a seed, each with one fault; and how they must end.

A sequence is a spec and some edits, each made at a moment of the run that is told by what has passed between the
operator and the API server, never by time. It ends with the project neither suspended nor stopped, and its end must be
that of a fresh project with the last spec. So that this is well defined, whatever the order in which things happen:

- Each task either fails at fewer attempts than it has, and so succeeds, or fails at all. How often an attempt was
  stopped, and with it the number of attempts, does not matter and is not compared.
- A success is never taken back, and so no edit may make a task fail, or be skipped, that an earlier spec lets succeed
  (``_Draft.settle`` checks that): new dependencies are tasks that will succeed, and failing tasks are only mended.
  What is left: tasks that succeeded before their parameters, dependencies or files were changed stay as they are.
- With failing tasks in it, a project ends under ``failurePolicy: Continue``; under the others it may depend on the
  order of events which tasks are cut off. Edits between may set them: what they cut off is revived by the last one.
- A task is mended by a change and a retry; where its last failure came after that, it is retried once more at the end.

A request of a killed operator that is done later (``kill-late``) is drawn for status writes only: the creation of a
Job that comes after the edit which has undone it can be kept out by nobody.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.controller.audit import Json
from tests.controller.cluster import role, spec, task
from tests.faults.drawn import draw_fault
from tests.faults.plan import Fault

ATTEMPTS = 3
_ALWAYS = 99
_SECONDS = (None, None, 0.05, 0.3, 1, 2)
_FAILS = (*[None] * 8, 1, 1, 2, _ALWAYS)
_FILES = ("src/a.py", "src/b.py", "src/*.py", "docs")
_POLICIES = ("FinishLevel", "Continue", "FailFast")
_AT = ("write", "create-job", "event-of-jobs", "event-of-pods", "patch-status", "event-of-projects")
FAULT = "fault"
"""The moment at which the fault takes place."""


@dataclass(frozen=True)
class Edit:
    """One thing that the admin does."""

    what: str
    """In words."""
    at: str
    """What is counted from the edit before: requests or events by name, or ``FAULT``."""
    number: int
    """How many of them; 0: at once."""
    spec: Json
    """The whole spec after it, without what is written at run time (retries)."""
    retry: bool = False
    """Whether the tasks that have failed by then are retried as well."""
    recreate: str = ""
    """The project is deleted in this way (Background, Foreground) and made again."""

    def __str__(self) -> str:
        return f"{self.what} (at {self.at} +{self.number})"


@dataclass(frozen=True)
class Sequel:
    """A spec, its edits, and the fault."""

    seed: int
    first: Json
    edits: Sequence[Edit]
    kind: str
    """The class of the fault."""
    faults: tuple[Fault, ...]

    @property
    def last(self) -> Json:
        """The spec that it ends with."""
        return self.edits[-1].spec if self.edits else self.first

    def __str__(self) -> str:
        return f"seed {self.seed}, {', '.join(map(str, self.faults)) or 'no fault'}; " + "; ".join(map(str, self.edits))


def sequel(seed: int) -> Sequel:
    """The sequence of a seed."""
    chance = random.Random(seed)
    draft = _Draft(chance)
    first = draft.spec
    edits: list[Edit] = []
    wanted = chance.randint(5, 10)
    while len(edits) < wanted:
        edit = draft.edit()
        if edit is not None:
            edits.append(edit)
    edits += draft.finish()
    kind, faults = draw_fault(chance)
    return Sequel(seed, first, edits, kind, faults)


def end(last: Json) -> dict[str, str]:
    """The state of each task at the end of a fresh run of a spec in which nothing goes wrong."""
    found: dict[str, str] = {}
    left = {each["id"]: each for each in last["tasks"]}
    while left:
        for name, each in list(left.items()):
            parents = each.get("dependencies", ())
            if not any(parent in left for parent in parents):
                is_cut_off = any(found[parent] != "Succeeded" for parent in parents)
                found[name] = "Skipped" if is_cut_off else "Failed" if _fails(each) else "Succeeded"
                del left[name]
    return found


def _fails(each: Json) -> bool:
    """Whether all attempts of a task fail."""
    return any(p["name"] == "fail_attempts" and int(p["value"]) >= ATTEMPTS for p in each.get("parameters", ()))


class _Draft:
    """A spec on its way from edit to edit."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._made = 0
        self._removed: list[Json] = []
        self._succeeds: set[str] = set()
        self._has_files = chance.random() < 0.6
        self._tasks: list[Json] = []
        roles = [role()]
        if chance.random() < 0.5:
            roles = [role(maxConcurrent=chance.choice((1, 2, 3))), role("reviewer", maxConcurrent=1)]
        self._roles = [each["name"] for each in roles]
        self._fixed: Json = {"roles": roles, "defaults": {"maxAttempts": ATTEMPTS, "role": "coder"}}
        self._mutable: Json = {
            "parallelism": chance.randint(1, 4),
            "scheduling": chance.choice(("Graph", "Levels")),
            "failurePolicy": "Continue",
            "suspend": False,
            "stop": False,
        }
        for _ in range(chance.randint(4, 8)):
            self._tasks.append(self._task(self._tasks))
        self.settle()

    @property
    def spec(self) -> Json:
        """As it is now."""
        return spec(*self._tasks, **self._mutable, **self._fixed)

    def settle(self) -> None:
        """Checks that no success is taken back."""
        ends = end(self.spec)
        assert not [i for i in self._succeeds if ends.get(i, "Succeeded") != "Succeeded"], self.spec
        self._succeeds |= {i for i, state in ends.items() if state == "Succeeded"}

    def edit(self) -> Edit | None:
        """The next; None where that which was drawn is not possible."""
        more: Json = {}
        drawn = self._chance.choices(
            ("add", "between", "remove", "again", "change", "fix", "cap", "scheduling", "policy", "suspend", "stop",
             "retry", "invalid", "recreate"),
            (5, 3, 6, 4, 6, 3, 6, 2, 2, 4, 2, 4, 1, 2),
        )[0]  # fmt: skip
        for brake in ("stop", "suspend"):
            if self._mutable[brake] and self._chance.random() < 0.5:
                drawn = brake
        what = getattr(self, f"_{drawn}")(more)
        if not what:
            return None
        self.settle()
        return self._edit(what, **more)

    def finish(self) -> list[Edit]:
        """What makes it go on to its end."""
        self._mutable |= {"suspend": False, "stop": False}
        if "Failed" in end(self.spec).values():
            self._mutable["failurePolicy"] = "Continue"
        return [self._edit("resume")]

    def _edit(self, what: str, **more: Any) -> Edit:
        at = FAULT if self._chance.random() < 0.2 else self._chance.choice(_AT)
        number = 0 if self._chance.random() < 0.3 else self._chance.randint(1, 6)
        return Edit(what, at, number, **({"spec": self.spec} | more))

    # What may be done. Each says what it does, or nothing where that is not possible now.

    def _add(self, more: Json) -> str:
        if len(self._tasks) >= 12:
            return ""
        self._tasks = [*self._tasks, self._task(self._tasks)]
        return f"add {self._tasks[-1]['id']}"

    def _between(self, more: Json) -> str:
        if len(self._tasks) >= 12:
            return ""
        at = self._chance.randrange(len(self._tasks))
        new = self._task(self._tasks[:at])
        self._tasks = [*self._tasks[:at], new, *self._tasks[at:]]
        if end(self.spec)[new["id"]] == "Succeeded":
            for i in self._chance.sample(range(at + 1, len(self._tasks)), 1):
                self._set(i, dependencies=[*self._tasks[i].get("dependencies", ()), new["id"]])
        return f"add {new['id']} before others"

    def _remove(self, more: Json) -> str:
        if len(self._tasks) < 3:
            return ""
        gone = {self._chance.choice(self._tasks)["id"]}
        if is_detached := self._chance.random() < 0.5:
            for i, each in enumerate(self._tasks):
                self._set(i, dependencies=[p for p in each.get("dependencies", ()) if p not in gone])
        else:
            for each in self._tasks:
                if gone.intersection(each.get("dependencies", ())):
                    gone.add(each["id"])
        if len(gone) >= len(self._tasks):
            return ""
        self._removed += [each for each in self._tasks if each["id"] in gone]
        self._tasks = [each for each in self._tasks if each["id"] not in gone]
        return f"remove {' '.join(sorted(gone))}" + (" and detach" if is_detached else "")

    def _again(self, more: Json) -> str:
        if not self._removed or len(self._tasks) >= 12:
            return ""
        back = self._removed.pop(self._chance.randrange(len(self._removed)))
        well = {i for i, state in end(self.spec).items() if state == "Succeeded"}
        self._tasks = [*self._tasks, back | {"dependencies": [p for p in back.get("dependencies", ()) if p in well]}]
        return f"add {back['id']} again"

    def _change(self, more: Json) -> str:
        i = self._chance.randrange(len(self._tasks))
        each, chance = self._tasks[i], self._chance
        what = chance.choice(("parameters", "dependencies", "files", "priority", "role", "maxAttempts", "title"))
        if what == "parameters":
            if _fails(each):
                return ""
            new = task("", seconds=chance.choice(_SECONDS), fail_attempts=chance.choice((None, None, 1, 2)))
            self._set(i, parameters=new.get("parameters", []))
        elif what == "dependencies":
            self._set(i, dependencies=self._parents(self._tasks[:i]))
        elif what == "files":
            self._set(i, files=chance.sample(_FILES, 1) if self._has_files else [])
        elif what == "role":
            self._set(i, role=chance.choice(self._roles))
        else:
            values: dict[str, Any] = {
                "priority": chance.randint(-5, 5),
                "maxAttempts": chance.choice((ATTEMPTS, ATTEMPTS + 1)),
                "title": f"title {chance.randrange(100)}",
            }
            self._set(i, **{what: values[what]})
        return f"change {what} of {each['id']}"

    def _fix(self, more: Json) -> str:
        failing = [i for i, each in enumerate(self._tasks) if _fails(each)]
        if not failing:
            return ""
        i = self._chance.choice(failing)
        self._set(i, parameters=task("", seconds=self._chance.choice(_SECONDS)).get("parameters", []))
        more["retry"] = True
        return f"fix {self._tasks[i]['id']}"

    def _cap(self, more: Json) -> str:
        self._mutable["parallelism"] = self._chance.randint(1, 6)
        return f"parallelism {self._mutable['parallelism']}"

    def _scheduling(self, more: Json) -> str:
        self._mutable["scheduling"] = "Graph" if self._mutable["scheduling"] == "Levels" else "Levels"
        return f"scheduling {self._mutable['scheduling']}"

    def _policy(self, more: Json) -> str:
        self._mutable["failurePolicy"] = self._chance.choice(_POLICIES)
        return f"failurePolicy {self._mutable['failurePolicy']}"

    def _suspend(self, more: Json) -> str:
        self._mutable["suspend"] = not self._mutable["suspend"]
        return "suspend" if self._mutable["suspend"] else "resume"

    def _stop(self, more: Json) -> str:
        self._mutable["stop"] = not self._mutable["stop"]
        return "stop" if self._mutable["stop"] else "go on"

    def _retry(self, more: Json) -> str:
        more["retry"] = True
        return "retry what has failed"

    def _invalid(self, more: Json) -> str:
        if len(self._tasks) < 2:
            return ""
        a, *middle, b = self._tasks
        bad = [a | {"dependencies": [b["id"]]}, *middle, b | {"dependencies": [a["id"]]}]
        more["spec"] = self.spec | {"tasks": bad}  # the next edit is in order again
        return f"a cycle of {a['id']} and {b['id']}"

    def _recreate(self, more: Json) -> str:
        self._succeeds.clear()
        if self._chance.random() < 0.3:
            self._tasks = []
            for _ in range(self._chance.randint(4, 8)):
                self._tasks.append(self._task(self._tasks))
        more["recreate"] = self._chance.choice(("Background", "Background", "Foreground"))
        return f"delete ({more['recreate']}) and create again"

    # Of one task.

    def _set(self, i: int, **fields: Any) -> None:
        self._tasks = [*self._tasks[:i], self._tasks[i] | fields, *self._tasks[i + 1 :]]

    def _task(self, before: Sequence[Json]) -> Json:
        self._made += 1
        chance = self._chance
        more: Json = {}
        if self._has_files and chance.random() < 0.5:
            more["files"] = chance.sample(_FILES, chance.choice((1, 1, 2)))
        if len(self._roles) > 1 and chance.random() < 0.4:
            more["role"] = "reviewer"
        return task(
            f"t{self._made}",
            *self._parents(before, may_fail=True),
            seconds=chance.choice(_SECONDS),
            fail_attempts=chance.choice(_FAILS),
            **more,
        )

    def _parents(self, before: Sequence[Json], may_fail: bool = False) -> list[str]:
        ends = end(spec(*before)) if before else {}
        possible = [i for i, state in ends.items() if may_fail or state == "Succeeded"]
        return self._chance.sample(possible, min(len(possible), self._chance.choice((0, 1, 1, 2))))
