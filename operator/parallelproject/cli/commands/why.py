"""``pproj why``: what a task waits for, or why it failed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.state import ProjectState, rows, standing
from parallelproject.cli.input.arguments import AnswerOutput, NameOrOnly, TaskOrThoseToExplain, TextOrJson
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.report.why.answer import UnknownTaskError, Why
from parallelproject.core.report.why.why import deleted, not_accepted, why_each
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.status import TaskState

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader


_SHOWN = 10
"""Tasks that are explained as text if none is named."""


@on_project
async def run(
    reader: "ProjectReader",
    name: NameOrOnly = "",
    task: TaskOrThoseToExplain = None,
    output: AnswerOutput = TextOrJson.TEXT,
) -> None:
    """Say what tasks wait for, or why they failed."""
    project = await reader.get(name)
    tasks = [task] if task else _unfinished(project)
    rejected = not_accepted(task or "", project.get("status") or {})
    if rejected is not None:
        answers = [replace(rejected, task=task or name)]
    else:
        shown = tasks if output is TextOrJson.JSON else tasks[:_SHOWN]
        answers = _answers(reader, name, project, shown)
    found = await reader.explained([deleted(each, project["metadata"]) for each in answers], project)
    if output is TextOrJson.JSON:
        data = [{**asdict(each), "next": reader.next_commands(each, project)} for each in found]
        terminal.show_data(data[0] if task else data, as_json=True)
        return
    for each in found:
        title = f"{each.task}: {each.state}" + (f", {each.reason}" if each.reason else "")
        for line in (title, *(f"  {text}" for text in (each.answer, *each.more))):
            terminal.show_wrapped(line)
        terminal.show_next(reader.next_commands(each, project))
    if not found:
        terminal.show(f"nothing of {name} failed, runs or waits")
    elif rejected is None and len(tasks) > len(found):
        terminal.show(f"and {len(tasks) - len(found)} more: {typed()} get {name} shows all")
    if standing(project) is ProjectState.UNSEEN:
        terminal.say(f"the project has just been changed; {reader.planner} has not seen that yet")


def _answers(reader: "ProjectReader", name: str, project: Mapping[str, Any], tasks: Sequence[str]) -> list[Why]:
    try:
        spec = parse_spec(project.get("spec") or {})
        return why_each(compile_graph(spec), spec, project.get("status") or {}, tasks, reader.now())
    except UnknownTaskError as error:
        hint = error.hint or f"{typed()} get {name} shows all"
        raise Failure(f"{name} has no task {error.task}", hint=hint) from None
    except ProblemsError as error:
        # Of a newer version than ours, or changed this very moment.
        raise Failure(f"the spec of {name} cannot be read: {error.problems[0]}") from None


def _unfinished(project: Mapping[str, Any]) -> list[str]:
    """The tasks that failed; if none has, those that run, and then those that wait."""
    for states in ((TaskState.FAILED,), (TaskState.RUNNING, TaskState.PENDING)):
        found = [row["id"] for state in states for row in rows(project) if row.get("state") == state]
        if found:
            return found
    return []
