"""``pproj plan``: how a file's tasks would run. Needs no cluster and runs nothing."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from parallelproject.cli.input.agent_option import found_agents
from parallelproject.cli.input.arguments import (
    HERE,
    All,
    AnswerOutput,
    Dangling,
    DanglingOption,
    File,
    Format,
    NoColor,
    Parallelism,
    SchedulingOption,
    Tag,
    TextOrJson,
)  # fmt: skip
from parallelproject.cli.input.config_file import find_config, read_config, repository_of
from parallelproject.cli.input.task_file import located, placed, read_file, tell_warnings
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import of_problems
from parallelproject.cli.output.layout import Page
from parallelproject.cli.output.plan_text import plan_text
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.report.overview import document, outline
from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Imported


def run(
    file: File = HERE,
    output: AnswerOutput = TextOrJson.TEXT,
    all_tasks: All = False,
    format: Format = None,
    tag: Tag = None,
    dangling: DanglingOption = Dangling.ERROR,
    scheduling: SchedulingOption = None,
    parallelism: Parallelism = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show every level in full, and why each role was chosen.")
    ] = False,
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", metavar="TASK", help="Show only the prompt that a coding agent gets for this task."),
    ] = None,
    no_color: NoColor = False,
) -> None:
    """Show how a file's tasks would run, without running anything.

    Levels follow from dependencies alone; waves also separate tasks that write the same files. The critical path is
    the longest chain of work: no parallelism makes it shorter.
    """
    if no_color:
        terminal.forbid_color()
    file = located(file, "plan")
    imported = read_file(file, format, tag, dangling, all_tasks)
    project = imported.project
    asked = {"scheduling": scheduling, "parallelism": parallelism}
    spec = project.spec.model_copy(update={key: value for key, value in asked.items() if value is not None})
    try:
        graph = compile_graph(spec)
    except ProblemsError as error:
        tell_warnings(imported)
        raise of_problems(placed(error.problems, file, project, imported.report.format)) from None
    if prompt is not None:
        from parallelproject.cli.local.prompts import prompt_for  # here: few plans need it

        _show_prompt(prompt_for(project.name, spec, graph, prompt), output)
        return
    found = outline(graph, spec)
    if output is TextOrJson.JSON:
        answer = {**document(found), "project": project.name, "source": _source(imported)}
        terminal.show(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    options = [("--format", format), ("--tag", tag), ("--dangling", dangling if dangling is Dangling.WARN else None)]
    words = [str(file), *(word for name, value in options if value for word in (name, str(value)))]
    typed = shlex.join([*words, "--all"] if all_tasks else words)
    page = Page(terminal.width(sys.stdout), terminal.color_allowed(sys.stdout))
    terminal.show(plan_text(page, typed, _run_options(file, imported), imported, found, verbose))
    sys.stdout.flush()
    tell_warnings(imported)


def _show_prompt(text: str, output: TextOrJson) -> None:
    terminal.show(json.dumps({"prompt": text}, ensure_ascii=False) if output is TextOrJson.JSON else text.rstrip("\n"))


def _run_options(file: Path, imported: Imported) -> str:
    """What pproj run needs in addition to the file, as far as .pproj.yaml does not say it; it starts with a blank."""
    config = find_config(file)
    known = read_config(config).values if config else {}
    spec, options = imported.project.spec, ""
    repository = repository_of(file if file.is_dir() else file.parent) or repository_of(Path())
    if repository and spec.git is None and "repo" not in known:
        options += f" --repo {shlex.quote(os.path.relpath(repository))}"
    is_known = any(role.pod_template or role.agent for role in spec.roles) or known.keys() & {"command", "agent"}
    if not is_known:
        options += f" --agent {agents[0]}" if (agents := found_agents()) else " --command 'CMD'"
    return options


def _source(imported: Imported) -> dict[str, Any]:
    """The account of the file."""
    report = imported.report
    return {
        "format": str(report.format),
        "found": report.found,
        "taken": report.taken,
        "done": report.done,
        "leftOut": [{"id": row.id, "why": row.why} for row in report.left_out],
        "tag": report.tag,
        "otherTags": list(report.other_tags),
        "renamed": dict(report.renamed),
        "chosenRoles": {id: {"role": chosen.role, "why": chosen.why} for id, chosen in report.roles.items()},
        "warnings": [str(problem) for problem in report.warnings],
    }
