"""What a task gets of the outputs of others: the values of its parameters. Pure, and the same in both shells."""

from collections.abc import Mapping

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.outputs import Outputs, kept, share
from parallelproject.model.status import TaskState


def outputs_in_status(graph: CompiledGraph, task: int, record: Record) -> Outputs:
    """The outputs of a task that a status has: no plan goes by others, so that a restart decides the same."""
    if not record.outputs or record.state is not TaskState.SUCCEEDED:
        return ()
    needed = graph.conditions.needed
    return kept(record.outputs, share(len(graph.ids), len(needed), task in needed), needed.get(task, ()))


def output_of(graph: CompiledGraph, task: int, name: str, record: Record) -> str | None:
    """The value of an output; None if it does not exist."""
    return next((value for found, value in outputs_in_status(graph, task, record) if found == name), None)


def parameters_of(graph: CompiledGraph, task: int, records: Mapping[str, Record]) -> dict[str, str | None]:
    """By name, the parameters of a task; None for one whose output does not exist and that has no default.

    Args:
        graph: The compiled spec.
        task: The task, as its number in the graph.
        records: By task id; at least those of the tasks that its parameters name.
    """
    values: dict[str, str | None] = {parameter.name: parameter.value for parameter in graph.tasks[task].parameters}
    for source in graph.conditions.sources.get(task, ()):
        found = output_of(graph, source.task, source.output, records.get(graph.ids[source.task], NEW))
        values[source.parameter] = source.default if found is None else found
    return values
