"""Creations of objects that are in progress or were refused: what is known of attempts whose object does not exist."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.claim import Claim
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey

REFUSED_FIRST, REFUSED_LONGEST = 4.0, 30.0
"""Seconds from a refused creation to the next one, doubled with each."""


class Refusal(NamedTuple):
    """A creation that the API server refused, and may allow later."""

    reason: Reason
    message: str
    """The API server's message, without the name of the object: the same for all tasks with the same cause."""
    at: float
    """The time of the last try."""
    until: float
    """The earliest time of the next try."""
    tries: int
    claim: str


class Creations:
    """The creations of one project."""

    def __init__(self) -> None:
        self.under_way: dict[WorkKey, str] = {}
        """Requested attempts that are neither observed nor refused, with their claims."""
        self._refused: dict[WorkKey, tuple[Reason, float, str]] = {}  # for good; with the claim
        self._denied: dict[WorkKey, Refusal] = {}  # for now; also while they are tried again

    @property
    def refusals(self) -> Mapping[WorkKey, Refusal]:
        """The creations that were refused last time, and may be allowed later."""
        return self._denied

    def launching(self, key: WorkKey, claim: str, now: float) -> None:
        """An object was requested."""
        self.under_way[key] = claim
        if key in self._denied:
            self._denied[key] = self._denied[key]._replace(at=now)

    def succeeded(self, key: WorkKey) -> None:
        """The object exists."""
        self.under_way.pop(key, None)
        self._denied.pop(key, None)

    def over(self, key: WorkKey) -> None:
        """The object existed, and was deleted."""
        self.under_way.pop(key, None)

    def denied(self, key: WorkKey, reason: Reason, message: str, now: float, *, waits: bool) -> None:
        """A creation was refused for now: see ``ObservedAttempts.denied``."""
        tries = self._denied[key].tries + 1 if key in self._denied else 1
        claim = self.under_way.get(key, "")
        until = now + min(REFUSED_LONGEST, REFUSED_FIRST * 2.0 ** min(tries - 1, 16))
        self._denied[key] = Refusal(reason, message, now, until, tries, claim)
        if waits:
            self.under_way.pop(key, None)

    def refused(self, key: WorkKey, reason: Reason | None, now: float) -> None:
        """The object was certainly not created: finally if there is a reason, else to be planned again."""
        claim = self.under_way.pop(key, "")
        if reason is not None:
            self._denied.pop(key, None)
            self._refused[key] = (reason, now, claim)

    def quota_has_room(self) -> Iterable[WorkKey]:
        """Allows a retry of everything that a quota refused; returns the attempts."""
        full = [key for key, refusal in self._denied.items() if refusal.reason is Reason.WAITING_FOR_QUOTA]
        for key in full:
            self._denied[key] = self._denied[key]._replace(at=0.0, until=0.0)
        return full

    def allow(self) -> Iterable[WorkKey]:
        """Forgets all refusals that are not final; returns the attempts."""
        allowed = list(self._denied)
        self._denied.clear()
        return allowed

    def forget(self, key: WorkKey) -> None:
        """Drops a refusal."""
        self._denied.pop(key, None)

    def claim(self, key: WorkKey) -> str:
        """The claim of an attempt whose object does not exist; empty if it is not known."""
        refused = self._refused.get(key)
        return refused[2] if refused else self.under_way.get(key, "")

    def attempt(self, key: WorkKey) -> Attempt | None:
        """The state of an attempt whose object does not exist; None if nothing is known of it."""
        denied = self._denied.get(key)
        if key in self.under_way:
            claim = Claim.from_json(self.under_way[key])
            attempt = Attempt(
                key.attempt, Phase.LAUNCHING, running=True, claim=claim, fallback=claim.fallback if claim else None
            )
            return attempt._replace(started=denied.at, reason=denied.reason) if denied else attempt
        if key in self._refused:
            reason, at, _ = self._refused[key]
            return Attempt(key.attempt, Phase.FAILED, started=at, ended=at, reason=reason)
        if denied:
            return Attempt(key.attempt, Phase.REFUSED, started=denied.at, ended=denied.until, reason=denied.reason)
        return None
