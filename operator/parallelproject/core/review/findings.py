"""From what a forge shows of a pull request to what tasks have to act on. Pure.

Each finding goes to the task that owns it: the task of the commit that wrote the line; else the last task that changed
the file; a failed check that names neither goes to the task of the last commit.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from parallelproject.core.review.observed import (
    BranchConflict,
    BranchWork,
    CodeLine,
    FailedCheck,
    LandedCommit,
    PullReview,
    ReviewComment,
    ReviewThread,
    marks_in,
)
from parallelproject.core.review.state import FindingKind, ReviewFinding, conflict_group
from parallelproject.core.verification.failure_report import read_failure
from parallelproject.core.verification.probe import LandedChange
from parallelproject.core.verification.suspicion import clues

SHORT = 10
"""Characters of a commit's name where people read it."""
_TEXT_MAX = 20_000
"""Characters of one finding's text."""
_LINES_MAX = 20
"""Marked lines of one check that are looked up."""


def lines_to_blame(review: PullReview) -> list[CodeLine]:
    """The lines whose authors decide who acts; ``findings`` needs their commits."""
    marked = [CodeLine(review.sha, *line) for check in review.failed for line in check.lines[:_LINES_MAX]]
    said = [CodeLine(each.commit or review.sha, each.path, each.line) for each in review.threads if each.line > 0]
    return list(dict.fromkeys([*marked, *said]))


def findings(
    review: PullReview,
    work: BranchWork,
    conflicts: Sequence[BranchConflict] = (),
    *,
    checks: bool = True,
    reviews: bool = True,
) -> list[ReviewFinding]:
    """All that tasks have to act on, also what they act on already.

    Args:
        review: The pull request.
        work: The branch, with the lines of ``lines_to_blame``.
        conflicts: Other branches that do not merge with it.
        checks: Whether failed checks count.
        reviews: Whether comments and reviews count.
    """
    found: list[ReviewFinding] = []
    for check in review.failed if checks else ():
        found.append(_of_check(check, review.sha, work))
    for thread in review.threads if reviews else ():
        if asked := asked_in(thread, review.marks):
            found.append(_of_thread(thread, asked, review.sha, work))
    for conflict in conflicts:
        found += _of_conflict(conflict, work)
    return found


def asked_in(thread: ReviewThread, marks: Collection[str] = ()) -> list[ReviewComment]:
    """The comments of a thread that ask for a change: of people who may write, after the last one that is answered."""
    if thread.is_resolved:
        return []
    ours = {key for comment in thread.comments if comment.is_trusted for key in marks_in(comment.body)}
    done = max((at for at, each in enumerate(thread.comments) if comment_key(each) in ours.union(marks)), default=-1)
    return [each for each in thread.comments[done + 1 :] if each.is_trusted and not each.is_ours and each.body.strip()]


def comment_key(comment: ReviewComment) -> str:
    """The key of the finding whose last comment this is."""
    return f"comment/{comment.id}"


def _of_check(check: FailedCheck, sha: str, work: BranchWork) -> ReviewFinding:
    text = f"The check {check.name} fails on {sha[:SHORT]}."
    if check.url:
        text += f"\nMore: {check.url}"
    text += "".join(f"\n{path}:{line}" for path, line in check.lines[:_LINES_MAX])
    if check.text.strip():
        text += f"\nIt says:\n\n{check.text.strip()[-_TEXT_MAX:]}"
    title = f"the check {check.name} fails on {sha[:SHORT]}"
    return ReviewFinding(
        f"check/{_digest(check.name)}/{sha[:12]}", FindingKind.CHECK, _owner_of_check(check, sha, work), title, text
    )


def _of_thread(thread: ReviewThread, asked: Sequence[ReviewComment], sha: str, work: BranchWork) -> ReviewFinding:
    place = f"{thread.path}:{thread.line}" if thread.line else thread.path
    authors = ", ".join(dict.fromkeys(comment.author for comment in asked))
    said = "\n\n".join(f"{comment.author}:\n{comment.body.strip()}" for comment in asked)[-_TEXT_MAX:]
    where = f"on {place} (in {(thread.commit or sha)[:SHORT]})" if place else "on the whole"
    task = _owner_of_line(CodeLine(thread.commit or sha, thread.path, thread.line), work) if thread.path else ""
    if not thread.path:
        task = _owner_by_names("\n".join(comment.body for comment in asked), work) or _only_task(work)
    title = f"{authors} asks for a change" + (f" in {place}" if place else "")
    return ReviewFinding(
        comment_key(asked[-1]), FindingKind.REVIEW, task, title, f"A review says {where}:\n\n{said}", thread.id
    )


def _of_conflict(conflict: BranchConflict, work: BranchWork) -> Iterable[ReviewFinding]:
    """One for each task that owns a path in conflict."""
    paths_of: dict[str, list[str]] = {}
    for path in conflict.paths:
        paths_of.setdefault(_owner_of_path(path, work), []).append(path)
    for task, paths in paths_of.items():
        text = (
            f"The branch does not merge with {conflict.name} ({conflict.commit[:SHORT]}). Your workspace has the "
            "merge, with conflict markers. Resolve them so that both sides keep their meaning, and remove all "
            "markers. In conflict:\n"
        ) + "\n".join(paths)
        title = f"it conflicts with {conflict.name}"
        key = f"{conflict_group(conflict.commit)}/{task or '-'}"
        yield ReviewFinding(key, FindingKind.CONFLICT, task, title, text, paths=tuple(paths))


def _owner_of_check(check: FailedCheck, sha: str, work: BranchWork) -> str:
    for path, line in check.lines[:_LINES_MAX]:
        if task := _owner_of_line(CodeLine(sha, path, line), work):
            return task
    return _owner_by_names(check.text, work) or next((each.task for each in reversed(work.commits) if each.task), "")


def _owner_of_line(line: CodeLine, work: BranchWork) -> str:
    commit = work.blamed.get(line, "")
    found = next((each.task for each in work.commits if each.commit == commit), "") if commit else ""
    return found or _owner_of_path(line.path, work)


def _owner_of_path(path: str, work: BranchWork) -> str:
    return next((each.task for each in reversed(work.commits) if each.task and path in each.paths), "")


def _owner_by_names(text: str, work: BranchWork) -> str:
    """The task whose changes explain best the files and tests that a text names."""
    ours = [each for each in work.commits if each.task]
    report = replace(read_failure(text), mentions=frozenset())  # people mention what they do not mean
    if not ours or not (report.paths or report.tests):
        return ""
    vectors = clues([_change(each) for each in ours], report)
    weights = [sum(vector[at] for vector in vectors) for at in range(len(ours))]
    best = max(weights, default=0.0)
    return (
        next((each.task for each, weight in zip(reversed(ours), reversed(weights), strict=True) if weight == best), "")
        if best
        else ""
    )


def _only_task(work: BranchWork) -> str:
    tasks = {each.task for each in work.commits if each.task}
    return tasks.pop() if len(tasks) == 1 else ""


def _change(each: LandedCommit) -> LandedChange:
    return LandedChange(each.task, each.commit, each.paths, 1, 0)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
