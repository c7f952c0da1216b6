"""Reads FILE for the commands that take one, and says what came in. No command by itself."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parallelproject.cli.input.arguments import Dangling, SourceFormat
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.project import ParallelProject
from parallelproject.sources import Format, Imported, Options, load
from parallelproject.sources.discover import PLACES, discover
from parallelproject.sources.load import default_name

WARNINGS_SHOWN = 5
_MAIN_TAG = "master"
_NAME_MAX = 63
_FOUND_SHOWN = 20
_TASK = re.compile(r"^spec\.tasks\[(\d+)\]")


def read_file(
    file: Path,
    format: SourceFormat | None = None,
    tag: str | None = None,
    dangling: Dangling = Dangling.ERROR,
    include_done: bool = False,
    name: str | None = None,
) -> Imported:
    """A project from FILE. Tasks of a tag other than master make a project of another name, never the same twice.

    Raises:
        ProblemsError: everything wrong with the file.
        Failure: ``--tag`` was given for a file without tags.
    """
    options = Options(tag=tag, include_done=include_done, dangling=dangling.value, name=name)
    imported = load(file, format=format.value if format else None, options=options)
    report = imported.report
    if tag is not None and report.format is not Format.TASKMASTER:
        raise Failure(f"--tag {tag}: {file} is no TaskMaster file ({report.format}), so it has no tags", code=2)
    if name is None and report.tag not in (None, _MAIN_TAG):
        base = "project" if str(file) == "-" else default_name(file)
        project = imported.project
        metadata = {**project.metadata, "name": as_name(f"{base}-{report.tag}")}
        imported = replace(imported, project=project.model_copy(update={"metadata": metadata}))
    return imported


def located(given: Path, command: str) -> Path:
    """FILE itself; of a folder the one task file in it that is known, which is reported on stderr.

    Raises:
        Failure: none is found, or more than one; it names where was looked, or the commands to choose by.
    """
    if str(given) == "-":
        return given
    try:
        if not given.is_dir():
            return given
        found = discover(given)
    except (OSError, ValueError):
        return given  # which says what is wrong with it when it is read
    where = "this folder" if given == Path() else str(given)
    if not found:
        places = ", ".join(dict.fromkeys(place for _, place in PLACES))
        hint = f"looked for {places}; give the file itself"
        if (given / ".beads").is_dir():
            hint = "there is .beads: write its issues to a file by bd export -o .beads/issues.jsonl"
        raise Failure(f"no task file in {where}", hint=hint)
    if len(found) > 1:
        shown = [f"  {typed()} {command} {shlex.quote(str(one.path))}    # {one.what}" for one in found[:_FOUND_SHOWN]]
        more = [f"  … and {len(found) - _FOUND_SHOWN} more"] * (len(found) > _FOUND_SHOWN)
        hint = "\n".join([*shown, *more])
        raise Failure(f"{where} has {len(found)} task files; name the one that is meant", hint=hint)
    terminal.say(f"reading {found[0].path} ({found[0].what})")
    return found[0].path


def as_name(text: str) -> str:
    """A text as a DNS label."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_NAME_MAX].strip("-") or "project"


def written(imported: Imported) -> dict[str, Any]:
    """The manifest: of a manifest what is written in it, of other files what differs from the defaults."""
    project = imported.project
    if imported.report.format is not Format.MANIFEST:
        return project.manifest()
    spec = project.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return {**project.manifest(), "spec": spec}


def placed(problems: Sequence[Problem], file: Path, project: ParallelProject, format: Format) -> list[Problem]:
    """Problems of a compiled spec, at their places in the file: a manifest's by line, other files' by task."""
    if format is Format.MANIFEST:
        where = _Lines(file)
        return [replace(problem, place=where.of(problem.place)) for problem in problems]

    def place(path: str) -> str:
        found = _TASK.match(path)
        return f"{file}: task {project.spec.tasks[int(found[1])].id}" if found else f"{file}: {path}"

    return [replace(problem, place=place(problem.place)) for problem in problems]


class _Lines:
    """The lines of a manifest, read again only because something is wrong with it."""

    def __init__(self, file: Path) -> None:
        self._file = "stdin" if str(file) == "-" else str(file)
        self._document = None
        if str(file) != "-" and file.suffix.lower() != ".json":
            from parallelproject.sources.formats.manifest import is_project
            from parallelproject.sources.text.findings import Findings
            from parallelproject.sources.text.yaml_text import parse

            try:
                documents = parse(file.read_text(encoding="utf-8-sig"), Findings(str(file)))
            except (OSError, ValueError, ProblemsError):
                documents = []
            self._document = next((document for document in documents if is_project(document.data)), None)

    def of(self, path: str) -> str:
        line = f":{self._document.line_of(path)}" if self._document else ""
        return f"{self._file}{line}: {path}"


def tell(imported: Imported) -> None:
    """What came in, and the first warnings, on stderr."""
    if imported.report.format is not Format.MANIFEST:
        for line in imported.report.lines():
            terminal.say(line)
    tell_warnings(imported)


def tell_warnings(imported: Imported) -> None:
    """The first warnings on stderr."""
    warnings = imported.report.warnings
    for problem in warnings[:WARNINGS_SHOWN]:
        terminal.warning(str(problem))
    if len(warnings) > WARNINGS_SHOWN:
        terminal.warning(f"and {len(warnings) - WARNINGS_SHOWN} more; pproj lint shows all of them")
