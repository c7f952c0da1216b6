"""A task that has succeeded."""

from parallelproject.core.planner.explanation import View
from parallelproject.core.report.why.answer import Why, of_task
from parallelproject.core.report.why.delivery import conflicts, remarkable
from parallelproject.core.times import duration, iso


def succeeded(view: View, i: int) -> Why:
    """The answer for this state."""
    record = view.record(i)
    answer = f"attempt {record.attempts} succeeded"
    if record.started is not None and record.ended is not None:
        answer += f" at {iso(int(record.ended))}, after {duration(record.ended - record.started)}"
    if record.commit:
        answer += f", and landed as {record.commit}"
    elif view.spec.git is not None or any(row.record.commit for row in view.rows.values()):
        answer += "; it landed no commit, as a task does that changes nothing"
    return of_task(view, i, answer, [*conflicts(record), *remarkable(record)])
