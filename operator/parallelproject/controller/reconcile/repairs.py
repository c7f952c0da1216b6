"""The repair that a task makes of what it has landed, as the attempt that makes it is started."""

from parallelproject.controller.projects.project import Project
from parallelproject.core.review.current_repair import repair_at
from parallelproject.core.review.state import FeedbackRepair, FindingKind
from parallelproject.core.verification.sentences import change_words
from parallelproject.core.verification.state import Repair
from parallelproject.executors.base.executor import RepairStart
from parallelproject.executors.base.task_file import end_of, review_feedback, verification_feedback
from parallelproject.git.plumbing.delivery import ConflictMerge
from parallelproject.git.plumbing.trailers import TASK
from parallelproject.model.spec import Spec, WorkspaceHistory, is_followed

_PRINTED_BYTES = 12_288
"""Maximum bytes of the output of a check that a task is given."""
_UNKNOWN_PRINT = "(what it printed is not known any more)"
_UNKNOWN_TEXT = "(what it says is not known any more)"


def repair_of(project: Project, task: str) -> RepairStart | None:
    """The repair that a task, by its id, is at; None: it does its own work. Only what the status has counts."""
    spec = project.spec
    if spec is None:
        return None
    found = repair_at(
        project.known_verification.repairs.get(task, ()),
        project.known_review.state.repairs.get(task, ()) if is_followed(spec) else (),
    )
    if found is None:
        return None
    show = ""
    if spec.workspace.history is WorkspaceHistory.FULL:
        show = f"git log --patch --grep='^{TASK}: {task}$'"
    if found.of_review:
        return _of_review(project, found.number, found.of_review, show)
    return _of_check(project, spec, task, found.number, found.of_check, show) if found.of_check else None


def _of_check(project: Project, spec: Spec, task: str, number: int, repair: Repair, show: str) -> RepairStart:
    checks = spec.verification.checks if spec.verification else ()
    command = next((check.command for check in checks if check.name == repair.check), [])
    printed = project.known_record.printed(repair)
    text = _UNKNOWN_PRINT if printed is None else end_of(printed, _PRINTED_BYTES)
    other, gone = change_words(repair.other), project.known_verification.taken_out.get(task, "")
    feedback = verification_feedback(repair.check, command, repair.commit, other, text, show, gone)
    return RepairStart(number, feedback)


def _of_review(project: Project, number: int, repair: FeedbackRepair, show: str) -> RepairStart:
    texts = [one.text or one.title or _UNKNOWN_TEXT for one in repair.findings]
    return RepairStart(number, review_feedback(texts, show), _merging(project, repair))


def _merging(project: Project, repair: FeedbackRepair) -> ConflictMerge | None:
    """The conflict that a repair resolves."""
    for one in repair.findings:
        if one.kind is FindingKind.CONFLICT:
            known = project.known_review.state.incoming
            branch = next((each for each in known if each.group == one.group), None)
            return ConflictMerge(commit=branch.commit, paths=one.paths) if branch else None
    return None
