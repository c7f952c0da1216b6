"""Keeping work that does not land: on the remote, where a person can get it back."""

from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.git.commit import replant
from parallelproject.git.delivery import Delivery, Place
from parallelproject.git.failure import GitFailedError
from parallelproject.git.outcome import DeliveryError, Outcome, PolicyError, TransientError
from parallelproject.git.patience import pause
from parallelproject.git.policy import Violation
from parallelproject.git.prepare import prepared_base
from parallelproject.git.push import Pushed, Update, push
from parallelproject.git.snapshot import snapshot
from parallelproject.git.store import Store, opened
from parallelproject.model.problem import listed

_TRIES = 10
_LOOKS = 5
_SALVAGED = "salvaged"


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of the work of an attempt that failed."""

    outcome: Outcome
    """``SALVAGED``, or ``NO_CHANGE``: it left nothing."""
    ref: str | None = None
    commit: str | None = None
    left_out: tuple[str, ...] = ()
    """Paths that may not even be kept: credentials, files that are too large."""


def salvage(delivery: Delivery, place: Place) -> Salvaged:
    """Pushes what a failed attempt left to its salvage ref. Called again, it goes on.

    Raises:
        DeliveryError: it could not be kept.
    """
    with opened(delivery, place) as store:
        try:
            base = prepared_base(place)
            return keep(store, base) if base else Salvaged(Outcome.NO_CHANGE)
        except GitFailedError as error:
            raise error.as_outcome() from error


def keep(store: Store, base: str) -> Salvaged:
    """Keeps what is in the workspace, without what no ref may hold."""
    left_out: tuple[str, ...] = ()
    commit = store.kept(_SALVAGED)
    if commit is None:
        taken = snapshot(store, base)
        for _ in range(_LOOKS):
            found = {violation.path for violation in taken.violations if violation.leave_out}
            if not found:
                break
            # Looked through again: whoever still writes there could have put into it what the look before did not see.
            left_out = tuple(sorted({*left_out, *found}))
            taken = snapshot(store, base, left_out)
        else:
            raise TransientError("NotKept", f"the work changed each of {_LOOKS} times that it was read")
        if taken.commit is None:
            return Salvaged(Outcome.NO_CHANGE, left_out=left_out)
        commit = taken.commit
        store.keep(_SALVAGED, commit)
    ref = save(store, store.delivery.refs.salvage(store.delivery.attempt), commit)
    return Salvaged(Outcome.SALVAGED, ref, commit, left_out)


def save(store: Store, ref: str, commit: str, instead_of: Update | None = None) -> str:
    """Puts a commit in a ref of its own.

    Args:
        store: Where the commit is.
        ref: The ref's name; when another commit has it, one with the commit's own name at its end is taken.
        commit: The commit.
        instead_of: A ref that goes away in the same moment.

    Returns:
        The name of the ref.

    Raises:
        TransientError: it could not be said to have happened.
        AuthOrProtectedError: the remote refuses.
    """
    for tries in range(_TRIES):
        for name in (ref, f"{ref}-{commit[:12]}"):
            update = [Update(name, None, commit)]
            pushed = push(store.git, [*update, instead_of] if instead_of else update)
            if pushed is Pushed.DONE:
                return name
            if pushed is not Pushed.MOVED:
                break
        if pushed is Pushed.ROOTLESS:
            commit = replant(store, commit)
            continue
        # What was to go away may be gone since a try whose answer was lost.
        if instead_of and pushed is Pushed.MOVED:
            seen = store.look()
            if seen.result != instead_of.old:
                instead_of = None
        pause(tries)
    raise TransientError("NotKept", f"the work could not be pushed to {ref} in {_TRIES} tries")


def refused(store: Store, base: str, violations: Sequence[Violation]) -> PolicyError:
    """The error for work that may not land, after what may be kept of it has been."""
    text = listed(violations, 5, "; ")
    ref = None
    try:
        ref = keep(store, base).ref
    except (DeliveryError, GitFailedError) as error:
        text += f" (and its work could not be kept: {error})"
    return PolicyError(violations[0].reason, text, [violation.path for violation in violations], ref)
