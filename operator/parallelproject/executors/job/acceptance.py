"""Which specs a cluster takes: one rule behind ``pproj lint --cluster``, the webhook and the condition Accepted."""

import logging

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.executors.job.task_job import check_for_cluster
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec

log = logging.getLogger(__name__)


def graph_for_cluster(spec: Spec, project: str) -> tuple[CompiledGraph | None, list[Problem]]:
    """The graph of a spec, None where it makes none; and everything that keeps the spec from running in a cluster.

    Args:
        spec: The spec.
        project: The project's name.
    """
    graph, problems = None, list[Problem]()
    try:
        graph = compile_graph(spec)
    except ProblemsError as error:
        problems += error.problems
    return graph, [*problems, *check_for_cluster(spec, project)]


def accepted(data: object, project: str) -> tuple[Spec, CompiledGraph]:
    """Reads the spec of an object in a cluster.

    Args:
        data: The spec, as it is on the API server.
        project: The project's name.

    Raises:
        ProblemsError: It cannot run; has every problem that ``pproj lint --cluster`` reports.
    """
    try:
        spec = parse_spec({} if data is None else data)
        graph, problems = graph_for_cluster(spec, project)
    except ProblemsError:
        raise
    except Exception as error:  # one odd object must not stop the others
        log.exception("reading the spec of project %s failed", project)
        raise ProblemsError([Problem("spec", f"could not be read: {type(error).__name__}")]) from None
    if problems or graph is None:
        raise ProblemsError(problems)
    return spec, graph
