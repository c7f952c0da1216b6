"""A task that has asked a person starts again when its question is answered."""

from typing import Self

from parallelproject.core.planner.attempt import QUESTIONS_MAX, Record
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.model.status import Reason

_WAITS = Block(Reason.WAITING_FOR_INPUT)
QUESTION_LINES = 3
"""Lines of a question that are shown where it is not the subject."""


class Questions(Constraint):
    """Blocks each task whose last attempt has asked, until that is answered. In a prediction nobody asks."""

    reasons = (Reason.WAITING_FOR_INPUT,)

    def __init__(self, situation: Situation) -> None:
        self._snapshot, self._answered = situation.snapshot, situation.graph.answered

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If any task may have asked."""
        return cls(situation) if situation.snapshot.failing else None

    def blocks(self, task: int) -> Block | None:
        """Whether its question is open."""
        asked = self._snapshot.record(task).inquiry.attempt
        return _WAITS if asked and (task, asked) not in self._answered else None

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The first lines of the question."""
        record = view.record(task)
        answer = f"attempt {record.inquiry.attempt} asks a person, which costs no attempt: {first_lines(record)}"
        more = ["it holds no slot and no files until that is answered"]
        left = QUESTIONS_MAX - record.inquiry.total
        if left <= QUESTIONS_MAX // 2:
            more.append(f"after {left} more question{'' if left == 1 else 's'} the next one is a failure")
        return Explanation(answer, more, job=record.job, fix="answer")


def first_lines(record: Record, most: int = 300) -> str:
    """The first lines of the open question of a task, on one line."""
    asked = "".join(c if c.isprintable() or c == "\n" else " " for c in record.inquiry.text)  # an agent wrote it
    lines = [line.strip() for line in asked.split("\n") if line.strip()]
    text = " ".join(lines[:QUESTION_LINES]) or "(it wrote no question)"
    cut = text if len(text) <= most else text[: most - 1]
    return cut if cut == text and len(lines) <= QUESTION_LINES else f"{cut}…"
