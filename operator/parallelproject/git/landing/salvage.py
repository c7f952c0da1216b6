"""Keeps work that does not land: on the remote, where a person can restore it."""

from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.git.landing.other_work import Other, keep_other_work, kept_before
from parallelproject.git.landing.save import save
from parallelproject.git.own_git.observed import observe
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import DeliveryError, Outcome, PolicyError, TransientError
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.git.policy.violation import Violation, explain
from parallelproject.git.workspace import lfs
from parallelproject.git.workspace.prepare import prepared_base
from parallelproject.git.workspace.snapshot import snapshot
from parallelproject.model.problem import listed

_LOOKS = 5
_SHOWN = 5
_SALVAGED = "salvaged"


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The result for the work of an attempt that failed."""

    outcome: Outcome
    """``SALVAGED``, or ``NO_CHANGE``: it left nothing."""
    ref: str | None = None
    commit: str | None = None
    left_out: tuple[str, ...] = ()
    """Paths that may not be kept: credentials, files that are too large."""
    kept: tuple[Other, ...] = ()
    """Work outside of the files of the workspace."""


def salvage(delivery: Delivery, place: Place) -> Salvaged:
    """Pushes the work of a failed attempt to its salvage ref. After an interruption it can be called again and resumes.

    Raises:
        DeliveryError: it could not be kept.
    """
    with opened(delivery, place) as store:
        try:
            base = prepared_base(place)
            return keep(store, base) if base else Salvaged(Outcome.NO_CHANGE)
        except GitFailedError as error:
            raise error.as_outcome() from error


def keep(store: GitStore, base: str) -> Salvaged:
    """Keeps the content of the workspace, without what no ref may contain."""
    left_out: tuple[str, ...] = ()
    commit = store.kept(_SALVAGED)
    if commit is None:
        taken = snapshot(store, base, keeping=True)
        for _ in range(_LOOKS):
            found = {violation.path for violation in taken.violations if violation.leave_out}
            if not found:
                break
            # Checked again: a process that still writes there may have added something since the previous check.
            left_out = tuple(sorted({*left_out, *found}))
            taken = snapshot(store, base, left_out, keeping=True)
        else:
            raise TransientError("NotKept", f"the work changed during each of {_LOOKS} reads")
        kept = keep_other_work(store, observe(store), base, taken.changed)
        if taken.commit is None:
            return Salvaged(Outcome.SALVAGED if kept else Outcome.NO_CHANGE, left_out=left_out, kept=kept)
        if store.delivery.lfs:
            lfs.upload(store, taken.changed)
        commit = taken.commit
        store.keep(_SALVAGED, commit)
    ref = save(store, store.delivery.refs.salvage(store.delivery.attempt), commit)
    return Salvaged(Outcome.SALVAGED, ref, commit, left_out, kept_before(store))


def refused(store: GitStore, base: str, violations: Sequence[Violation]) -> PolicyError:
    """The error for work that may not land, after the allowed part of it was kept."""
    text = explain(violations)
    ref = None
    try:
        kept = keep(store, base)
        ref = kept.ref
        if kept.left_out:
            text += f". Not kept: {listed(kept.left_out, _SHOWN)}"
        text += "".join(f". {str(other)[:1].upper()}{str(other)[1:]}" for other in kept.kept)
    except (DeliveryError, GitFailedError) as error:
        text += f" (and its work could not be kept: {error})"
    return PolicyError(violations[0].reason, text, [violation.path for violation in violations], ref)
