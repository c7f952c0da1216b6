"""What people have answered to the questions of a task, as its next attempts read it. Pure."""

from collections.abc import Sequence

from parallelproject.model.spec import ANSWER_MAX, Spec, TaskAnswer
from parallelproject.model.status import QUESTION_MAX

BYTES_MAX = 4 * (ANSWER_MAX + QUESTION_MAX) + 1_024
"""Maximum bytes of all answers together, in UTF-8: they share the annotations of a Job, and the context of an agent.
Any one answer fits with its question."""
_CUT = "… (cut: pproj get NAME TASK shows all of it)\n"


def answers_to(spec: Spec, task: str, after: int = 0, before: int | None = None) -> list[TaskAnswer]:
    """The answers to questions of a task, by the attempt that asked; of two to the same question the first.

    Args:
        spec: The spec.
        task: Id of the task.
        after: Only to attempts with a higher number.
        before: Only to attempts with a lower number; None: any.
    """
    found: dict[int, TaskAnswer] = {}
    for answer in spec.answers:
        if answer.id == task and answer.attempt > after and (before is None or answer.attempt < before):
            found.setdefault(answer.attempt, answer)
    return [found[attempt] for attempt in sorted(found)]


def answers_feedback(answers: Sequence[TaskAnswer], most: int = BYTES_MAX) -> str:
    """Questions and answers as feedback for an attempt; empty without any. Of too many the last ones.

    Args:
        answers: The answers, by the attempt that asked.
        most: Maximum bytes in UTF-8. If not even the last one fits, its question is omitted, then its end is cut.
    """
    parts: list[str] = []
    left = most
    for answer in reversed(answers):
        text = _pair(answer)
        if not parts and _size(text) > left:
            text = _cut_to(_pair(answer.model_copy(update={"question": ""})), left)
        left -= _size(text) + 1  # the line end between two
        if parts and left + 1 < 0:
            break
        parts.append(text)
    return "\n".join(reversed(parts))


def _pair(answer: TaskAnswer) -> str:
    lines = [f"Attempt {answer.attempt} asked a person:", ""]
    lines += [f"> {line}".rstrip() for line in answer.question.splitlines()] or ["> (the question is not known)"]
    return "\n".join([*lines, "", "The answer:", "", answer.text.rstrip("\n")]) + "\n"


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _cut_to(text: str, most: int) -> str:
    if _size(text) <= most:
        return text
    start = text.encode(errors="replace")[: max(0, most - _size(_CUT))]
    return start.decode(errors="ignore") + _CUT
