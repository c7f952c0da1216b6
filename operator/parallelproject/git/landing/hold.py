"""The work of a task between two of its steps: one commit in a ref of the task, which lands as it is.

The commit is based on the commit that the work started from, as the commit of work that lands. The next step gets it
checked out. Such a ref never changes: after an interruption the next process finds all of the work, or nothing of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from parallelproject.git.landing.land import Landed, land_work, own_work
from parallelproject.git.landing.other_work import Other, kept_before
from parallelproject.git.landing.save import save
from parallelproject.git.plumbing.commit import commit_tree
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.landed_history import work_of
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import BranchRewrittenError, Outcome, TransientError
from parallelproject.git.plumbing.push import Update, push
from parallelproject.git.plumbing.retrying import patiently
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.git.workspace.prepare import fetch_held, forget_result, held_or_gone, prepared_base

_HELD = "held"


@dataclass(frozen=True, slots=True)
class HeldWork:
    """Work that is held."""

    ref: str
    commit: str
    has_changed: bool
    """Whether it changes anything."""
    kept: tuple[Other, ...] = ()
    """Work outside of the files of the workspace, which is not part of it."""


class NothingHeldError(Exception):
    """The work changes nothing, and is not to be held then."""


def hold(
    delivery: Delivery, place: Place, attempt: int, may_change_nothing: Callable[[], bool] = lambda: True
) -> HeldWork:
    """Keeps what is in the workspace of an attempt for the next step, also if nothing has changed.

    After an interruption it can be called again and resumes.

    Args:
        delivery: The attempt that did the work.
        place: Where it worked.
        attempt: Number of the attempt that is recorded for the work. It is a later one if that finishes what an
            interrupted attempt has left.
        may_change_nothing: Asked before work is held that changes nothing.

    Raises:
        DeliveryError: the work may not land, or cannot be held.
        NothingHeldError: it changes nothing, and may not do that.
    """
    with opened(delivery, place) as store:
        try:
            base = prepared_base(place)
            if base is None:
                raise TransientError("NotPrepared", "the workspace was not checked out, so there is no work to hold")
            commit = store.kept(_HELD)
            if commit is None:
                work = own_work(store, base)
                commit = work.commit if work else _nothing(store, base)
                store.keep(_HELD, commit)
            has_changed = _has_changed(store, commit)
            if not has_changed and not may_change_nothing():
                raise NothingHeldError
            ref = save(store, delivery.refs.held(attempt), commit)
            return HeldWork(ref, commit, has_changed, kept_before(store))
        except GitFailedError as error:
            raise error.as_outcome() from error


def is_held(delivery: Delivery, place: Place) -> bool:
    """Whether the work of this attempt is held: by another process, which has not reported it.

    Raises:
        DeliveryError: the remote cannot be asked.
    """
    ref = delivery.refs.held(delivery.attempt)
    with opened(delivery, place) as store:
        try:
            listed = patiently(
                lambda: store.git.remote("ls-remote", "--quiet", "--refs", "--", store.git.address.url, ref)
            )
        except GitFailedError as error:
            raise error.as_outcome() from error
    return bool(listed.stdout.strip())


def land_held(delivery: Delivery, place: Place) -> Landed:
    """Lands the held work that the delivery continues, without a change.

    Raises:
        DeliveryError: with the outcome for the task, and where the work is kept.
    """
    with opened(delivery, place) as store:
        try:
            try:
                commit = fetch_held(store)
            except BranchRewrittenError:
                seen = patiently(lambda: store.look(delivery.depth))
                if seen.landed is None:
                    raise
                forget_result(store, seen)  # another process has landed it, and was lost before it could say so
                return Landed(Outcome.ALREADY_LANDED, seen.landed)
            base = store.commit_of(f"{commit}^")
            if not _has_changed(store, commit):
                return Landed(Outcome.NO_CHANGE, base=base)
            return land_work(store, work_of(store, commit))
        except GitFailedError as error:
            raise error.as_outcome() from error


def set_aside(delivery: Delivery, place: Place) -> str | None:
    """Moves work that waits to land out of the way, so that only what passes the steps of the task now can land.

    Returns:
        The ref that keeps it; None: none was waiting, or it is the held work that the delivery continues.

    Raises:
        DeliveryError: it cannot be moved.
    """
    with opened(delivery, place) as store:
        try:
            held, _ = held_or_gone(store)
            seen = store.look(0 if held else delivery.depth)
            if seen.landed or not seen.result:
                return None
            waits = Update(delivery.refs.result, seen.result, None)
            if held == seen.result:
                push(store.git, [waits])
                return None
            return save(store, delivery.refs.salvage(delivery.attempt), seen.result, waits)
        except GitFailedError as error:
            raise error.as_outcome() from error


def forget_held(delivery: Delivery, place: Place) -> None:
    """Removes the refs of held work after the task has landed. Refs that git cannot remove stay: they do no harm.

    Raises:
        DeliveryError: the remote cannot be used.
    """
    with opened(delivery, place) as store:
        try:
            pattern = f"{delivery.refs.folder}/{_HELD}/*"
            listed = store.git.remote("ls-remote", "--quiet", "--refs", "--", store.git.address.url, pattern).stdout
            refs = [line.split("\t") for line in lines_of(listed.decode(errors="replace"))]
            if refs:
                push(store.git, [Update(ref, commit, None) for commit, ref in refs])
        except GitFailedError:
            return


def _nothing(store: GitStore, base: str) -> str:
    """A commit that changes nothing."""
    return commit_tree(store, f"{base}^{{tree}}", base, signed=False, attempt=store.delivery.attempt)


def _has_changed(store: GitStore, commit: str) -> bool:
    return store.text("rev-parse", f"{commit}^{{tree}}") != store.text("rev-parse", f"{commit}^^{{tree}}")
