"""Follows the pull request of a project whose tasks have succeeded: the part of one round of the project.

``core.review`` decides, as for a local run. What a process reports is written into the status before anything follows
from it: a task runs, or another process starts, only when the server has the record of why.
"""

import json
from typing import NamedTuple
from weakref import WeakKeyDictionary

from parallelproject.controller.actions.actions import Actions
from parallelproject.controller.actions.removal import Removal
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.project import Json, Project
from parallelproject.controller.projects.project_source import ProjectSource
from parallelproject.core.followups.publishing import WELL, PublishAttempt, Publishing
from parallelproject.core.followups.success import is_success
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.plan import Plan
from parallelproject.core.review.following import (
    FollowRecord,
    condition_of,
    following,
    for_revision,
    known_to_process,
    published_after,
    with_reports,
)
from parallelproject.core.review.state import ReviewFinding
from parallelproject.core.review.taking_in import FollowedTasks
from parallelproject.model.spec import Feedback, Spec, is_followed
from parallelproject.model.status import Reason, TaskState
from parallelproject.model.work import FOLLOWING, WorkKey

_QUIET_SECONDS = 120
"""How long the first process stays while nothing happens; later ones only look."""
_SECONDS = 1500
"""How long one stays at most."""


class Followed(NamedTuple):
    """The state of following."""

    condition: tuple[str, str, str]
    """Status, reason and message of the condition Reviewed."""
    publishing: Publishing
    """The state of publishing, with how the pull request has ended."""
    wake_at: float | None = None
    is_settled: bool = False
    """Whether nothing more happens unless a person does something."""


class FollowRound:
    """The part of following in one round of a project."""

    def __init__(self, source: ProjectSource, actions: Actions, removal: Removal, feed: Feed) -> None:
        """Prepares it.

        Args:
            source: Knows which projects exist.
            actions: Starts and stops processes.
            removal: Removes finished ones.
            feed: Reports feedback.
        """
        self._source = source
        self._actions = actions
        self._removal = removal
        self._feed = feed
        self._news: WeakKeyDictionary[Project, list[ReviewFinding]] = WeakKeyDictionary()
        """Feedback that is reported when the status has it."""

    def follow(
        self,
        project: Project,
        spec: Spec,
        graph: CompiledGraph,
        decided: Plan,
        published: Publishing | None,
        now: float,
    ) -> Followed | None:
        """Takes reports, and starts a process if it is time; None if the pull request is not followed."""
        seen = project.observed.follow_attempts()
        if published is None or not is_followed(spec):
            self._stop(project, seen, Reason.STOPPED)
            return None
        is_written = project.take_review()
        if is_written:
            self._say(project)
            self._clear(project, seen)
        tasks = _tasks(project, spec, graph, decided)
        record, news = with_reports(project.review, seen, tasks, now)
        self._news.setdefault(project, []).extend(news)
        is_stopped = spec.stop or project.deleting or bool(decided.stopped)
        is_allowed = not (is_stopped or spec.suspend)
        has_ended = decided.completed and is_success(graph, decided)
        is_nothing = published.condition[:2] == ("True", WELL["Nothing"])
        is_due = has_ended and published.is_settled and published.condition[0] == "True" and not is_nothing
        revision = str((published.record or {}).get("revision") or "")
        if is_due:
            record = for_revision(record, revision)
        project.review = record
        useful = revision if is_due and is_allowed else None
        self._stop(
            project, [each for each in seen if each.revision != useful],
            Reason.SUSPENDED if spec.suspend else Reason.STOPPED,
        )  # fmt: skip
        if not is_due:
            says = has_ended and (published.condition[0] == "False" or is_nothing)
            condition = published.condition if says else condition_of(record, is_due=False)
            return Followed(condition, published, is_settled=says)
        found = following(record, revision, seen, now)
        is_known = is_written and record is project.known_review
        if found.launch and is_allowed and is_known and self._source.is_surely_there(project):
            self._actions.publish(project, decided, revision, found.launch, _asked(spec, record, tasks))
        condition = _with_refusal(project, condition_of(record, is_due=True))
        wake_at = found.wake_at if is_allowed else None
        return Followed(condition, published_after(published, record), wake_at, found.is_settled or is_stopped)

    def _say(self, project: Project) -> None:
        """Reports feedback, once the status has it."""
        for one in self._news.pop(project, ()):
            why = project.known_review.state.left.get(one.key)
            if why:
                self._feed.warn(project, "LeftToPeople", f"{why}: {one.title}")
            else:
                self._feed.say(project, "Feedback", f"{one.task}: {one.title}")

    def _stop(self, project: Project, seen: list[PublishAttempt], why: str) -> None:
        for each in seen:
            key = WorkKey.of_following(each.number)
            if not each.has_ended and project.observed.is_running(key):
                self._actions.stop(project, key, str(why))

    def _clear(self, project: Project, seen: list[PublishAttempt]) -> None:
        """Removes the objects of processes whose reports the status has; the last one stays for some hours, for its
        log."""
        for each in seen:
            key = WorkKey.of_following(each.number)
            if not each.has_ended or each.number >= project.known_review.number:
                continue
            if project.observed.view(key) is None:
                project.observed.forget(key)
            else:
                self._removal.remove(project, key)


def _tasks(project: Project, spec: Spec, graph: CompiledGraph, decided: Plan) -> FollowedTasks:
    repairs = project.known_verification.repairs
    return FollowedTasks(
        able=frozenset(graph.ids[i] for i, state in enumerate(decided.states) if state is TaskState.SUCCEEDED),
        attempts={task: record.attempts for task, record in decided.ledger.records.items()},
        repaired={task: len(found) for task, found in repairs.items()},
        max_rounds=_settings(spec).max_rounds,
    )


def _settings(spec: Spec) -> Feedback:
    wanted = spec.git.pull_request if spec.git else None
    return (wanted.feedback if wanted else None) or Feedback()


def _asked(spec: Spec, record: FollowRecord, tasks: FollowedTasks) -> Json:
    """The fields of ``FollowRequest``."""
    settings = _settings(spec)
    return {
        "state": known_to_process(record.state),
        "repaired": json.dumps(tasks.repaired),
        "checks": settings.checks,
        "reviews": settings.reviews,
        "conflicts": settings.conflicts,
        "maxRounds": settings.max_rounds,
        "seconds": _SECONDS,
        "quiet": 0 if record.quiet else _QUIET_SECONDS,
    }


def _with_refusal(project: Project, condition: tuple[str, str, str]) -> tuple[str, str, str]:
    """The condition, with what keeps a process from starting."""
    refusals = project.observed.refusals
    refused = next((found for key, found in refusals.items() if key.work == FOLLOWING), None)
    return condition if refused is None else ("Unknown", str(refused.reason), refused.message)
