"""``pproj answer``: what a person answers to the question of a task."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.cluster.spec import refuse_unknown, spec_patch
from parallelproject.cli.cluster.state import rows
from parallelproject.cli.commands.asking import Asking
from parallelproject.cli.input.arguments import AnswerOutput, NameOrOnly, TextOrJson, task_argument
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.model.problem import listed
from parallelproject.model.spec import ANSWER_MAX, ANSWERS_MAX
from parallelproject.model.status import Reason

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


@on_project
async def run(
    keeper: "ProjectKeeper",
    name: NameOrOnly = "",
    task: Annotated[
        str,
        task_argument("Id of the task that asks."),
    ] = "",
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="The answer; - reads it from standard input.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-f", "--file", metavar="FILE", help="Read the answer from this file; - is standard input."),
    ] = None,
    output: AnswerOutput = TextOrJson.TEXT,
) -> None:
    """Answer the question of a task, which then starts again.

    A task asks by the file PPROJ_OUTPUTS/needs-input.md, and waits without a slot. Its next attempt finds question and
    answer in its prompt and in PPROJ_FEEDBACK; an agent continues its session where it can. pproj get NAME TASK shows
    the question.
    """
    answer = answer_of(text, file)
    lines: list[str] = []

    def patch(project: Json) -> Json:
        found = answer_patch(project, task, answer, f"{typed()} get{keeper.options} {name}")
        lines[:] = [f"{name}: {task} has its answer; it continues with attempt {_attempts(project, task) + 1}"]
        return found

    await Asking(keeper, name, output).change(patch, lambda: lines, lambda: [task])


def answer_of(text: str | None, file: Path | None) -> str:
    """The answer, wherever it is.

    Raises:
        Failure: it is nowhere, or in two places, cannot be read, or is empty or too long.
    """
    if (text is None) == (file is None):
        found = "no answer is given" if text is None else "TEXT and -f exclude each other"
        raise Failure(found, hint="give TEXT after the TASK, - for standard input, or -f FILE", code=2)
    try:
        is_piped = "-" in (text, str(file))
        found = sys.stdin.read() if is_piped else file.read_text(encoding="utf-8") if file else text or ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Failure(f"{file or 'standard input'} cannot be read: {why}", code=2) from None
    if not found.strip():
        raise Failure("the answer is empty", hint="an answer has at least one word", code=2)
    if len(found) > ANSWER_MAX:
        raise Failure(
            f"the answer has {len(found):,} characters; at most {ANSWER_MAX:,} are possible",
            hint="put the rest into a file of the repository and name that",
            code=2,
        )
    return found


def answer_patch(project: Json, task: str, text: str, look: str) -> Json:
    """A merge patch that answers the open question of a task.

    Args:
        project: The project.
        task: The task.
        text: The answer.
        look: The command that shows the tasks, for errors.

    Raises:
        Failure: the task is not there, asks nothing, or has its answer already.
    """
    refuse_unknown(project, [task], look)
    row = next((row for row in rows(project) if row["id"] == task), {})
    asked = int(row.get("asked") or 0)
    answers: list[Json] = list(project["spec"].get("answers") or ())
    if asked and any((entry["id"], entry["attempt"]) == (task, asked) for entry in answers):
        hint = f"{look} {task} shows it; a question is answered once"
        raise Failure(f"the question of attempt {asked} of {task} is answered already", hint=hint)
    if row.get("reason") != Reason.WAITING_FOR_INPUT or not asked:
        asking = [each["id"] for each in rows(project) if each.get("reason") == Reason.WAITING_FOR_INPUT]
        where = ", ".join(str(row[key]) for key in ("state", "reason") if row.get(key)) or "Pending"
        raise Failure(f"{task} asks nothing: it is {where}", hint=f"tasks that ask: {listed(asking, 8) or 'none'}")
    # Those of tasks that have succeeded are read by nobody any more.
    open_ = {each["id"] for each in rows(project) if each.get("state") != "Succeeded"}
    kept = [entry for entry in answers if entry["id"] in open_][-(ANSWERS_MAX - 1) :]
    new: Json = {"id": task, "attempt": asked, "text": text}
    if row.get("question"):
        new["question"] = row["question"]
    spec = {"answers": [*kept, new]}
    return spec_patch(project, spec)


def _attempts(project: Json, task: str) -> int:
    return next((int(row.get("attempts") or 0) for row in rows(project) if row["id"] == task), 0)
