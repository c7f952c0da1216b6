"""``pproj suspend``, ``resume`` and ``stop``: one field of the spec each."""

from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.state import has_ended
from parallelproject.cli.commands.asking import Asking
from parallelproject.cli.input.arguments import AnswerOutput, NameOrOnly, TextOrJson
from parallelproject.cli.input.project_options import on_project

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


@on_project
async def suspend(keeper: "ProjectKeeper", name: NameOrOnly = "", output: AnswerOutput = TextOrJson.TEXT) -> None:
    """Start no new tasks; running ones finish.

    A local run then waits until it is resumed or interrupted, even when no task is running.
    """
    await _switch(keeper, name, "suspend", True, f"{name} suspended: running tasks finish, no new ones start", output)


@on_project
async def resume(keeper: "ProjectKeeper", name: NameOrOnly = "", output: AnswerOutput = TextOrJson.TEXT) -> None:
    """Start tasks again, after suspend."""
    await _switch(keeper, name, "suspend", False, f"{name} resumed", output)


@on_project
async def stop(keeper: "ProjectKeeper", name: NameOrOnly = "", output: AnswerOutput = TextOrJson.TEXT) -> None:
    """Stop running tasks and end the project.

    What succeeded stays. pproj retry continues from there; a local run is continued by the command that started it.
    """
    again = keeper.command_to_continue(await keeper.get(name))
    await _switch(keeper, name, "stop", True, f"{name} stopping; {again} continues from there", output)


async def _switch(keeper: "ProjectKeeper", name: str, field: str, value: bool, done: str, output: TextOrJson) -> None:
    lines = [done]

    def patch(project: Json) -> Json | None:
        nonlocal lines
        lines = [done]
        if bool(project["spec"].get(field)) is value:
            already = {"suspend": "suspended" if value else "not suspended", "stop": "stopped"}[field]
            lines = [f"{name} is already {already}"]
            return None
        if field == "stop" and has_ended(project):
            lines = [f"{name} has already ended"]
            return None
        if field == "stop" and not keeper.is_attended(project):
            lines = [f"nothing of {name} is running"]
            return None
        if has_ended(project):
            lines = [f"{name} has already ended", done]
        return {"spec": {field: value}}

    await Asking(keeper, name, output).change(patch, lambda: lines)
