"""The publishing of one project: its branch or branches get pull requests, are updated, and merged.

May be killed at any moment and called again.
"""

import asyncio
from collections.abc import Mapping, Sequence

from parallelproject.forge.clients.connect import connected
from parallelproject.forge.clients.protocol import Words
from parallelproject.forge.publishing.branch_queue import publish_in_order, publish_one
from parallelproject.forge.publishing.merging import Waiting
from parallelproject.forge.publishing.pull_request import Proposal
from parallelproject.forge.publishing.request import PublishRequest, TaskRow
from parallelproject.forge.publishing.result import PublishEnd, PublishResult
from parallelproject.forge.publishing.split import BranchSplit
from parallelproject.forge.publishing.text import TaskLine, WorkReport, marked, render_body, render_title
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.branches.reverts import Revert
from parallelproject.git.branches.shared_branch import SharedBranch
from parallelproject.git.plumbing.refs import TaskRefs, kept_work
from parallelproject.model.spec import LandingStrategy, MergeMode, PullRequestScope


async def publish(request: PublishRequest) -> list[PublishResult]:
    """Publishes the current work of a project on the remote.

    Returns:
        The results: one branch, or one for each level or task.

    Raises:
        DeliveryError: it could not be published; a further call resumes.
    """
    branches, state = request.branches, request.branches
    if request.state:
        state = Branches(url=str(request.state), private=request.private / "state", local=True)
    names = [*(row.id for row in request.tasks), *request.above]
    refs = await asyncio.to_thread(state.task_refs, request.run, names)
    reverts = await _reverts(request, branches, refs)
    out = {task for revert in reverts for task in revert.out}
    rows = {row.id: _line(request, row, refs.get(row.id, {}), is_out=row.id in out) for row in request.tasks}
    above = [commit for task in request.above if (commit := refs.get(task, {}).get("landed"))]
    reported = tuple(line for line in rows.values() if line.commit or line.failed)
    done = await _publish(request, branches, reported, above, reverts)
    if request.is_whole and request.state is None:
        merged = {one.task for one in done if one.end is PublishEnd.MERGED}
        landed = {task: line.commit for task, line in rows.items() if line.commit}
        arrived = await asyncio.to_thread(branches.among, request.base, landed.values())
        gone = {task: commit for task, commit in landed.items() if task in merged or commit in arrived}
        await asyncio.to_thread(branches.forget_landed, request.run, gone)
    return done


async def _reverts(
    request: PublishRequest, branches: Branches, refs: Mapping[str, Mapping[str, str]]
) -> Sequence[Revert]:
    """The commits that took out work of tasks, where they make a difference: for branches of levels, and for the report
    on tasks that have landed and failed."""
    landed = {task: of_task["landed"] for task, of_task in refs.items() if "landed" in of_task}
    is_by_level = request.scope is PullRequestScope.LEVEL
    is_needed = is_by_level or any(row.failed and row.id in landed for row in request.tasks)
    if request.strategy is LandingStrategy.BRANCH_PER_TASK or not is_needed:
        return ()
    shared = SharedBranch(branches, request.line or request.branch, request.base)
    return await asyncio.to_thread(shared.reverts, request.run, landed)


async def _publish(
    request: PublishRequest,
    branches: Branches,
    reported: tuple[TaskLine, ...],
    above: Sequence[str],
    reverts: Sequence[Revert],
) -> list[PublishResult]:
    waiting = Waiting(seconds=request.wait_seconds)
    per_task = request.strategy is LandingStrategy.BRANCH_PER_TASK
    async with connected(request.forge.type, branches, request.server) as forge:

        def words(
            shown: Sequence[TaskLine], level: int | None = None, after: Sequence[str] = (), commit: str = ""
        ) -> Words:
            report = WorkReport(
                request.project, tuple(shown), level, request.branch, request.base, tuple(after),
                shown[0] if per_task else None,
            )  # fmt: skip
            title = render_title(report, forge.limits, request.title)
            body = marked(render_body(report, forge.limits, request.body), request.run, commit, forge.limits)
            return Words(title, body, request.labels, request.draft)

        if not per_task and request.scope is PullRequestScope.PROJECT:
            proposal = Proposal(request.branch, request.base, words(reported))
            return [await publish_one(forge, branches, proposal, request.merge, waiting)]
        shared = SharedBranch(branches, request.line or request.branch, request.base)
        lines = {line.id: line for line in reported}
        split = BranchSplit(forge, shared, request.branch, request.run, lines, words, reverts)
        if per_task:
            proposals = await split.tasks({row.id: row.after for row in request.tasks})
            return await publish_in_order(forge, branches, proposals, request.merge, waiting)
        level_of = {row.id: row.level for row in request.tasks}
        proposals = await split.levels(level_of, request.whole_levels, above)
        done = await publish_in_order(forge, branches, proposals, request.merge, waiting, rebased=False)
        is_merged = request.merge is MergeMode.WHEN_CHECKS_PASS and all(one.end.is_merged for one in done)
        if is_merged and request.state is None:  # else it is a copy of a person's branch, who continues to use that
            await asyncio.to_thread(shared.follow)
        return done


def _line(request: PublishRequest, row: TaskRow, refs: Mapping[str, str], *, is_out: bool) -> TaskLine:
    kept = kept_work(refs)
    folder = TaskRefs(request.run, row.id).folder
    salvage = f"{folder}/{kept[-1]}" if row.failed and kept else None
    commit = None if is_out else refs.get("landed")
    failed = row.failed and not commit
    return TaskLine(
        row.id, row.title, commit, row.attempts, row.role, row.reason, failed, salvage, row.steps_passed, row.gates
    )
