"""``--only``, ``--from`` and ``--skip``: the tasks that a run skips."""

from collections.abc import Sequence

from parallelproject.cli.output.failure import Failure
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.graph.selection import skipped_by_choice
from parallelproject.model.problem import quoted
from parallelproject.model.spec import Spec
from parallelproject.model.suggest import did_you_mean


def skipped_tasks(spec: Spec, only: Sequence[str], start: Sequence[str], skip: Sequence[str]) -> list[str]:
    """The ids of the tasks that are not run.

    Raises:
        ProblemsError: the spec makes no graph.
        Failure: one of those named is not a task.
    """
    if not (only or start or skip):
        return []
    graph = compile_graph(spec)
    for option, names in (("--only", only), ("--from", start), ("--skip", skip)):
        for name in names:
            if name not in graph.index:
                hint = did_you_mean(name, graph.ids) or "pproj plan --verbose names all tasks"
                raise Failure(f"{option} {name}: {quoted(name)} is not a task", hint=hint, code=2)
    return skipped_by_choice(graph, only, start, skip)
