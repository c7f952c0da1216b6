"""What people have answered to the questions of a task, as its next attempts read it. Pure."""

from collections.abc import Sequence

from parallelproject.model.spec import Spec, TaskAnswer

_CHARACTERS_MAX = 32_768
"""Maximum characters of all answers together: they share the annotations of a Job, and the context of an agent."""


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


def answers_feedback(answers: Sequence[TaskAnswer]) -> str:
    """Questions and answers as feedback for an attempt; empty without any. Of too many the last ones."""
    parts: list[str] = []
    left = _CHARACTERS_MAX
    for answer in reversed(answers):
        text = _pair(answer)
        left -= len(text)
        if parts and left < 0:
            break
        parts.append(text)
    return "\n".join(reversed(parts))


def _pair(answer: TaskAnswer) -> str:
    lines = [f"Attempt {answer.attempt} asked a person:", ""]
    lines += [f"> {line}".rstrip() for line in answer.question.splitlines()] or ["> (the question is not known)"]
    return "\n".join([*lines, "", "The answer:", "", answer.text.rstrip("\n")]) + "\n"
