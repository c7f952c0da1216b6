"""The result of a search: who broke a check, with the proof. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from parallelproject.core.verification.probe import Probe, ProbeOutcome


class VerdictKind(StrEnum):
    """How a search ended."""

    CULPRITS = "Culprits"
    """Tasks broke the check: see ``faults``."""
    FLAKY = "Flaky"
    """The check failed and passed on the same commit, and no task is found that explains its failures."""
    BASE = "Base"
    """The check also fails on the base, without any of the changes."""
    UNKNOWN = "Unknown"
    """The limit of probes is reached, or no probe can tell more: see ``suspects``."""


class ProbeResult(NamedTuple):
    """A probe that a verdict relies on."""

    probe: Probe
    outcome: ProbeOutcome


class Fault(NamedTuple):
    """Changes that break the check together: one task, or two of which each passes alone."""

    tasks: tuple[str, ...]
    """In the order in which they landed."""
    proof: tuple[ProbeResult, ...] = ()
    """With it the check fails, without it the check passes."""

    @property
    def blamed(self) -> str:
        """The task that a repair goes to: the only one, or the later one of an interacting pair."""
        return self.tasks[-1]

    @property
    def is_pair(self) -> bool:
        """Whether each of its tasks passes alone."""
        return len(self.tasks) > 1


@dataclass(frozen=True, slots=True)
class CulpritVerdict:
    """How a search ended."""

    kind: VerdictKind
    faults: tuple[Fault, ...] = ()
    """With ``CULPRITS``: independent of each other, in the order in which they became complete. All of them, unless the
    limit of probes was reached: then those that are proven, and the next verification finds the rest."""
    suspects: tuple[str, ...] = ()
    """With ``UNKNOWN``: the most probable tasks, best first."""
    confidence: float = 0.0
    """The probability of the verdict, given all outcomes."""

    @property
    def blamed(self) -> tuple[str, ...]:
        """The tasks that repairs go to, one for each fault."""
        return tuple(dict.fromkeys(fault.blamed for fault in self.faults))
