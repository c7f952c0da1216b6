"""The arguments of a Workflow: facts about its task, by names that a template may declare. Pure.

Argo replaces ``{{…}}`` in templates, and again in the result. So no value has ``{{`` in it: in JSON the
second brace is written as an escape and reads the same; all others get a space between. A dollar sign in JSON is an
escape too, since the kubelet replaces it in variables of a container.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.inputs import outputs_in_status, parameters_of
from parallelproject.executors.base.task_file import environment, task_document
from parallelproject.model import names
from parallelproject.model.branches import landing_branch
from parallelproject.model.spec import Spec, Task

_TAG = re.compile(r"\{(?=\{)")
_OF_ENVIRONMENT = (names.ENV_PROJECT, names.ENV_TASK_ID, names.ENV_ATTEMPT, names.ENV_LEVEL, names.ENV_ROLE)


def argument(variable: str) -> str:
    """The argument that holds what a variable of the environment holds: ``PPROJ_TASK_ID`` → ``pproj-task-id``."""
    return variable.lower().replace("_", "-")


TASK_FILE = argument(names.ENV_TASK_FILE)
FEEDBACK = argument(names.ENV_FEEDBACK)
DELIVERY, GIT_IMAGE, GIT_SECRET = "pproj-delivery", "pproj-git-image", "pproj-git-secret"
"""The instruction of ``pproj-git``, its image and its Secret; only with ``spec.git``."""
_NO_SECRET = "none"
"""A name, since Argo and Kubernetes refuse an empty one: the volume must be optional."""
TITLE, DESCRIPTION, PROMPT, BRANCH = "pproj-title", "pproj-description", "pproj-prompt", "pproj-branch"
OURS = frozenset(
    {
        *map(argument, _OF_ENVIRONMENT),
        TASK_FILE,
        FEEDBACK,
        DELIVERY,
        GIT_IMAGE,
        GIT_SECRET,
        TITLE,
        DESCRIPTION,
        PROMPT,
        BRANCH,
    }
)
"""The arguments that every task has. Each parameter of the task is another one, by its own name."""


class Declared(NamedTuple):
    """What the spec of a Workflow or of a template declares as its arguments."""

    parameters: Mapping[str, str | None]
    """By name, in its order; with the default that Argo does not apply to the arguments of a Workflow."""
    unset: frozenset[str]
    """Those that have no value and no default of their own."""
    artifacts: tuple[str, ...]
    """Artifacts without a location."""
    pod: Mapping[str, Any] = MappingProxyType({})
    """What it says of all its pods: their account, and their secrets to pull images."""


def declared(spec: Mapping[str, Any]) -> Declared:
    """Reads the arguments that a spec declares; Argo checks malformed ones."""
    arguments = spec.get("arguments")
    arguments = arguments if isinstance(arguments, Mapping) else {}
    parameters: dict[str, str | None] = {}
    unset = set()
    for each in _entries(arguments.get("parameters")):
        name, default = str(each.get("name") or ""), each.get("default")
        has_value = each.get("value") is not None or each.get("valueFrom") is not None
        parameters[name] = None if default is None or has_value else _text(default)
        if not has_value and default is None:
            unset.add(name)
    missing = [
        str(each.get("name") or "") for each in _entries(arguments.get("artifacts")) if set(each) <= _NO_LOCATION
    ]
    pod = {name: spec[name] for name in ("serviceAccountName", "imagePullSecrets") if name in spec}
    return Declared(parameters, frozenset(unset), tuple(missing), pod)


_NO_LOCATION = frozenset({"name", "path", "mode", "optional", "description", "archive", "deleted"})
"""Fields of an artifact other than its location."""


def lacking(found: Declared, task: Task) -> list[str]:
    """The parameters that a task would have to set."""
    given = OURS | {parameter.name for parameter in task.parameters}
    return sorted(found.unset - given)


def values(
    project: str,
    spec: Spec,
    graph: CompiledGraph,
    task: int,
    number: int,
    records: Mapping[str, Record],
    feedback: str = "",
    delivery: str = "",
    git_image: str = "",
) -> dict[str, str]:
    """All that may be set, by name.

    Args:
        project: Name of the project.
        spec: Its spec.
        graph: The compiled spec.
        task: The task, as its number in the graph.
        number: Of the attempt, from 1.
        records: By task id; at least those of the task's dependencies.
        feedback: The feedback of the previous attempt.
        delivery: The instruction of ``pproj-git``; empty without ``spec.git``.
        git_image: Its image.
    """
    described = graph.tasks[task]
    variables = environment(project, graph, task, number, records)
    title = described.title or described.id
    outputs = {
        graph.ids[i]: dict(outputs_in_status(graph, i, records[graph.ids[i]]))
        for i in graph.parents[task]
        if graph.ids[i] in records
    }
    found = task_document(project, graph, task, number, records, outputs, spec.role(graph.role[task]))
    document = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    texts = {name: value or "" for name, value in parameters_of(graph, task, records).items()} | {
        **{argument(name): variables[name] for name in _OF_ENVIRONMENT},
        TITLE: title,
        DESCRIPTION: described.description,
        PROMPT: f"{title}\n\n{described.description}".rstrip(),
        BRANCH: landing_branch(spec.git, project) if spec.git else "",
        FEEDBACK: feedback,
    }
    if spec.git is not None:
        ref = spec.git.credentials_secret_ref
        texts |= {GIT_IMAGE: git_image, GIT_SECRET: ref.name if ref else _NO_SECRET}
    plain = {name: _TAG.sub("{ ", text) for name, text in texts.items()}
    exact = {TASK_FILE: document, **({DELIVERY: delivery} if delivery else {})}
    return plain | {name: without_tags(text).replace("$", "\\u0024") for name, text in exact.items()}


def without_tags(text: str) -> str:
    """JSON without ``{{``, which Argo would replace; it reads the same."""
    return text.replace("{{", "{\\u007b")


def filled(found: Declared, given: Mapping[str, str]) -> list[dict[str, str]]:
    """The parameters of a Workflow: the declared ones that have a value or a default."""
    chosen = {name: given.get(name, default) for name, default in found.parameters.items()}
    return [{"name": name, "value": value} for name, value in chosen.items() if value is not None]


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str:
    """A value as Argo reads it: strings as they are, other scalars as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
