"""Which specs an executor takes: one rule behind ``pproj lint --cluster``, the webhook and the condition Accepted."""

import logging
from collections.abc import Callable

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.executors.base.optional import ChecksSpecs
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec

log = logging.getLogger(__name__)

Check = Callable[[Spec, str], list[Problem]]
"""The problems that keep a valid spec from running, in a project of this name."""


def checks_of(executor: object) -> Check:
    """The checks of an executor; an executor without checks accepts every valid spec."""
    return executor.problems if isinstance(executor, ChecksSpecs) else lambda spec, project: []


def judged(spec: Spec, project: str, check: Check) -> tuple[CompiledGraph | None, list[Problem]]:
    """The graph of a spec, None if it has no valid one, and all problems that keep the spec from running.

    Args:
        spec: The spec.
        project: The project's name.
        check: The executor's checks.
    """
    graph, problems = None, list[Problem]()
    try:
        graph = compile_graph(spec)
    except ProblemsError as error:
        problems += error.problems
    return graph, [*problems, *check(spec, project)]


def accepted(data: object, project: str, check: Check) -> tuple[Spec, CompiledGraph]:
    """Reads the spec of an object in a cluster.

    Args:
        data: The spec, as it is on the API server.
        project: The project's name.
        check: The executor's checks.

    Raises:
        ProblemsError: it cannot run. The error has every problem that ``pproj lint --cluster`` reports.
    """
    try:
        spec = parse_spec({} if data is None else data)
        graph, problems = judged(spec, project, check)
    except ProblemsError:
        raise
    except Exception as error:  # one malformed object must not stop the others
        log.exception("reading the spec of project %s failed", project)
        raise ProblemsError([Problem("spec", f"could not be read: {type(error).__name__}")]) from None
    if problems or graph is None:
        raise ProblemsError(problems)
    return spec, graph
