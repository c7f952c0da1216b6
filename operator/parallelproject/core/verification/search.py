"""The next step of a search: probes to run, or the verdict. Pure, and the same for the same outcomes.

Two parts work together. Probabilities (``hypotheses``) choose what is checked next: the probes that together tell most.
Proofs (``proof``) end the search: no task is blamed because it is probable.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from parallelproject.core.verification.failure_report import FailureReport
from parallelproject.core.verification.hypotheses import BASE, FLAKY, Faults, Votes, WeighedHypotheses, breaks, weigh
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome, mask_of, positions_of
from parallelproject.core.verification.proof import Builds, Obligation, is_met, obligations, open_mask
from parallelproject.core.verification.suspicion import clues, weights
from parallelproject.core.verification.verdict import CulpritVerdict, Fault, ProbeResult, VerdictKind

CONFIDENCE = 0.95
"""The probability that a proven verdict must have: below it, outcomes that may be lies are checked again."""
_HYPOTHESES_MAX = 300
_SUSPECTS_MAX = 2
"""For so many changes, partners and further faults are searched by halves."""
_PROVED_MAX = 24
"""For so many hypotheses, what would prove them is considered next."""
_NAMED_MAX = 3
"""So many suspects are named where no proof is found."""
_BROKEN_MAX = 2
"""A probe whose check did not run so often is not tried again."""
_PROBABLE = 1e-3
"""Hypotheses that are less probable than this share of the best one do not choose probes."""
_LAST = 0.9
"""The probability that a proven verdict must have where no probe is left."""
_GAIN_MIN = 0.05
"""The least that a probe must tell to take a free slot, in bits."""
_PROOF_WORTH = 0.55
"""The worth of an outcome that a proof needs, in bits."""


def probes_max(count: int) -> int:
    """The maximum number of checks that a search among so many changes runs, reruns included.

    Probes that conflict run no check. There are at most as many of them again.
    """
    return 12 + 5 * math.ceil(math.log2(count + 1))


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
    return _Search(changes, report, known).step(slots, [probe.mask for probe in running])


class _Search:
    """One call, with what is derived from its outcomes."""

    def __init__(
        self,
        changes: Sequence[LandedChange],
        report: FailureReport,
        known: Mapping[Probe, Sequence[ProbeOutcome]],
    ) -> None:
        self._changes = changes
        self._outcomes: dict[int, Counter[ProbeOutcome]] = {}
        for probe, outcomes in known.items():
            self._outcomes.setdefault(probe.mask, Counter()).update(outcomes)
        self._votes = {
            mask: Votes(found[ProbeOutcome.PASSED], found[ProbeOutcome.FAILED])
            for mask, found in sorted(self._outcomes.items())
            if found[ProbeOutcome.PASSED] or found[ProbeOutcome.FAILED]
        }
        conflicts = [mask for mask, found in self._outcomes.items() if found[ProbeOutcome.CONFLICT]]
        self._builds = Builds(changes, conflicts, self._votes)
        # The search starts with one outcome of the base and two of the tip, which are not its own.
        given = {0: 1, self._builds.all: 2}
        ran = sum(
            max(0, found.total() - found[ProbeOutcome.CONFLICT] - given.get(mask, 0))
            for mask, found in self._outcomes.items()
        )
        most = probes_max(len(changes))
        self._left = most - ran if len(conflicts) < most else 0
        self._evidence: WeighedHypotheses = weigh(
            weights(changes),
            clues(changes, report),
            self._builds.needs,
            self._votes,
            _HYPOTHESES_MAX,
            failed_tests=len(report.tests),
        )

    def step(self, slots: int, running: Sequence[int]) -> Sequence[Probe] | CulpritVerdict:
        """See ``next_step``."""
        best = self._evidence.faults[0]
        candidates = self._candidates()
        bits = {mask: [breaks(each, mask) for each in self._evidence.faults] for mask in {*candidates, *running}}
        is_proven = not self._unmet(best)
        confidence = self._confidence(bits)
        if is_proven and confidence >= CONFIDENCE:
            return self._verdict(best, confidence)
        room = min(slots, self._left) - len(running)
        chosen = self._choose(candidates, bits, room, running)
        if not chosen and not running:
            return self._verdict(best, confidence) if is_proven and confidence >= _LAST else self._completed()
        return [probe_of(mask) for mask in chosen]

    def _is_unbuildable(self, mask: int) -> bool:
        found = self._outcomes.get(mask)
        if found is None or mask in self._votes:
            return False
        return found[ProbeOutcome.CONFLICT] > 0 or found[ProbeOutcome.BROKEN] >= _BROKEN_MAX

    def _unmet(self, faults: Faults) -> list[Obligation]:
        once = faults == FLAKY
        return [
            obligation
            for obligation in obligations(self._builds, faults)
            if not is_met(obligation, self._votes, self._is_unbuildable, once=once)
        ]

    def _candidates(self) -> dict[int, float]:
        """Changes to check next, with what each is worth for proofs, in bits."""
        worth: dict[int, float] = {}
        for position in range(self._builds.count + 1):
            worth[mask_of(range(1, position + 1))] = 0.0
        for mask in self._votes:
            worth[mask] = 0.0
        for suspect in self._suspects()[:_SUSPECTS_MAX]:
            # Its partner is the change with which it starts to fail. Another fault is where it fails without it.
            one = 1 << suspect - 1
            for position in range(1, self._builds.count):
                prefix = mask_of(range(1, position + 1))
                mask = prefix | self._builds.alone(one) if position < suspect else prefix & self._builds.without(one)
                worth[mask] = 0.0
        proved = list(zip(self._evidence.faults, self._evidence.probabilities, strict=True))[:_PROVED_MAX]
        for faults, probability in proved:
            for obligation in self._unmet(faults):
                wanted = open_mask(obligation, self._is_unbuildable)
                if wanted is not None:
                    worth[wanted] = worth.get(wanted, 0.0) + _PROOF_WORTH * probability
        return {mask: bits for mask, bits in sorted(worth.items()) if not self._is_unbuildable(mask)}

    def _confidence(self, bits: Mapping[int, Sequence[bool]]) -> float:
        """The probability of the best hypothesis, with those that no probe separates from it."""
        vectors = list(zip(*bits.values(), strict=True))
        probabilities = self._evidence.probabilities
        alike = (p for p, vector in zip(probabilities, vectors, strict=True) if vector == vectors[0])
        return sum(alike) / sum(probabilities)

    def _choose(
        self,
        candidates: Mapping[int, float],
        bits: Mapping[int, Sequence[bool]],
        room: int,
        running: Sequence[int],
    ) -> list[int]:
        """The probes that together tell most, given those that run already."""
        probabilities = [p for p in self._evidence.probabilities if p >= _PROBABLE * self._evidence.probabilities[0]]
        bits = {mask: found[: len(probabilities)] for mask, found in bits.items()}
        cells = [0] * len(probabilities)
        for mask in running:
            cells = [2 * cell + bit for cell, bit in zip(cells, bits[mask], strict=True)]
        chosen: list[int] = []
        before = _entropy(cells, probabilities)
        while len(chosen) < room:
            scores = {
                mask: _entropy([2 * cell + bit for cell, bit in zip(cells, bits[mask], strict=True)], probabilities)
                - before + worth
                for mask, worth in candidates.items()
                if mask not in chosen and mask not in running
            }  # fmt: skip
            best = max(scores, key=lambda mask: (scores[mask], -mask), default=None)
            if best is None or (scores[best] < _GAIN_MIN and (chosen or running)) or scores[best] <= 1e-9:
                break
            chosen.append(best)
            cells = [2 * cell + bit for cell, bit in zip(cells, bits[best], strict=True)]
            before = _entropy(cells, probabilities)
        return chosen

    def _verdict(self, faults: Faults, confidence: float) -> CulpritVerdict:
        if faults in (FLAKY, BASE):
            return CulpritVerdict(VerdictKind.FLAKY if faults == FLAKY else VerdictKind.BASE, confidence=confidence)
        ordered = sorted(faults, key=lambda fault: (fault.bit_length(), fault))
        return CulpritVerdict(
            VerdictKind.CULPRITS,
            tuple(Fault(self._tasks(fault), tuple(self._proof(faults, fault))) for fault in ordered),
            confidence=confidence,
        )

    def _proof(self, faults: Faults, fault: int) -> Iterator[ProbeResult]:
        """The outcomes that are about this fault."""
        for obligation in obligations(self._builds, faults):
            if obligation.fails and obligation.fault != fault:
                continue
            for mask, (passed, failed) in self._votes.items():
                shows = failed > passed if obligation.fails else passed > failed
                inside = mask & obligation.masks[0] == (mask if obligation.fails else obligation.masks[0])
                if shows and inside:
                    outcome = ProbeOutcome.FAILED if obligation.fails else ProbeOutcome.PASSED
                    yield ProbeResult(probe_of(mask), outcome)
                    break

    def _completed(self) -> CulpritVerdict:
        """The end where no probe can tell more.

        A commit of the branch that fails right after one that passes completes a fault: it is the culprit, or the later
        one of a pair. So it is to blame in any case.
        """
        for position in range(1, self._builds.count + 1):
            before, after = mask_of(range(1, position)), mask_of(range(1, position + 1))
            passes, fails = self._votes.get(before), self._votes.get(after)
            if not passes or not fails or passes.passed <= passes.failed or fails.failed <= fails.passed:
                continue
            sure = sum(
                probability
                for faults, probability in zip(*self._evidence, strict=True)
                if breaks(faults, after) and not breaks(faults, before)
            ) / sum(self._evidence.probabilities)
            if sure >= _LAST:
                proof = (
                    ProbeResult(probe_of(after), ProbeOutcome.FAILED),
                    ProbeResult(probe_of(before), ProbeOutcome.PASSED),
                )
                fault = Fault((self._changes[position - 1].task,), proof)
                return CulpritVerdict(VerdictKind.CULPRITS, (fault,), confidence=sure)
        return self._unknown()

    def _unknown(self) -> CulpritVerdict:
        return CulpritVerdict(
            VerdictKind.UNKNOWN,
            suspects=tuple(self._changes[position - 1].task for position in self._suspects()[:_NAMED_MAX]),
            confidence=self._evidence.probabilities[0],
        )

    def _suspects(self) -> list[int]:
        """The positions of changes, the most probable ones first."""
        shares: dict[int, float] = {}
        for faults, probability in zip(*self._evidence, strict=True):
            for position in {position for fault in faults for position in positions_of(fault)}:
                shares[position] = shares.get(position, 0.0) + probability
        return sorted(shares, key=lambda position: (-shares[position], position))

    def _tasks(self, fault: int) -> tuple[str, ...]:
        return tuple(self._changes[position - 1].task for position in positions_of(fault))


def probe_of(mask: int) -> Probe:
    """The probe with these changes that takes the fewest picks and reverts."""
    last = mask.bit_length()

    def edits(upto: int) -> int:
        return (mask ^ ((1 << upto) - 1)).bit_count()

    upto = min(range(last + 1), key=lambda upto: (edits(upto), -upto))
    inside = (1 << upto) - 1
    return Probe(upto, positions_of(inside & ~mask), positions_of(mask & ~inside))


def _entropy(cells: Sequence[int], probabilities: Sequence[float]) -> float:
    mass: dict[int, float] = {}
    for cell, probability in zip(cells, probabilities, strict=True):
        mass[cell] = mass.get(cell, 0.0) + probability
    return -sum(part * math.log2(part) for part in mass.values() if part > 0)
