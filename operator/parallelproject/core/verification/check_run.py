"""The runs of checks, as they are decided on. Pure."""

from typing import NamedTuple

from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.revert_request import RevertRequest
from parallelproject.model.spec import VerificationCheck


class CheckRun(NamedTuple):
    """One observed run of a check."""

    check: str
    number: int
    """Of the runs of this check, from 1."""
    revision: str
    probe: Probe | None = None
    """What it ran on; None: the tip of the branch when it started."""
    outcome: ProbeOutcome | None = None
    """None while it runs."""
    work: LandedWork | None = None
    """For a run of the tip that has ended: what it found there."""
    printed: str = ""
    """The end of what the check printed, if it failed."""


class CheckLaunch(NamedTuple):
    """A run of a check to start."""

    check: VerificationCheck
    number: int
    revision: str
    probe: Probe | None
    """None: the tip of the branch."""
    work: LandedWork | None
    """What the probe is a subset of."""
    since: str
    """The commit that this check passed on before; empty: no such commit."""
    revert: RevertRequest | None = None
    """None: it runs the check; else it takes work off the branch, and runs no command."""
