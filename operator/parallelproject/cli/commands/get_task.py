"""``pproj get NAME TASK``: one task in full."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.spec import approved_in, ids_of, refuse_unknown
from parallelproject.cli.cluster.state import rows
from parallelproject.cli.input.arguments import GetOutput
from parallelproject.cli.output import terminal
from parallelproject.cli.output.program import typed
from parallelproject.core.report.attention import needs_of_rows
from parallelproject.core.report.status import read_row
from parallelproject.core.report.step_words import ends_shown
from parallelproject.core.times import duration
from parallelproject.model.names import level_name
from parallelproject.model.problem import listed
from parallelproject.model.status import Reason

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader

Json = dict[str, Any]

_SHOWN = 8


def show_task(reader: "ProjectReader", project: Json, task: str, output: GetOutput | None) -> None:
    """Prints a task of a project.

    Raises:
        Failure: the project has no such task.
    """
    name = project["metadata"]["name"]
    row = next((row for row in rows(project) if row["id"] == task), {})
    if task not in ids_of(project) and not row:
        refuse_unknown(project, [task], f"{typed()} get{reader.options} {name}")
    spec: Json = next((each for each in project["spec"].get("tasks") or () if each["id"] == task), {})
    answers = [entry for entry in project["spec"].get("answers") or () if entry["id"] == task]
    if output in (GetOutput.JSON, GetOutput.YAML):
        terminal.show_data({"task": spec, "status": row, "answers": answers}, output is GetOutput.JSON)
        return
    for label, value in _fields(project, spec, row):
        terminal.show(f"{label + ':':<13} {terminal.one_line(value)}")
    if spec.get("description"):
        _block("Description", spec["description"])
    for entry in answers:
        _block(f"Question of attempt {entry['attempt']}", entry.get("question") or "(not known)")
        _block("Answer", entry["text"])
    if row.get("asked") and not any(entry["attempt"] == row["asked"] for entry in answers):
        _block(f"Question of attempt {row['asked']}", row.get("question") or "(it wrote no question)")
    needs = needs_of_rows([(row, read_row(row))]) if row else []
    why = f"{typed()} why{reader.options} {name} {task}"
    terminal.show_next([*(need.command(name, reader.options, typed()) for need in needs), why])


def _fields(project: Json, spec: Json, row: Json) -> Iterator[tuple[str, str]]:
    yield "Task", str(row.get("id") or spec["id"])
    if spec.get("title"):
        yield "Title", spec["title"]
    reason = row.get("reason")
    yield "State", str(row.get("state", "Pending")) + (f" ({reason})" if reason else "")
    if isinstance(row.get("level"), int):
        yield "Level", level_name(row["level"])
    for key in ("role", "group"):
        if spec.get(key):
            yield key.capitalize(), spec[key]
    for key, label in (("dependencies", "Depends on"), ("files", "Files")):
        if spec.get(key):
            yield label, listed(spec[key], _SHOWN)
    if spec.get("approval"):
        yield "Approval", _approval(project, row, spec["id"])
    if row.get("attempts"):
        counted = ("failures", "conflicts", "deferrals", "questions")
        parts = [f"{row[key]} {key if row[key] > 1 else key[:-1]}" for key in counted if row.get(key)]
        yield "Attempts", f"{row['attempts']}" + (f" ({', '.join(parts)})" if parts else "")
    for end in ends_shown(read_row(row)) if row else ():
        yield "Step", end
    if row.get("startTime"):
        took = read_row(row).took
        yield "Started", row["startTime"] + (f", took {duration(took)}" if took is not None else "")
    for key, label in (("commit", "Commit"), ("jobName", "Job"), ("exitCode", "Exit code")):
        if key in row:
            yield label, str(row[key])
    for output, value in (row.get("outputs") or {}).items():
        yield "Output", f"{output}: {value}"


def _approval(project: Json, row: Json, task: str) -> str:
    if row.get("reason") == Reason.WAITING_FOR_APPROVAL:
        return "waits for a person"
    return "given" if task in approved_in(project) else "needed when its turn comes"


def _block(title: str, text: str) -> None:
    terminal.show(f"\n{title}")
    for line in text.rstrip("\n").split("\n"):
        terminal.show(f"  {terminal.printable(line)}")
