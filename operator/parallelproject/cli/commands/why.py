"""``pproj why``: one answer to what a task waits for, or why it failed."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from parallelproject.cli.cluster.state import ProjectState, standing
from parallelproject.cli.input.arguments import AnswerOutput, NameOrOnly, TaskOfProject, TextOrJson
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.report.why.answer import UnknownTaskError
from parallelproject.core.report.why.why import deleted, not_accepted, why
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader


@on_project
async def run(
    reader: "ProjectReader", name: NameOrOnly = "", task: TaskOfProject = "", output: AnswerOutput = TextOrJson.TEXT
) -> None:
    """Say what a task waits for, or why it failed."""
    project = await reader.get(name)
    status = project.get("status") or {}
    found = not_accepted(task, status)
    if found is None:
        try:
            spec = parse_spec(project.get("spec") or {})
            found = why(compile_graph(spec), spec, status, task, reader.now())
        except UnknownTaskError as error:
            hint = error.hint or f"{typed()} get {name} shows all"
            raise Failure(f"{name} has no task {task}", hint=hint) from None
        except ProblemsError as error:
            # Of a newer version than ours, or changed this very moment.
            raise Failure(f"the spec of {name} cannot be read: {error.problems[0]}") from None
    found = reader.explained(deleted(found, project["metadata"]), project)
    commands = reader.next_commands(found, project)
    if output is TextOrJson.JSON:
        terminal.show_data({**asdict(found), "next": commands}, as_json=True)
        return
    title = f"{found.task}: {found.state}" + (f", {found.reason}" if found.reason else "")
    for line in (title, *(f"  {text}" for text in (found.answer, *found.more))):
        terminal.show(terminal.printable(line))
    if standing(project) is ProjectState.UNSEEN:
        terminal.say(f"the project has just been changed; {reader.planner} has not seen that yet")
    for number, command in enumerate(commands):
        terminal.show(f"{'next: ' if not number else '      '}{command}")
