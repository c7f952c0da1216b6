"""``pproj why``: one answer to what a task waits for, or why it failed."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from parallelproject.cli.cluster.state import ProjectState, standing
from parallelproject.cli.input.arguments import AnswerOutput, Name, TaskId, TextOrJson
from parallelproject.cli.input.cluster_options import on_cluster
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.report.why import UnknownTaskError, Why, deleted, not_accepted, why
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster


@on_cluster
async def run(cluster: "Cluster", name: Name, task: TaskId, output: AnswerOutput = TextOrJson.TEXT) -> None:
    """Say what a task waits for, or why it failed."""
    project = await cluster.get(name)
    status = project.get("status") or {}
    found = not_accepted(task, status)
    if found is None:
        try:
            spec = parse_spec(project.get("spec") or {})
            found = why(compile_graph(spec), spec, status, task, cluster.now())
        except UnknownTaskError as error:
            hint = error.mend or f"{typed()} get {name} shows all"
            raise Failure(f"{name} has no task {task}", hint=hint) from None
        except ProblemsError as error:
            # Of a newer version than ours, or changed this very moment.
            raise Failure(f"the spec of {name} cannot be read: {error.problems[0]}") from None
    found = deleted(found, project["metadata"])
    commands = _commands(found, name, cluster.options, project["spec"].get("suspend") is True)
    if output is TextOrJson.JSON:
        terminal.show_data({**asdict(found), "next": commands}, as_json=True)
        return
    title = f"{found.task}: {found.state}" + (f", {found.reason}" if found.reason else "")
    for line in (title, *(f"  {text}" for text in (found.answer, *found.more))):
        terminal.show(terminal.printable(line))
    if standing(project) is ProjectState.UNSEEN:
        terminal.say("the project has just been changed; the operator has not looked at that yet")
    for number, command in enumerate(commands):
        terminal.show(f"{'next: ' if not number else '      '}{command}")


def _commands(found: Why, name: str, place: str, suspended: bool) -> list[str]:
    """What to type next."""
    commands = []
    if found.job and found.look in ("logs", "follow"):
        which = f" -c {found.container}" if found.container else " --all-containers"
        commands.append(f"kubectl logs{place} job/{found.job}{which}{' -f' if found.look == 'follow' else ''}")
    if found.job and found.look == "pod":
        commands.append(f"kubectl describe pod{place} -l job-name={found.job}")
    if found.job and found.look == "job":
        commands.append(f"kubectl describe job{place} {found.job}")
    if found.job and found.mend == "resume-job":
        patch = '{"spec":{"suspend":false,"parallelism":1}}'
        commands.append(f"kubectl patch{place} job {found.job} --type merge -p '{patch}'")
    if found.mend == "retry":
        tasks = "".join(f" {task}" for task in (found.tasks[:3] or (found.task,) if found.state == "Failed" else ()))
        commands.append(f"{typed()} retry{place} {name}{tasks}")
    if found.mend == "resume" and suspended:
        commands.append(f"{typed()} resume{place} {name}")
    if found.mend == "graph":
        patch = '{"spec":{"scheduling":"Graph"}}'
        commands.append(f"kubectl patch{place} pproj {name} --type merge -p '{patch}'")
    return commands
