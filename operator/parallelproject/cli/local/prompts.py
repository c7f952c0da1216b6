"""The prompt that an agent gets for a task of a file, before anything runs or while it does."""

from parallelproject.agents.prompt import prompt_of
from parallelproject.cli.output.failure import Failure, of_problems
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.report.status import read_status
from parallelproject.executors.base.task_file import task_document
from parallelproject.local.agents.prompts import check_template
from parallelproject.local.read import read_run
from parallelproject.local.state.directory import StateDirectory
from parallelproject.model.problem import ProblemsError, quoted
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState
from parallelproject.model.suggest import did_you_mean


def prompt_for(project: str, spec: Spec, graph: CompiledGraph, task: str) -> str:
    """The prompt of the first attempt of a task.

    Commits and outputs of its dependencies are those of the local run below this folder; without one there are none.

    Args:
        project: Name of the project.
        spec: The spec.
        graph: The compiled spec.
        task: Id of the task.

    Raises:
        Failure: there is no such task, or the template of the spec is wrong.
    """
    if task not in graph.index:
        hint = did_you_mean(task, graph.ids) or "pproj plan FILE -v shows all tasks"
        raise Failure(f"--prompt: {quoted(task)} is not a task", hint=hint, code=2)
    if spec.prompt is not None:
        try:
            check_template(spec.prompt, graph.tasks)
        except ProblemsError as error:
            raise of_problems(error.problems) from None
    directory = StateDirectory.default(project)
    run = read_run(directory.path)
    records = read_status(run["status"]).records if run and run["status"] else {}
    i = graph.index[task]
    for parent in graph.parents[i]:  # one with conditions may be skipped, which nothing says of it before
        record = records.get(graph.ids[parent], NEW)
        if parent in graph.conditions.tests and parent not in graph.conditions.expected.get(i, {}):
            records = {**records, graph.ids[parent]: record._replace(state=TaskState.SUCCEEDED)}
    outputs = {graph.ids[p]: directory.output_files(graph.ids[p]) for p in graph.parents[i]}
    document = task_document(project, graph, i, 1, records, outputs, spec.role(graph.role[i]))
    return prompt_of(document, spec.prompt, directory.outputs(task))
