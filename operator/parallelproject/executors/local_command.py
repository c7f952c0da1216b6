"""What a task runs on this machine: the command given for all, or that of its role's container."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parallelproject.core.graph import CompiledGraph
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Role, Spec

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_MEND = "add one, or give --command 'CMD'"


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it was written, and the environment that goes with it."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    """Literal values of the container; those that come from elsewhere (valueFrom) are only in a cluster."""
    expands: bool = True
    """Whether ``$(VAR)`` stands for a variable; a shell has its own ways."""

    def resolve(self, environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """The arguments, and the whole environment, of one attempt whose own variables are given."""
        known = dict(environment)
        for name, value in self.env:
            known.setdefault(name, expand(value, known))
        argv = [expand(word, known) for word in self.argv] if self.expands else list(self.argv)
        return argv, known


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Kubernetes' ``$(VAR)``: what is not defined stays as it is, ``$$`` is a ``$``."""
    return _REFERENCE.sub(lambda m: environment.get(m[1], m[0]) if m[1] is not None else "$", text)


def commands(spec: Spec, graph: CompiledGraph, given: str | None) -> dict[str | None, Command]:
    """The command of each role that has a task.

    Args:
        spec: The spec.
        graph: Its graph.
        given: A command for the shell, for all tasks alike.

    Raises:
        ProblemsError: a role says nothing of what to run.
    """
    used = dict.fromkeys(graph.role)
    if given is not None:
        command = Command(("/bin/sh", "-c", given), expands=False)
        return dict.fromkeys(used, command)
    places = {role.name: i for i, role in enumerate(spec.roles)}
    found: dict[str | None, Command] = {}
    problems = []
    for name in used:
        if name is None or name not in places:
            what = f"role {name} is not described" if name else "nothing says what a task runs"
            mend = "add a role with a podTemplate, or give --command 'CMD'"
            problems.append(Problem("spec.roles", what, mend))
            continue
        place = f"spec.roles[{places[name]}].podTemplate"
        command = _of_container(spec.roles[places[name]], place, problems)
        if command:
            found[name] = command
    if problems:
        raise ProblemsError(problems)
    return found


def _of_container(role: Role, place: str, problems: list[Problem]) -> Command | None:
    template = role.pod_template
    if template is None:
        problems.append(Problem(place, "is missing", _MEND))
        return None
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    container = containers[0] if isinstance(containers, list) and containers else None
    if not isinstance(container, dict):
        problems.append(Problem(f"{place}.spec.containers", "has no container", _MEND))
        return None
    place += ".spec.containers[0]"
    command, arguments = container.get("command") or [], container.get("args") or []
    if not isinstance(command, list) or not isinstance(arguments, list):
        problems.append(Problem(f"{place}.command", "is not a list", "write it as a list of words"))
        return None
    if not command:
        problems.append(Problem(f"{place}.command", "is missing", _MEND))
        return None
    argv = tuple(map(str, [*command, *arguments]))
    return Command(argv, tuple(_literals(container.get("env"))))


def _literals(env: Any) -> list[tuple[str, str]]:
    entries = env if isinstance(env, list) else []
    return [
        (str(entry["name"]), str(entry.get("value") or ""))
        for entry in entries
        if isinstance(entry, dict) and entry.get("name") and "valueFrom" not in entry
    ]
