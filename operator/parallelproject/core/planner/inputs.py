"""What a task gets of the outputs of others: the values of its parameters. Pure, and the same in both shells."""

from collections.abc import Mapping

from parallelproject.core.graph.conditions import Source, Test
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.outputs import Outputs, kept, share
from parallelproject.model.problem import listed, quoted
from parallelproject.model.status import TaskState

_MISSING, _LOST = "does not exist", "does not exist, or was too large to keep"
"""What is said of an output of a task that has not succeeded, and of one that has: a status does not hold all of it."""
_VALUES_SHOWN, _VALUE_SHOWN = 5, 40
"""Values that are named, and characters of each."""


def outputs_in_status(graph: CompiledGraph, task: int, record: Record) -> Outputs:
    """The outputs of a task that has succeeded, as a status has them: no plan goes by others, so that a restart decides
    the same."""
    return outputs_kept(graph, task, record) if record.state is TaskState.SUCCEEDED else ()


def outputs_kept(graph: CompiledGraph, task: int, record: Record) -> Outputs:
    """What a status has of the outputs of a task, also of one that is midway through its steps."""
    if not record.outputs:
        return ()
    needed = graph.conditions.needed
    return kept(record.outputs, share(len(graph.ids), len(needed), task in needed), needed.get(task, frozenset()))


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


def holds(graph: CompiledGraph, task: int, test: Test, state: str, records: Mapping[str, Record]) -> bool:
    """Whether a condition holds. One on a value that does not exist never does.

    Args:
        graph: The compiled spec.
        task: Whose condition it is.
        test: The condition.
        state: That of the task that it names.
        records: By task id; at least those of the tasks that conditions and parameters of the task name.
    """
    if test.end is not None:
        return state == test.end
    value = _compared(graph, task, test, records)
    return value is not None and (value in test.values) is not test.negated


def condition_words(
    graph: CompiledGraph, task: int, test: Test, state: str, records: Mapping[str, Record]
) -> tuple[str, bool]:
    """What a condition wants and what is so, and whether it holds; the arguments are those of ``holds``."""
    is_met = holds(graph, task, test, state, records)
    if test.end is not None:
        return f"{graph.ids[test.task]} is {state}, not {test.end}", is_met
    value = _compared(graph, task, test, records)
    what = f"output {test.output} of {graph.ids[test.task]}" if test.output else f"parameter {test.parameter}"
    if value is None:
        is_lost = bool(test.output) and _has_succeeded(graph, test.task, records)
        return f"{what} {_LOST if is_lost else _MISSING}", is_met
    wanted = listed([quoted(each, _VALUE_SHOWN) for each in sorted(test.values)], _VALUES_SHOWN)
    return f"{what} is {quoted(value, _VALUE_SHOWN)}, which is {'' if test.negated else 'not '}in [{wanted}]", is_met


def _compared(graph: CompiledGraph, task: int, test: Test, records: Mapping[str, Record]) -> str | None:
    if not test.output:
        return parameters_of(graph, task, records)[test.parameter]
    return output_of(graph, test.task, test.output, records.get(graph.ids[test.task], NEW))


def missing(graph: CompiledGraph, task: int, records: Mapping[str, Record]) -> list[Source]:
    """The sources of a task's parameters that give no value; ``records`` as of ``parameters_of``."""
    values = parameters_of(graph, task, records)
    return [source for source in graph.conditions.sources.get(task, ()) if values[source.parameter] is None]


def source_words(graph: CompiledGraph, source: Source, records: Mapping[str, Record]) -> str:
    """That a source gives no value, in words; ``records`` as of ``parameters_of``."""
    why = _LOST if _has_succeeded(graph, source.task, records) else _MISSING
    return f"its parameter {source.parameter} takes the output {source.output} of {graph.ids[source.task]}, which {why}"


def _has_succeeded(graph: CompiledGraph, task: int, records: Mapping[str, Record]) -> bool:
    return records.get(graph.ids[task], NEW).state is TaskState.SUCCEEDED
