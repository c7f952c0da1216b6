"""``pproj lint``: every error in files, with its place and the fix."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from parallelproject.cli.input.arguments import (
    All,
    AnswerOutput,
    Dangling,
    DanglingOption,
    Format,
    NoColor,
    SourceFormat,
    Tag,
    TextOrJson,
)  # fmt: skip
from parallelproject.cli.input.check import check, check_here
from parallelproject.cli.input.manifest import for_cluster
from parallelproject.cli.input.task_file import located, placed, read_file
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.layout import count, listed
from parallelproject.executors.cluster_check import check_for_cluster
from parallelproject.model.problem import Problem, ProblemsError, Severity
from parallelproject.model.project import ParallelProject
from parallelproject.model.spec import FileOverlap
from parallelproject.sources import Format as SourceKind
from parallelproject.sources import Imported
from parallelproject.sources.formats.manifest import ManifestError

_IDS_ROOM = 200


@dataclass(frozen=True)
class _LintResult:
    """What is wrong with one file."""

    file: str
    imported: Imported | None
    """None where it makes no project."""
    errors: list[Problem]
    warnings: list[Problem]


def run(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Manifests, task files, or folders that contain one; by default this folder. - is standard input.",
            show_default=False,
        ),
    ] = None,
    output: AnswerOutput = TextOrJson.TEXT,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Also check the rules of the operator and the API server.")
    ] = False,
    format: Format = None,
    tag: Tag = None,
    dangling: DanglingOption = Dangling.ERROR,
    all_tasks: All = False,
    no_color: NoColor = False,
) -> int:
    """Report every error in files, each with its place and the fix.

    pproj run accepts a file without errors; with --cluster, pproj submit and the operator accept it. Exit code: 0 if
    no file has errors, else 1.
    """
    if no_color:
        terminal.forbid_color()
    found = [_lint(file, cluster, format, tag, dangling, all_tasks) for file in files or [Path()]]
    if output is TextOrJson.JSON:
        documents = [_as_data(one) for one in found]
        terminal.show(json.dumps(documents if len(found) > 1 else documents[0], indent=2, ensure_ascii=False))
    else:
        for one in found:
            _tell(one)
    return 1 if any(one.errors for one in found) else 0


def _lint(
    given: Path, cluster: bool, format: SourceFormat | None, tag: str | None, dangling: Dangling, all_tasks: bool
) -> _LintResult:
    imported: Imported | None = None
    file = given
    try:
        file = located(given, "lint")
        imported = read_file(file, format, tag, dangling, all_tasks)
        problems = [*imported.report.warnings, *_of_project(imported, file, cluster)]
    except ManifestError as error:
        problems = [*error.problems, *(_of_rest(error, file) if cluster else ()), *error.warnings]
    except ProblemsError as error:
        problems = [*error.problems, *error.warnings]
    except Failure as failure:
        if failure.code == 2:
            raise
        problems = [Problem(str(given), line, failure.hint) for line in failure.lines]
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    warnings = [problem for problem in problems if problem.severity is Severity.WARNING]
    return _LintResult(str(file), imported, errors, warnings)


def _of_project(imported: Imported, file: Path, cluster: bool) -> list[Problem]:
    """What is wrong with the project as a whole."""
    project, kind = imported.project, imported.report.format
    if cluster and kind is not SourceKind.MANIFEST:  # its roles are made when it is imported
        _, project, _ = for_cluster(imported)
    graph, problems = check(project) if cluster else check_here(project)
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


def _of_rest(error: ManifestError, file: Path) -> list[Problem]:
    """What a cluster would refuse in the part of a manifest that can be used."""
    spec = error.salvage.spec
    if spec is None:
        return []
    project = ParallelProject(metadata=error.metadata, spec=spec)
    problems = error.salvage.sift(check_for_cluster(spec, project.name or "x"))
    return placed(problems, file, project, SourceKind.MANIFEST)


def _tell(found: _LintResult) -> None:
    for problem in found.errors:
        terminal.error(str(problem))
    for problem in found.warnings:
        terminal.warning(str(problem))
    if found.errors:
        terminal.say(f"{found.file}: {count(len(found.errors), 'error')}, {count(len(found.warnings), 'warning')}")
        return
    report = found.imported.report if found.imported else None
    for line in report.unread_lines() if report else ():
        terminal.say(f"{found.file}: {line}")
    tasks = len(found.imported.project.spec.tasks) if found.imported else 0
    more = f", {count(len(found.warnings), 'warning')}" if found.warnings else ""
    terminal.show(terminal.printable(f"{found.file}: ok, {count(tasks, 'task')}{more}"))


def _as_data(found: _LintResult) -> dict[str, object]:
    def as_json(problem: Problem) -> dict[str, str]:
        return {"place": problem.place, "found": problem.found, "hint": problem.hint, "reason": problem.reason}

    return {
        "file": found.file,
        "ok": not found.errors,
        "format": str(found.imported.report.format) if found.imported else None,
        "tasks": len(found.imported.project.spec.tasks) if found.imported else None,
        "errors": list(map(as_json, found.errors)),
        "warnings": list(map(as_json, found.warnings)),
    }
