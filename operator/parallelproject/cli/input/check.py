"""Everything that ``pproj run`` or the operator and the API server would refuse in a project, found before they do."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.executors.base.acceptance import judged
from parallelproject.executors.cluster_check import check_for_cluster
from parallelproject.git.plumbing.address import parse
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.local.delivery.program import delivery_of
from parallelproject.local.workspace.settings import problems_of_workspace
from parallelproject.model.branches import landing_branch
from parallelproject.model.problem import Problem, ProblemsError, quoted
from parallelproject.model.project import ParallelProject
from parallelproject.model.spec import MAX_TASKS, Spec

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_MAX = 63


def check_here(project: ParallelProject) -> tuple[CompiledGraph | None, list[Problem]]:
    """The graph of a project that is to run on this machine (None where it makes none), and all problems of it.

    What has none is accepted by ``pproj run`` with a command and, where work is to land, a repository.
    """
    graph, problems = None, list[Problem]()
    try:
        graph = compile_graph(project.spec)
    except ProblemsError as error:
        problems += error.problems
    return graph, [*problems, *problems_of_workspace(project.spec), *_git_here(project)]


def _git_here(project: ParallelProject) -> Iterator[Problem]:
    """What is wrong with where the work lands, as far as that shows without the repository."""
    git = project.spec.git
    if git is None:
        return
    try:
        parse(git.url, local=True)
    except PolicyError as error:
        found = str(error).removeprefix("git url: it ")
        yield Problem("spec.git.url", found, "give an absolute path, or https://HOST/PATH")
    delivery: dict[str, Any] = {
        "url": "https://localhost/x",
        "branch": landing_branch(git, project.name or "x"),
        "base_ref": git.base_ref,
        "run": "x",
        "task": "x",
    }
    if git.author:
        delivery["author"] = {"name": git.author.name, "email": git.author.email}
    try:
        delivery_of(delivery)
    except PolicyError as error:
        yield Problem("spec.git", str(error))


def check(project: ParallelProject) -> tuple[CompiledGraph | None, list[Problem]]:
    """The graph of a project that is to run in a cluster (None where it makes none), and all problems of it.

    What has no problems here is Accepted: these are the operator's own checks, and those of the CRD that the model
    leaves open because a project on one machine does without them.
    """
    graph, problems = judged(project.spec, project.name or "x", check_for_cluster)
    problems = [*_name(project), *problems]
    count = len(project.spec.tasks)
    if count > MAX_TASKS:
        found = f"{count:,} are more than a project in a cluster holds ({MAX_TASKS:,})"
        problems.append(Problem("spec.tasks", found, "split it, or run it on one machine with pproj run"))
    return graph, [*problems, *_twice(project.spec)]


def _name(project: ParallelProject) -> list[Problem]:
    name = project.metadata.get("name")
    if name is None or (isinstance(name, str) and len(name) <= _NAME_MAX and _NAME.fullmatch(name)):
        return []
    hint = f"small letters, digits, - and ., at most {_NAME_MAX} characters"
    return [Problem("metadata.name", f"{quoted(name)} cannot be the name of a project", hint)]


def _twice(spec: Spec) -> Iterator[Problem]:
    """What is given twice in lists whose items the API server distinguishes by a field."""
    keys = {
        "spec.retries": ("id", [retry.id for retry in spec.retries]),
        "spec.approvals": ("id", [approval.id for approval in spec.approvals]),
    }
    for i, role in enumerate(spec.roles):
        if role.pod_template is not None:
            place = f"spec.roles[{i}].podTemplate.spec.containers"
            keys[place] = ("name", [container.name for container in role.pod_template.spec.containers])
    for place, (field, values) in keys.items():
        for i in _repeated(values):
            yield Problem(f"{place}[{i}].{field}", f"{quoted(values[i])} is given twice", "leave one, or rename one")


def _repeated(values: Sequence[str]) -> Iterator[int]:
    seen: set[str] = set()
    for i, value in enumerate(values):
        if value in seen:
            yield i
        seen.add(value)
