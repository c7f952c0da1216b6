"""The next step of a search: probes to run, or the verdict. Pure, and the same for the same outcomes."""

import math
from collections.abc import Collection, Mapping, Sequence

from parallelproject.core.verification.failure_report import FailureReport
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.core.verification.verdict import CulpritVerdict


def probes_max(count: int) -> int:
    """The maximum number of outcomes of a search among so many changes, reruns included."""
    return 10 + 4 * math.ceil(math.log2(count + 1))


def next_step(
    changes: Sequence[LandedChange],
    report: FailureReport,
    known: Mapping[Probe, Sequence[ProbeOutcome]],
    slots: int,
    running: Collection[Probe] = (),
) -> Sequence[Probe] | CulpritVerdict:
    """The probes to start now, or the verdict.

    Call it again after each outcome. Outcomes of a probe that ran several times are in their order. With a verdict,
    probes that still run are of no use.

    Args:
        changes: The changes since the base, in the order in which they landed. The check fails with all of them.
        report: What the output of the failed check names.
        known: All outcomes so far. Those of the branch belong here too: ``Probe(0)`` is the base, which passed when it
            was verified; ``Probe(len(changes))`` is the commit that failed, once for each run.
        slots: How many probes may run at once, those of ``running`` included.
        running: Probes that have started and have no outcome yet.

    Returns:
        At most ``slots - len(running)`` probes; empty only while others run. A probe of ``known`` may be among them: it
        runs again.
    """
    raise NotImplementedError
