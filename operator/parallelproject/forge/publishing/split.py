"""Branches derived from the shared branch, each with its own pull request: one for each level, or for each task.

On the shared branch each task is one commit, and conflicts are resolved.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest, PullState, Words
from parallelproject.forge.publishing.pull_request import Proposal
from parallelproject.forge.publishing.text import TaskLine, proposed_commit
from parallelproject.git.branches.reverts import Revert
from parallelproject.git.branches.shared_branch import SharedBranch
from parallelproject.git.plumbing.refs import task_branch
from parallelproject.model.branches import level_branch
from parallelproject.model.problem import listed

_NAMED = 3

Write = Callable[[Sequence[TaskLine], int | None, Sequence[str], str], Words]
"""The texts of a pull request: of these tasks, of this level, after these tasks, with this commit as its last."""


@dataclass(frozen=True, slots=True)
class BranchSplit:
    """The shared branch, and the report on its tasks."""

    forge: ForgeClient
    shared: SharedBranch
    branch: str
    """The prefix of the names of the branches."""
    run: str
    """The run. Objects of another run with the same name do not count."""
    rows: Mapping[str, TaskLine]
    """By task: those that have landed, and those that have failed."""
    write: Write
    reverts: Sequence[Revert] = ()
    """The commits on the shared branch that took out work."""

    async def levels(self, level_of: Mapping[str, int], whole: int, above: Sequence[str]) -> list[Proposal]:
        """A branch for each level, created or updated. Each contains the previous ones.

        Work that lands after work of a later level, because of a retry, is reported with that level.

        Args:
            level_of: By task, its level.
            whole: Number of levels that may be merged, from the first on.
            above: Commits of levels that are not done.
        """
        members, ends = await self._levels(level_of, above)
        proposals: list[Proposal] = []
        failed = [task for task, line in self.rows.items() if line.failed]
        for level, tasks in sorted(members.items()):
            shown = {*tasks, *(task for task in failed if level_of[task] <= level or level == max(members))}
            if not shown:
                continue
            failed = [task for task in failed if task not in shown]
            branch, commit = level_branch(self.branch, level), ends[level]
            found, proposed = await self._ours(branch)
            is_done = found is not None and (
                found.state is PullState.CLOSED
                or (found.state is PullState.MERGED and await asyncio.to_thread(self.shared.covers, proposed, commit))
            )
            if not is_done:
                await asyncio.to_thread(self.shared.reach, branch, commit)
            words = self.write([line for task, line in self.rows.items() if task in shown], level, (), commit)
            after = (proposals[-1].branch,) if proposals else ()
            proposals.append(
                Proposal(branch, self.shared.base, words, level=level, after=after, is_held=level >= whole)
            )
        return proposals

    async def _levels(
        self, level_of: Mapping[str, int], above: Sequence[str]
    ) -> tuple[dict[int, list[str]], dict[int, str]]:
        """By level, its tasks, and the commit that its branch ends at: never one that has work which is taken out
        later. Such a level ends with the revert, and its work is reported with the level that the revert is in."""
        later = {f"\0above{i}": commit for i, commit in enumerate(above)}
        starts = {f"\0start{i}": revert for i, revert in enumerate(self.reverts)}
        undone = {f"\0undone{i}": revert for i, revert in enumerate(self.reverts)}
        commits = {key: revert.since for key, revert in starts.items()}
        commits |= {key: revert.commit for key, revert in undone.items()}
        members: dict[int, list[str]] = {}
        ends: dict[int, str] = {}
        waiting: list[str] = []
        open_: set[str] = set()
        highest = 0
        for key in await self._order({**later, **commits}):
            if key in later:
                break
            if key in starts:
                open_.add(starts[key].commit)
                continue
            if key in undone:
                open_.discard(undone[key].commit)
                highest = max(highest, *(level_of.get(task, 0) for task in undone[key].tasks), 0)
                commit = undone[key].commit
            else:
                highest = max(highest, level_of[key])
                commit = self.rows[key].commit or ""
                waiting.append(key)
            if not open_:
                members.setdefault(highest, []).extend(waiting)
                ends[highest], waiting = commit, []
        return members, ends

    async def tasks(self, needs: Mapping[str, Sequence[str]]) -> list[Proposal]:
        """A branch for each task that has landed, in the order in which they did. It has the task's commit, and before
        it those of the tasks that it depends on and that are not merged yet.

        Args:
            needs: By task, those that it depends on directly.
        """
        order = await self._order({})
        below = _below(order, needs)
        closed, there = set[str](), dict[str, str]()
        merged: set[str] = set()
        tips = await asyncio.to_thread(self.shared.branches.tips, *(self._branch(task) for task in order))
        for task in order:
            branch = self._branch(task)
            found, _ = await self._ours(branch) if tips[branch] is None else (None, "")
            if found is not None and found.state is PullState.CLOSED:
                closed.add(task)
            elif tips[branch] is not None:
                there[task] = branch
            elif found is not None and found.state is PullState.MERGED:
                merged.add(task)
            elif not below[task] & closed:
                if await self._cut(task, [other for other in order if other in below[task] - merged], below, there):
                    there[task] = branch
                else:
                    merged.add(task)
        landed = {task: line.commit for task, line in self.rows.items() if line.commit}
        # If a task builds on more than it names, its branch has everything of the shared branch at its landing.
        found_in = await asyncio.to_thread(self.shared.contained, there, landed)
        proposals = []
        for task in order:
            before = [
                other
                for other in order
                if other != task and other not in merged and other in below[task] | found_in.get(task, frozenset())
            ]
            turned_down = [other for other in before if other in closed]
            is_proposed = task in there or task in merged or task in closed
            obstacle = "" if is_proposed else f"builds on {listed(turned_down, _NAMED)}, which was rejected"
            words = self.write([self.rows[task]], None, before, self.rows[task].commit or "")
            after = tuple(map(self._branch, before))
            proposals.append(
                Proposal(self._branch(task), self.shared.base, words, task, after=after, obstacle=obstacle)
            )
        return proposals

    async def _cut(
        self, task: str, before: Sequence[str], below: Mapping[str, frozenset[str]], there: Mapping[str, str]
    ) -> bool:
        """Creates a task's branch, on the branch of an earlier task that has the most of its dependencies; returns
        whether it exists."""
        on = max((other for other in before if other in there), key=lambda other: len(below[other]), default=None)
        rest = [other for other in before if on is None or (other != on and other not in below[on])]
        commits = [commit for other in (*rest, task) if (commit := self.rows[other].commit)]
        return await asyncio.to_thread(self.shared.cut, self._branch(task), commits, self._branch(on) if on else None)

    async def _order(self, others: Mapping[str, str]) -> list[str]:
        landed = {task: line.commit for task, line in self.rows.items() if line.commit}
        return await asyncio.to_thread(self.shared.order, {**landed, **others})

    async def _ours(self, branch: str) -> tuple[ForgePullRequest | None, str]:
        """This run's pull request of a branch, open or ended, and the last commit that it proposes."""
        found = await self.forge.find(branch, self.shared.base)
        proposed = proposed_commit(found.words.body, self.run) if found is not None else None
        return (None, "") if proposed is None else (found, proposed)

    def _branch(self, task: str) -> str:
        return task_branch(self.branch, task)


def _below(order: Sequence[str], needs: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """By task, all its direct and indirect dependencies on the shared branch."""
    known: dict[str, frozenset[str]] = {}

    def found(task: str) -> frozenset[str]:
        open_ = [task]
        while open_:
            last = open_[-1]
            missing = [need for need in needs.get(last, ()) if need not in known]
            if missing:
                open_ += missing
                continue
            open_.pop()
            known[last] = frozenset[str]().union(*({need} | known[need] for need in needs.get(last, ())))
        return known[task]

    landed = set(order)
    return {task: found(task) & landed for task in order}
