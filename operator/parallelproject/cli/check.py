"""Everything that the operator and the API server would refuse in a project, found before they see it."""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from parallelproject.core.graph import CompiledGraph, compile_graph
from parallelproject.executors.job import check_templates
from parallelproject.model.crd import PodTemplate
from parallelproject.model.problem import Problem, ProblemsError, quoted
from parallelproject.model.project import ParallelProject, problems_of
from parallelproject.model.spec import Spec

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_MAX = 63


def check(project: ParallelProject) -> tuple[CompiledGraph | None, list[Problem]]:
    """The graph of a project that is to run in a cluster, and all problems of it; no graph where it has none.

    What has no problems here is Accepted: these are the operator's own checks and those of the CRD that reading a
    manifest leaves open.
    """
    graph, problems = None, _name(project)
    try:
        graph = compile_graph(project.spec)
    except ProblemsError as error:
        problems += error.problems
    problems += check_templates(project.spec)
    problems += _pod_templates(project.spec, [problem.place for problem in problems])
    problems += _twice(project.spec)
    return graph, problems


def _name(project: ParallelProject) -> list[Problem]:
    name = project.metadata.get("name")
    if name is None or (isinstance(name, str) and len(name) <= _NAME_MAX and _NAME.fullmatch(name)):
        return []
    mend = f"small letters, digits, - and ., at most {_NAME_MAX} characters"
    return [Problem("metadata.name", f"{quoted(name)} cannot be the name of a project", mend)]


def _pod_templates(spec: Spec, told: Sequence[str]) -> list[Problem]:
    """What the CRD checks of a pod template and ``check_templates`` has not found."""
    problems: list[Problem] = []
    for i, role in enumerate(spec.roles):
        if role.pod_template is None:
            continue
        place = f"spec.roles[{i}].podTemplate"
        try:
            template = PodTemplate.model_validate(role.pod_template, by_name=False)
        except ValidationError as error:
            problems += [p for p in problems_of(error, place) if not any(p.place.startswith(t) for t in told)]
            continue
        names = [container.name for container in template.spec.containers]
        problems += [
            Problem(f"{place}.spec.containers[{j}].name", f"{quoted(name)} is given twice", "rename one")
            for j, name in enumerate(names)
            if name in names[:j]
        ]
    return problems


def _twice(spec: Spec) -> list[Problem]:
    ids = [retry.id for retry in spec.retries]
    return [
        Problem(f"spec.retries[{i}].id", f"{quoted(id)} is given twice", "leave one")
        for i, id in enumerate(ids)
        if id in ids[:i]
    ]
