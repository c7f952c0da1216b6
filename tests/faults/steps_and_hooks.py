"""Projects with steps, gates and hooks: how their pods behave, and how they end when nothing goes wrong."""

from collections.abc import Collection, Mapping, Sequence

from tests.controller.audit import Json
from tests.controller.cluster import role
from tests.controller.stepped_laws import StepOutcome, SteppedTask

GIT: Json = {"url": "https://git.example/acme/shop.git"}
_ENDS = "step_ends"
"""The parameter that says how attempts end, see tools/rig/stages/pod-end.yaml."""
OUTCOMES = {
    "rejected": StepOutcome.REJECTED,
    "killed": StepOutcome.FAILED,
    "conflict": StepOutcome.CONFLICT,
    "later": StepOutcome.LATER,
}
"""By the names of ends in that parameter."""


def through(made: Json, *steps: str, ends: Mapping[int, str]) -> Json:
    """A task that goes through some steps.

    Args:
        made: The task.
        steps: The names of the steps.
        ends: By number, how attempts end that do not end well.
    """
    text = " ".join(f"{number}:{end}" for number, end in ends.items())
    parameters = [*made.get("parameters", ()), {"name": _ENDS, "value": text}]
    return {**made, "steps": list(steps), "parameters": parameters}


def stepped_fields(steps: Sequence[Json], hooks: Json) -> Json:
    """The fields of a spec with steps and hooks; hooks of the role ``broken`` fail."""
    broken = role("broken")
    broken["podTemplate"]["spec"]["containers"][0]["env"] = [{"name": "PPROJ_PARAM_FAIL_ATTEMPTS", "value": "9"}]
    made: Json = {"roles": [role(), role("reviewer", maxConcurrent=1), broken]}
    if steps:
        made |= {"git": GIT, "steps": list(steps)}
    if hooks:
        made["hooks"] = {kind: {"command": ["refresh"], "role": "coder", **fields} for kind, fields in hooks.items()}
    return made


def chosen_steps(made: Json, steps: Sequence[Json]) -> list[Json]:
    """Those of a spec that a task goes through."""
    return [step for step in steps if "steps" not in made or step["name"] in made["steps"]]


def fate(made: Json, steps: Sequence[Json], attempts: int) -> tuple[str, int, int]:
    """State, attempts and failures of a task at the end, when nothing goes wrong.

    Args:
        made: The task.
        steps: Those of the spec.
        attempts: How often an attempt at a step may fail.
    """
    life = SteppedTask(made["id"], chosen_steps(made, steps), attempts)
    parameters = {each["name"]: each["value"] for each in made.get("parameters", ())}
    ends = dict(each.split(":") for each in parameters.get(_ENDS, "").split())
    fails, number, failures = int(parameters.get("fail_attempts", 0)), 0, 0
    while not life.landed and not life.has_failed:
        number += 1
        step = life.next_step()
        assert step is not None
        outcome = StepOutcome.FAILED if number <= fails else OUTCOMES.get(ends.get(str(number), ""))
        life.settle(step, number, outcome or life.end_of(step))
        failures += outcome is StepOutcome.FAILED
    return ("Succeeded" if life.landed else "Failed"), number, failures


def hook_runs(tasks: Sequence[Json], hooks: Json, started: Collection[str]) -> list[tuple[str, int | str, str]]:
    """The hooks that run, each with its level or group, and its end.

    Args:
        tasks: All tasks, each after those that it depends on.
        hooks: As in the spec.
        started: The tasks of which an attempt starts.
    """
    levels: dict[str, int] = {}
    for each in tasks:
        levels[each["id"]] = max((levels[parent] + 1 for parent in each.get("dependencies", ())), default=0)
    by_level = sorted({levels[task] for task in started})
    groups = dict.fromkeys(each["group"] for each in tasks if "group" in each)  # in the order of their first tasks
    groups = {g: None for g in groups if any(each.get("group") == g and each["id"] in started for each in tasks)}
    found: list[tuple[str, int | str, str]] = []
    for kind in ("beforeLevel", "afterLevel", "beforeGroup", "afterGroup"):
        places: Sequence[int | str] = by_level if kind.endswith("Level") else list(groups)
        ended = "Failed" if hooks.get(kind, {}).get("role") == "broken" else "Succeeded"
        found += [(kind, place, ended) for place in places if kind in hooks]
    return found
