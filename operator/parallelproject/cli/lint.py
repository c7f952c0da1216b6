"""``pproj lint``: every error in a file, with its place and the mend."""

import json

from parallelproject.cli import terminal
from parallelproject.cli.arguments import (
    All,
    AnswerOutput,
    Dangling,
    DanglingOption,
    File,
    Format,
    NoColor,
    Tag,
    TextOrJson,
)  # fmt: skip
from parallelproject.cli.check import check
from parallelproject.cli.page import count, listed
from parallelproject.cli.source import placed, read_file
from parallelproject.core.graph import compile_graph
from parallelproject.model.problem import Problem, ProblemsError, Severity
from parallelproject.model.spec import FileOverlap
from parallelproject.sources import Format as SourceKind
from parallelproject.sources import Imported

_IDS_ROOM = 200


def run(
    file: File,
    output: AnswerOutput = TextOrJson.TEXT,
    format: Format = None,
    tag: Tag = None,
    dangling: DanglingOption = Dangling.ERROR,
    all_tasks: All = False,
    no_color: NoColor = False,
) -> int:
    """Tell every error in a file, each with its place and the mend.

    A manifest without errors is accepted by the operator. Exit code: 0 without errors, else 1.
    """
    if no_color:
        terminal.forbid_color()
    imported: Imported | None = None
    try:
        imported = read_file(file, format, tag, dangling, all_tasks)
    except ProblemsError as error:
        problems = error.problems
    else:
        problems = [*imported.report.warnings, *_of_graph(imported, file)]
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    warnings = [problem for problem in problems if problem.severity is Severity.WARNING]
    if output is TextOrJson.JSON:
        _as_json(str(file), imported, errors, warnings)
        return 1 if errors else 0
    for problem in errors:
        terminal.error(str(problem))
    for problem in warnings:
        terminal.warning(str(problem))
    if errors:
        terminal.say(f"{file}: {count(len(errors), 'error')}, {count(len(warnings), 'warning')}")
        return 1
    tasks = len(imported.project.spec.tasks) if imported else 0
    more = f", {count(len(warnings), 'warning')}" if warnings else ""
    terminal.show(terminal.printable(f"{file}: ok, {count(tasks, 'task')}{more}"))
    return 0


def _of_graph(imported: Imported, file: File) -> list[Problem]:
    """What is wrong with the project as a whole."""
    project, kind = imported.project, imported.report.format
    if kind is SourceKind.MANIFEST:
        graph, problems = check(project)
    else:  # its roles are made when it is imported
        graph, problems = None, []
        try:
            graph = compile_graph(project.spec)
        except ProblemsError as error:
            problems = error.problems
    if graph and project.spec.conflicts.on_file_overlap is FileOverlap.WARN:
        problems += [
            Problem(
                f"spec.tasks[{conflict.tasks[1]}].files",
                f"{conflict.path} is written by {listed([graph.ids[i] for i in conflict.tasks], _IDS_ROOM)}",
                severity=Severity.WARNING,
            )
            for conflict in graph.conflicts
        ]
    return placed(problems, file, project, kind)


def _as_json(file: str, imported: Imported | None, errors: list[Problem], warnings: list[Problem]) -> None:
    def told(problem: Problem) -> dict[str, str]:
        return {"place": problem.place, "found": problem.found, "mend": problem.mend, "reason": problem.reason}

    document = {
        "file": file,
        "ok": not errors,
        "format": str(imported.report.format) if imported else None,
        "tasks": len(imported.project.spec.tasks) if imported else None,
        "errors": list(map(told, errors)),
        "warnings": list(map(told, warnings)),
    }
    terminal.show(json.dumps(document, indent=2, ensure_ascii=False))
