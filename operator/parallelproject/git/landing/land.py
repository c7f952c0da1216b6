"""After the command: its work becomes one commit on the branch, exactly once.

First the work is pushed to ``result``: from then on it is safe. Then, in a loop: read the branch, put the work on its
tip, and push branch, ``landed`` and the removal of ``result`` together, each as a compare-and-swap. The parent of the
new commit is the expected tip of the swap, so the branch only moves forward. ``landed`` is created, never
changed: of any number of landers, one succeeds.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from parallelproject.git.landing.other_work import Other, allowed, keep_other_work, kept_before
from parallelproject.git.landing.queue import AT_ONCE, glance, wait_for_turn
from parallelproject.git.landing.salvage import refused
from parallelproject.git.landing.save import save
from parallelproject.git.own_git.observed import ObservedGit, observe
from parallelproject.git.plumbing.changes import PathChange, changes
from parallelproject.git.plumbing.commit import commit_tree
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import Cause, GitFailedError
from parallelproject.git.plumbing.landed_history import LandingWork, attempt_of, since, work_of
from parallelproject.git.plumbing.merge import combine
from parallelproject.git.plumbing.outcome import (
    BranchRewrittenError,
    ConflictError,
    DeliveryError,
    ExhaustedError,
    Outcome,
    PolicyError,
    TransientError,
)
from parallelproject.git.plumbing.push import Pushed, Update, push
from parallelproject.git.plumbing.retrying import patiently
from parallelproject.git.plumbing.store import GitStore, Seen, opened
from parallelproject.git.policy.policy import undeclared
from parallelproject.git.workspace import lfs
from parallelproject.git.workspace.prepare import forget_result, prepared_base
from parallelproject.git.workspace.snapshot import MovedError, WorkSnapshot, snapshot
from parallelproject.git.workspace.work_tree import check_workspace
from parallelproject.model.problem import listed, quoted

TRIES = 60
SECONDS = 600.0
_SNAPSHOT = "snapshot"
_NOTES = "notes.json"


@dataclass(frozen=True, slots=True)
class Landed:
    """The result of a task whose work is done."""

    outcome: Outcome
    """``LANDED``, ``ALREADY_LANDED`` or ``NO_CHANGE``."""
    commit: str | None = None
    """The task's commit on the branch."""
    base: str | None = None
    paths: tuple[str, ...] = ()
    """The paths that it changed."""
    undeclared: tuple[str, ...] = ()
    """The undeclared ones of them."""
    shared: tuple[str, ...] = ()
    """Those of them that work which landed since its base also changed: it merged."""
    pushes: int = 0
    """Number of tries to push the branch."""
    kept: tuple[Other, ...] = ()
    """Work outside of the files of the workspace, which has not landed."""
    not_landed: tuple[str, ...] = ()
    """Changed paths that are never part of a task's work."""
    hidden: tuple[str, ...] = ()
    """New paths that did not land because rules of the base, or rules that the task added, ignore them."""


def land(delivery: Delivery, place: Place) -> Landed:
    """Lands what the task left in its workspace, or what an earlier run of it left in ``result``.

    After an interruption at any moment it can be called again and resumes.

    Raises:
        DeliveryError: with the outcome for the task, and where the work is kept.
    """
    with opened(delivery, place) as store:
        try:
            base = prepared_base(place)
            mine = own_work(store, base) if base else None
            landed = _no_change(delivery, base) if base and mine is None else _Landing(store, mine).land()
            noted = _notes(store)
            return replace(
                landed,
                kept=kept_before(store),
                not_landed=tuple(noted.get("not_landed", ())),
                hidden=tuple(noted.get("hidden", ())),
            )
        except GitFailedError as error:
            raise error.as_outcome() from error


def land_work(store: GitStore, work: LandingWork) -> Landed:
    """Lands a commit.

    Raises:
        DeliveryError: with the outcome for the task, and where the work is kept.
        GitFailedError: git failed.
    """
    return _Landing(store, work).land()


def own_work(store: GitStore, base: str) -> LandingWork | None:
    """The commit of what the task left; None: nothing.

    Raises:
        DeliveryError: it may not land.
    """
    commit = store.kept(_SNAPSHOT)
    if commit is None:
        check_workspace(store.place.workspace)  # before anything in it is read: it may be a link to the user's files
        observed = observe(store)
        start = observed.start(base)
        try:
            taken = snapshot(store, base, start=start)
        except MovedError as moved:
            raise _kept_moved(store, observed, base, start, moved) from None
        if taken.violations:
            raise refused(store, base, taken.violations)
        _note(store, taken)
        keep_other_work(store, observed, base, taken.changed)
        if store.delivery.lfs:
            lfs.upload(store, taken.changed)
        if taken.commit is None:
            return None
        commit = taken.commit
        store.keep(_SNAPSHOT, commit)
    return work_of(store, commit)


def _kept_moved(store: GitStore, observed: ObservedGit, base: str, start: str, moved: MovedError) -> ConflictError:
    """The error for such work, after the allowed part of it was kept."""
    changed = changes(store.git, start, moved.commit)
    kept = keep_other_work(store, observed, base, changed)
    tree, without = allowed(store, start, f"{moved.commit}^{{tree}}")
    ref = None
    if tree != store.text("rev-parse", f"{start}^{{tree}}"):
        commit = commit_tree(store, tree, start, signed=False, attempt=store.delivery.attempt)
        ref = save(store, store.delivery.refs.conflict(store.delivery.attempt), commit)
    error = moved.conflict
    text = f"the task worked on an older commit than the one it was given, and {error}: {listed(error.paths, 5)}"
    left_out = sorted({*without, *moved.left_out})
    if left_out:
        text += f". Not kept: {listed(left_out, 5)}"
    text += "".join(f". {str(other)[:1].upper()}{str(other)[1:]}" for other in kept)
    return ConflictError(error.reason, text, error.paths, ref)


def _note(store: GitStore, taken: WorkSnapshot) -> None:
    note = {"not_landed": taken.not_landed, "hidden": taken.hidden}
    (store.place.private / _NOTES).write_text(json.dumps(note), encoding="utf-8")


def _notes(store: GitStore) -> dict[str, list[str]]:
    try:
        content: dict[str, list[str]] = json.loads((store.place.private / _NOTES).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return content


def _no_change(delivery: Delivery, base: str) -> Landed:
    if delivery.policy.no_change_fails:
        raise PolicyError("NoChange", "the task changed nothing")
    return Landed(Outcome.NO_CHANGE, base=base)


class _Landing:
    """The loop, with its state between two reads of the remote."""

    def __init__(self, store: GitStore, mine: LandingWork | None) -> None:
        self.store = store
        self.mine = mine
        self.current = mine
        """The work that is landing: ours, or the work in ``result``."""
        self.made: set[str] = set()
        """Our commits that were pushed to the branch and may be on it."""
        self.pushes = 0
        self.rootless = False
        """No ref of the remote contains our base."""

    def land(self) -> Landed:
        if self.mine:
            self._push_result(self.mine)
        deadline = time.monotonic() + SECONDS
        for tries in range(TRIES):
            begin = time.monotonic()
            done = self._try(is_first=not tries)
            if done:
                return done
            if time.monotonic() > deadline:
                break
            wait_for_turn(self.store, tries, time.monotonic() - begin, deadline)
        ref = self.store.delivery.refs.result
        raise ExhaustedError("BranchBusy", f"the branch moved at each of {tries + 1} tries", ref=ref)

    def _try(self, *, is_first: bool) -> Landed | None:
        """One round. None: another one is needed."""
        store = self.current.store if self.current else self.store
        try:
            seen = None
            if is_first and self.mine:
                seen, place = glance(store)
                is_ours = seen.result == self.mine.commit and seen.landed is None
                if is_ours and seen.tip and not self.rootless and place is not None and place >= AT_ONCE:
                    return None  # if many start in the same moment, all but one would fail
            if seen is None or not self._is_alone(seen):
                seen = store.look()
        except GitFailedError as error:
            if error.cause is Cause.NETWORK:
                return None
            raise
        if seen.landed:
            return self._landed(store, seen, seen.landed)
        if seen.result and (self.current is None or seen.result != self.current.commit):
            self._adopt(seen.result)
            return None
        if seen.tip is None:
            raise self._rewritten(seen, f"the branch {store.delivery.branch} was deleted")
        if self.rootless:
            raise self._rewritten(seen, f"nothing on the remote contains {self._base()}, which the work is based on")
        if self.current is None or seen.result is None:
            self._push_again()
            return None
        return self._onto(self.current, seen, seen.tip)

    def _is_alone(self, seen: Seen) -> bool:
        """Whether nothing changed on the remote since the base except the push of our work."""
        work = self.mine
        return work is not None and seen == Seen(work.base, work.commit, None)

    def _onto(self, work: LandingWork, seen: Seen, tip: str) -> Landed | None:
        """Tries to put the work on this tip."""
        store = work.store
        history = since(store, work.base, tip)
        if history.rewritten:
            text = f"the branch {store.delivery.branch} no longer contains {self._base()}, which the work is based on"
            raise self._rewritten(seen, text)
        refs = store.delivery.refs
        if history.landed:
            # By an earlier run, whose record was removed: record it again.
            commit = history.landed
            done = push(store.git, [Update(refs.landed, None, commit), Update(refs.result, work.commit, None)])
            return self._result(Outcome.ALREADY_LANDED, work, commit) if done is Pushed.DONE else None
        try:
            tree = f"{work.commit}^{{tree}}" if tip == work.base else self._merged(work, tip)
        except ConflictError as conflict:
            self._conflict(work, conflict)
            return None
        commit = commit_tree(store, tree, tip, signed=True, attempt=work.attempt, author_date=work.date)
        self.made.add(commit)
        self.pushes += 1
        updates = [
            Update(store.delivery.branch_ref, tip, commit),
            Update(refs.landed, None, commit),
            Update(refs.result, work.commit, None),
        ]
        return self._result(Outcome.LANDED, work, commit) if push(store.git, updates) is Pushed.DONE else None

    def _merged(self, work: LandingWork, tip: str) -> str:
        """The tree of the work on this tip."""
        return combine(work.store, work.base, tip, work.commit, work.store.delivery.policy.land)

    def _conflict(self, work: LandingWork, conflict: ConflictError) -> None:
        """Moves the work to its conflict ref.

        Raises:
            ConflictError: unless it was another attempt's and ours has not been tried.
        """
        refs = work.store.delivery.refs
        ref = save(work.store, refs.conflict(work.attempt), work.commit, Update(refs.result, work.commit, None))
        if self.mine is None or self.mine.commit == work.commit or self.mine.attempt == work.attempt:
            shown = ", ".join(map(quoted, conflict.paths[:5])) + (" …" if len(conflict.paths) > 5 else "")
            raise ConflictError(conflict.reason, f"{conflict}: {shown}", conflict.paths, ref)
        self.current = self.mine
        self._push_again()

    def _push_again(self) -> None:
        """``result`` does not exist: its push was lost, or another process has handled its content."""
        if self.mine is None:
            raise TransientError(
                "ResultGone", "the work that was kept for landing no longer exists: run the command again"
            )
        self.current = self.mine
        self._push_result(self.mine)

    def _push_result(self, work: LandingWork) -> None:
        """Pushes the work to ``result``. The next read of the remote shows whether that worked."""
        pushed = push(work.store.git, [Update(work.store.delivery.refs.result, None, work.commit)])
        self.rootless = pushed is Pushed.ROOTLESS

    def _base(self) -> str:
        return self.current.base[:12] if self.current else "the commit"

    def _adopt(self, commit: str) -> None:
        """Continues with the work in ``result``: of an earlier run, of a copy, or of another attempt."""
        if self.mine and self.store.commit_of(f"{commit}^") == self.mine.base:
            self.current = work_of(self.store, commit)
            return
        # Its history may be below what was fetched here, which looks the same as a rewritten branch.
        store = self.store.another()
        patiently(lambda: store.fetch([f"+{store.delivery.refs.result}:refs/seen/task/result"], depth=2))
        found = store.commit_of("refs/seen/task/result")
        self.current = work_of(store, found) if found else self.mine

    def _landed(self, store: GitStore, seen: Seen, commit: str) -> Landed:
        """The task is on the branch: by us, or by another process."""
        forget_result(store, seen)
        if commit in self.made and self.current:
            return self._result(Outcome.LANDED, self.current, commit)
        self._keep_ours(attempt_of(store, commit))
        return Landed(Outcome.ALREADY_LANDED, commit, pushes=self.pushes)

    def _keep_ours(self, landed: str) -> None:
        """Keeps our work if that of another attempt has landed."""
        if self.mine and landed != str(self.mine.attempt):
            save(self.mine.store, self.mine.store.delivery.refs.salvage(self.mine.attempt), self.mine.commit)

    def _rewritten(self, seen: Seen, text: str) -> DeliveryError:
        """Moves the work to its conflict ref, so that a new attempt starts on the current branch."""
        ref = None
        work = self.current
        if work:
            refs = work.store.delivery.refs
            result = Update(refs.result, work.commit, None) if seen.result == work.commit else None
            ref = save(work.store, refs.salvage(work.attempt), work.commit, result)
        return BranchRewrittenError("BranchRewritten" if seen.tip else "BranchGone", text, ref=ref)

    def _result(self, outcome: Outcome, work: LandingWork, commit: str) -> Landed:
        self._keep_ours(str(work.attempt))
        changed = changes(work.store.git, work.base, work.commit)
        more = undeclared(changed, work.store.delivery.policy)
        shared = self._shared(work, commit, changed) if outcome is Outcome.LANDED else ()
        return Landed(outcome, commit, work.base, tuple(c.path for c in changed), more, shared, self.pushes)

    def _shared(self, work: LandingWork, commit: str, changed: Sequence[PathChange]) -> tuple[str, ...]:
        """The paths that both the work and what landed since its base changed."""
        parent = work.store.text("rev-parse", f"{commit}^")
        if parent == work.base:
            return ()
        theirs = {change.path for change in changes(work.store.git, work.base, parent)}
        return tuple(change.path for change in changed if change.path in theirs)
