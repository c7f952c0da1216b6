"""What a task runs on this machine: the command given for all, or that of its role's container."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.executors.base.hook_environment import hook_role
from parallelproject.local.agents.call import AgentCall
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Agent, HookKind, NoChange, Spec, SpecStep

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
HINT = "add one, or give --command 'CMD' or --agent TYPE"


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it was written, and the environment that goes with it."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    """Literal values of the container; those that come from elsewhere (valueFrom) are only in a cluster."""
    agent: AgentCall | None = None
    """The coding agent that it starts, if it does."""
    resuming: tuple[str, ...] = ()
    """The same for an attempt that continues the session of the one before; empty: none does."""
    expands: bool = True
    """Whether ``$(VAR)`` stands for a variable; a shell has its own ways."""

    def resolve(self, environment: Mapping[str, str], *, resumes: bool = False) -> tuple[list[str], dict[str, str]]:
        """The arguments, and the whole environment, of one attempt whose own variables are given."""
        known = dict(environment)
        for name, value in self.env:
            known.setdefault(name, expand(value, known))
        words = self.resuming if resumes else self.argv
        argv = [expand(word, known) for word in words] if self.expands else list(words)
        return argv, known


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Kubernetes' ``$(VAR)``: what is not defined stays as it is, ``$$`` is a ``$``."""
    return _REFERENCE.sub(lambda m: environment.get(m[1], m[0]) if m[1] is not None else "$", text)


def commands(spec: Spec, graph: CompiledGraph, given: str | None, agent: Agent | None) -> dict[str | None, Command]:
    """The command of each role that has a task, or a step without a command of its own.

    Args:
        spec: The spec.
        graph: Its graph.
        given: A command for the shell, for all tasks alike.
        agent: A coding agent, for all tasks alike.

    Raises:
        ProblemsError: a role says nothing of what to run.
    """
    fallbacks = [name for role in spec.roles for name in role.fallbacks]
    of_steps = [step.role for step in spec.steps if not step.command]
    used = dict.fromkeys([*graph.role, *of_steps, *fallbacks])
    if given is not None:
        return dict.fromkeys(used, Command(("/bin/sh", "-c", given), expands=False))
    if agent is not None:
        return dict.fromkeys(used, _of_agent(agent, "--agent"))
    places = {role.name: i for i, role in enumerate(spec.roles)}
    found: dict[str | None, Command] = {}
    problems = []
    for name in used:
        if name is None or name not in places:
            what = f"role {name} is not described" if name else "nothing says what a task runs"
            hint = "add a role with an agent or a podTemplate, or give --command 'CMD' or --agent TYPE"
            problems.append(Problem("spec.roles", what, hint))
            continue
        place = f"spec.roles[{places[name]}].podTemplate"
        if (of_role := spec.roles[places[name]].agent) is not None:
            try:
                found[name] = _of_agent(of_role, f"spec.roles[{places[name]}].agent")
            except ProblemsError as error:
                problems += error.problems
            continue
        template = spec.roles[places[name]].pod_template
        if template is None:
            problems.append(Problem(place, "is missing", HINT))
            continue
        container = template.spec.containers[0]
        if not container.command:
            problems.append(Problem(f"{place}.spec.containers[0].command", "is missing", HINT))
            continue
        env = (container.model_extra or {}).get("env")
        found[name] = Command((*container.command, *container.args), tuple(_literals(env)))
    if problems:
        raise ProblemsError(problems)
    return found


def hook_commands(spec: Spec) -> dict[HookKind, Command]:
    """The command of each hook as it is written, with the environment of its role's container."""
    found = {}
    for kind in HookKind:
        hook = spec.hooks.of(kind) if spec.hooks else None
        if hook is None:
            continue
        found[kind] = Command(tuple(hook.command), _role_env(spec, hook_role(spec, hook)), expands=False)
    return found


def step_command(spec: Spec, step: SpecStep, role: str | None) -> Command:
    """The command of a step that has one of its own, with the environment of its role's container."""
    return Command(tuple(step.command), _role_env(spec, role))


def _role_env(spec: Spec, name: str | None) -> tuple[tuple[str, str], ...]:
    role = spec.role(name)
    container = role.pod_template.spec.containers[0] if role and role.pod_template else None
    return tuple(_literals((container.model_extra or {}).get("env"))) if container else ()


def _of_agent(agent: Agent, place: str) -> Command:
    from parallelproject.agents.catalog import PRESETS  # here, because few runs need them
    from parallelproject.agents.invocation import command_of, cost_problem

    preset = PRESETS[agent.type]
    if shutil.which(preset.program) is None:
        raise ProblemsError([Problem(place, f"{preset.program} is not on the PATH", preset.install)])
    if problem := cost_problem(agent, place):
        raise ProblemsError([problem])
    argv, resuming = (command_of(agent, os.environ, resumes=resumes) for resumes in (False, True))
    call = AgentCall(agent.type.value, agent.model, agent.on_no_change is NoChange.SUCCEED)
    return Command(argv, agent=call, resuming=resuming if agent.resume and preset.resume_arguments else ())


def _literals(env: Any) -> Iterator[tuple[str, str]]:
    for entry in env if isinstance(env, list) else ():
        if isinstance(entry, dict) and entry.get("name") and "valueFrom" not in entry:
            yield str(entry["name"]), str(entry.get("value") or "")
