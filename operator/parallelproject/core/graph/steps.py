"""The steps of each task, by the spec: checked, and compiled."""

from collections.abc import Sequence

from parallelproject.core.steps.step import TaskStep
from parallelproject.model.problem import Problem, quoted
from parallelproject.model.spec import Role, Spec, SpecStep
from parallelproject.model.suggest import did_you_mean

_PROBLEMS_MAX = 100
_ROUNDS = SpecStep.model_fields["max_rounds"].default


def steps_by_task(spec: Spec) -> tuple[tuple[TaskStep, ...], ...]:
    """The steps of each task after its own work, in the order in which they follow on it."""
    made = tuple(TaskStep(step.name, step.gate, step.max_rounds, step.role) for step in spec.steps)
    return tuple(
        made if task.steps is None else tuple(step for step in made if step.name in task.steps) for task in spec.tasks
    )


def check_steps(spec: Spec) -> list[Problem]:
    """What is wrong with the steps of a spec, and with those that tasks name."""
    problems = []
    names = [step.name for step in spec.steps]
    roles = [role.name for role in spec.roles]
    for i, step in enumerate(spec.steps):
        problems += _check_step(f"spec.steps[{i}]", step, spec.roles)
        if step.name in names[:i]:
            found = f"{quoted(step.name)} is the name of another step"
            problems.append(Problem(f"spec.steps[{i}].name", found, "give each step its own name"))
        if step.role is not None and roles and step.role not in roles:
            hint = did_you_mean(step.role, roles) or f"one of: {', '.join(roles)}"
            problems.append(Problem(f"spec.steps[{i}].role", f"{quoted(step.role)} is not a role", hint))
    for i, task in enumerate(spec.tasks):
        if task.steps and len(problems) < _PROBLEMS_MAX:
            problems += _check_choice(f"spec.tasks[{i}].steps", task.steps, names)
    return problems


def _check_step(place: str, step: SpecStep, roles: Sequence[Role]) -> list[Problem]:
    problems = []
    if step.role is None and not step.command:
        hint = "name a role that runs it, or give it a command, as in [make, test]"
        problems.append(Problem(place, f"{quoted(step.name)} has neither a role nor a command", hint))
    if not step.gate and step.max_rounds != _ROUNDS:
        found = f"is only for a gate, and {quoted(step.name)} is none"
        problems.append(Problem(f"{place}.maxRounds", found, "set gate: true, or remove it"))
    return problems


def _check_choice(place: str, chosen: Sequence[str], names: Sequence[str]) -> list[Problem]:
    problems = []
    for j, name in enumerate(chosen):
        if name not in names:
            hint = did_you_mean(name, names) or "add it to spec.steps, or remove it"
            problems.append(Problem(f"{place}[{j}]", f"{quoted(name)} is not a step", hint))
        elif name in chosen[:j]:
            problems.append(Problem(f"{place}[{j}]", f"{quoted(name)} is named twice", "remove one of them"))
    return problems
