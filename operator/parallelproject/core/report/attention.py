"""What of a project waits for a person: one inbox for approvals, questions and logins, each with its command. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.constraints.questions import first_lines
from parallelproject.core.planner.plan import Plan
from parallelproject.core.review.follow_report import FollowEnd
from parallelproject.model.problem import listed
from parallelproject.model.status import PEOPLE_REASONS, ConditionType, Reason, TaskState

_LOGINS: Mapping[str, str] = {
    Reason.AGENT_AUTH.value: "the provider refused its agent's key or login: set the key or log in, then retry it",
    Reason.AGENT_DENIED.value: "its agent was not allowed to use a tool: allow it, then retry it",
    Reason.AUTH_OR_PROTECTED.value: "git refused its push: fix the credentials or the rules of the branch, then retry",
}
"""By reason of a failure that only a person can fix, what is to do."""
_VERIFICATION: Mapping[str, str] = {
    "BaseFailed": "correct the branch, the check or the machine",
    "BrokenByOthers": "correct what it names on the branch",
    "RevertFailed": "take the work out, or correct it, on the branch",
    "CauseUnknown": "read the log of the check, and correct the branch or the check",
}
"""By reason of the condition Verified with which a run stops, what is to do before it is started again."""
_KINDS = {"approve": "Approval", "answer": "Input", "retry": "Login", "verify": "Verification", "get": "Review"}
"""By command, the reason of the condition."""
_SEVERAL = "Several"
"""Its reason where things of different kinds wait."""
_NAMED = 10
"""Most things that are named in one sentence."""
_QUESTION_MAX = 160
_WAITS_BEHIND = PEOPLE_REASONS | {
    Reason.WAITING_FOR_DEPENDENCIES, Reason.WAITING_FOR_LEVEL, Reason.WAITING_FOR_BUDGET,
    Reason.WAITING_FOR_VERIFICATION,
}  # fmt: skip
"""Reasons that only people can end while nothing runs."""


class PersonNeed(NamedTuple):
    """One thing that waits for a person."""

    task: str
    """Empty: it is about all that has landed, or the pull request."""
    reason: str
    """Of the task: WaitingForApproval, WaitingForInput, or why it failed; else of a condition."""
    text: str
    """What is wanted, in a few words or a sentence."""
    verb: str
    """What does it: ``approve``, ``answer``, ``retry``, or ``verify``, which verifies again and continues the run; or
    ``get``, which shows the pull request where it is to be done."""
    question: str = ""
    """The whole question, if it is one."""

    @property
    def sentence(self) -> str:
        """What is wanted, and of what."""
        return f"{self.task} {self.text}" if self.task else self.text

    def command(self, project: str, options: str = "", program: str = "pproj") -> str:
        """The command line to type.

        Args:
            project: The name of the project.
            options: The options that mean its place; they start with a blank.
            program: What the program is called.
        """
        if self.verb == "verify":
            return f"{program} retry{options} {project} --run"
        text = " 'YOUR ANSWER'" if self.verb == "answer" else ""
        return f"{program} {self.verb}{options} {project} {self.task}{text}".rstrip()


def need_of(task: str, state: str, reason: str, record: Record) -> PersonNeed | None:
    """What a task in this state wants of a person; None: nothing.

    Args:
        task: Its id.
        state: A ``TaskState``.
        reason: Why it is in this state.
        record: Its record, for the question.
    """
    if state == TaskState.PENDING and reason == Reason.WAITING_FOR_APPROVAL:
        return PersonNeed(task, reason, "waits for approval", "approve")
    if state == TaskState.PENDING and reason == Reason.WAITING_FOR_INPUT:
        asked = record.inquiry.text
        return PersonNeed(task, reason, f'asks "{first_lines(record, _QUESTION_MAX)}"', "answer", asked)
    if state == TaskState.FAILED and reason in _LOGINS:
        return PersonNeed(task, reason, _LOGINS[reason], "retry")
    return None


def need_of_verification(verified: Sequence[str] | None) -> PersonNeed | None:
    """What a verification that has stopped a run wants of a person; None: nothing.

    Args:
        verified: Status, reason and message of the condition Verified; None: nothing is verified.
    """
    if verified is None or verified[0] != "False" or verified[1] not in _VERIFICATION:
        return None
    _, reason, message = verified
    return PersonNeed("", reason, f"{message}: {_VERIFICATION[reason]}, then verify it again", "verify")


def need_of_review(reviewed: Sequence[str] | None) -> PersonNeed | None:
    """What a followed pull request wants of a person; None: nothing.

    Args:
        reviewed: Status, reason and message of the condition Reviewed; None: no pull request is followed.
    """
    if reviewed is None or reviewed[0] != "False" or reviewed[1] != FollowEnd.PEOPLE:
        return None
    text = f"the pull request has feedback that no task acts on: {reviewed[2]}"
    return PersonNeed("", reviewed[1], text, "get")


def needs_of_plan(graph: CompiledGraph, plan: Plan) -> list[PersonNeed]:
    """All that waits for a person after a plan, in the order of the spec."""
    records = plan.ledger.records
    waiting = [(i, TaskState.PENDING, reason) for i, reason in plan.people.items()]
    failed = [i for i, state in enumerate(plan.states) if state is TaskState.FAILED]
    waiting += [(i, TaskState.FAILED, plan.reasons[i] or "") for i in failed]
    found = (need_of(graph.ids[i], state, why, records.get(graph.ids[i], NEW)) for i, state, why in sorted(waiting))
    return [need for need in found if need]


def needs_of_status(status: Mapping[str, Any], rows: Iterable[tuple[Mapping[str, Any], Record]]) -> list[PersonNeed]:
    """The same by a status, and its rows with their records."""
    found: Iterable[Mapping[str, Any]] = status.get("conditions") or ()
    texts = {each.get("type"): [str(each.get(key) or "") for key in ("status", "reason", "message")] for each in found}
    whole = (
        need_of_verification(texts.get(ConditionType.VERIFIED)), need_of_review(texts.get(ConditionType.REVIEWED)),
    )  # fmt: skip
    return [*(need for need in whole if need), *needs_of_rows(rows)]


def needs_of_rows(rows: Iterable[tuple[Mapping[str, Any], Record]]) -> list[PersonNeed]:
    """The same by the rows of a status, with their records. Tasks that were removed from the spec want nothing."""
    left = ((row, record) for row, record in rows if not row.get("removed"))
    found = (need_of(row["id"], str(row.get("state")), str(row.get("reason") or ""), record) for row, record in left)
    return [need for need in found if need]


def condition_of(needs: Sequence[PersonNeed], project: str) -> tuple[str, str] | None:
    """Reason and message of the condition NeedsAttention; None: nothing waits for a person."""
    if not needs:
        return None
    kinds = {_KINDS[need.verb] for need in needs}
    parts = [f"{need.sentence} ({need.command(project)})" for need in needs[:_NAMED]]
    tasks = sum(bool(need.task) for need in needs)
    of_tasks = [f"{tasks} task{'s' * (tasks != 1)}"] if tasks else []
    whole = {"verify": "the verification", "get": "the pull request"}
    about = [*of_tasks, *(whole[need.verb] for need in needs if not need.task)]
    what = f"{' and '.join(about)} {'needs' if len(needs) == 1 else 'need'}"
    more = [*parts, *(need.task for need in needs[_NAMED:])]
    return kinds.pop() if len(kinds) == 1 else _SEVERAL, f"{what} a person: {listed(more, _NAMED)}"


def waits_only_for_people(plan: Plan, verified: Sequence[str] | None = None) -> bool:
    """Whether nothing runs or will run before a person has done something.

    Args:
        plan: The plan.
        verified: Status, reason and message of the condition Verified; None: nothing is verified.
    """
    if verified is not None and verified[1] == "Verifying":
        return False
    if plan.completed or plan.running or plan.queued or plan.launches or plan.open_hooks or not plan.people:
        return False
    if TaskState.RUNNING in plan.states:  # its slot is free, and how it has ended is not known yet
        return False
    pending = (i for i, state in enumerate(plan.states) if state is TaskState.PENDING)
    return all(plan.reasons[i] in _WAITS_BEHIND for i in pending)
