"""The runs of checks among the observed attempts of a project. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.verification.check_run import CheckRun
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.executors.base.executor import CheckClaim
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.base.optional import Verifies
from parallelproject.model.work import WorkKey, WorkKind


class ObservedCheck(NamedTuple):
    """A run of a check that is observed or requested."""

    key: WorkKey
    attempt: Attempt
    run: CheckRun
    """Without a revision if nobody knows what it ran on: then its result counts for nothing."""

    @property
    def id(self) -> tuple[str, int]:
        """The check, and the number of the run."""
        return self.run.check, self.run.number

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.run.outcome is None


def observed_checks(observed: ObservedAttempts) -> Iterator[ObservedCheck]:
    """All runs, except those whose creation was refused."""
    executor = observed.executor
    if not isinstance(executor, Verifies):
        return
    for work, attempts in observed.others.items():
        for attempt in attempts if work.kind is WorkKind.VERIFY else ():
            if attempt.phase is not Phase.REFUSED:
                yield _observed(observed, executor, WorkKey(*work, attempt.number), attempt)


def _observed(observed: ObservedAttempts, executor: Verifies, key: WorkKey, attempt: Attempt) -> ObservedCheck:
    claim = CheckClaim.from_json(observed.claim(key))
    probe = Probe.parse(claim.probe) if claim and claim.probe else None
    run = CheckRun(key.step, key.attempt, claim.revision if claim else "", probe)
    if attempt.phase in (Phase.LAUNCHING, Phase.ACTIVE):
        return ObservedCheck(key, attempt, run)
    if attempt.phase is Phase.STOPPED:
        return ObservedCheck(key, attempt, run._replace(outcome=ProbeOutcome.STOPPED))
    end = executor.check_end(attempt, observed.view(key), observed.parts(key))
    if end is None:
        return ObservedCheck(key, attempt, run._replace(outcome=ProbeOutcome.BROKEN))
    return ObservedCheck(key, attempt, run._replace(outcome=end.outcome, work=end.work, printed=end.printed))
