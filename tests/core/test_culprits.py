"""The search for who broke a check: its laws, over random histories, and its verdicts."""

import math
from collections.abc import Sequence
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.histories import BrokenHistory, Cause, Clarity, history, search
from parallelproject.core.verification.failure_report import FailureReport
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.core.verification.search import next_step, probe_of, probes_max
from parallelproject.core.verification.verdict import CulpritVerdict, VerdictKind
from tests.core.examples import examples

PASSED, FAILED = ProbeOutcome.PASSED, ProbeOutcome.FAILED
CONFLICT, BROKEN = ProbeOutcome.CONFLICT, ProbeOutcome.BROKEN
NOTHING = FailureReport()

seeds = st.integers(0, 2**32)
causes = st.sampled_from(list(Cause))
clarities = st.sampled_from(list(Clarity))
slots = st.integers(1, 6)


def changes(count: int, paths: Sequence[str] = ()) -> tuple[LandedChange, ...]:
    return tuple(LandedChange(f"t{i}", f"c{i}", (*paths, f"f{i}.py"), 10) for i in range(1, count + 1))


def lands_on(history: BrokenHistory, verdict: CulpritVerdict | None) -> set[frozenset[str]]:
    assert verdict is not None
    assert verdict.kind is VerdictKind.CULPRITS, verdict
    return {frozenset(fault.tasks) for fault in verdict.faults}


@given(seeds, causes, clarities, slots, st.integers(2, 20))
@examples(60)
def test_without_flakiness_the_verdict_is_right_always(
    seed: int, cause: Cause, clarity: Clarity, slots: int, tasks: int
) -> None:
    broken = history(seed, cause, clarity, tasks=tasks)
    cost = search(broken, slots)
    assert lands_on(broken, cost.verdict) == broken.faults
    assert cost.verifications <= probes_max(tasks)


@given(seeds, st.sets(st.integers(1, 12), min_size=3, max_size=4), slots)
@examples(15)
def test_also_with_more_culprits_than_two(seed: int, guilty: set[int], slots: int) -> None:
    landed = changes(12)
    faults = frozenset(frozenset({f"t{i}"}) for i in guilty)
    broken = BrokenHistory(landed, faults, NOTHING, seed=seed)
    cost = search(broken, slots)
    assert cost.verdict is not None
    if cost.verdict.kind is VerdictKind.CULPRITS:
        assert lands_on(broken, cost.verdict) <= faults  # all of them, unless the limit was reached
    else:  # the limit was reached first: it names some of them
        assert set(cost.verdict.suspects) & {f"t{i}" for i in guilty}


@given(seeds, causes, clarities, slots, st.floats(0, 0.5), st.floats(0, 0.5), st.booleans())
@examples(60)
def test_it_ends_and_blames_nobody_from_outside(
    seed: int, cause: Cause, clarity: Clarity, slots: int, lies: float, conflicts: float, broken_runs: bool
) -> None:
    """Whatever the check says: a check that is a coin, conflicts everywhere, probes that do not run."""
    landed = history(seed, cause, clarity, conflicts=conflicts)
    honest, chance = landed.oracle(), Random(seed)

    def verify(probe: Probe) -> ProbeOutcome:
        if broken_runs and chance.random() < 0.3:
            return BROKEN
        outcome = honest(probe)
        return chance.choice([PASSED, FAILED]) if outcome is not CONFLICT and chance.random() < lies else outcome

    cost = search(landed, slots, verify)
    assert cost.verdict is not None
    assert cost.verifications <= probes_max(len(landed.changes))
    tasks = {change.task for change in landed.changes}
    assert {task for fault in cost.verdict.faults for task in fault.tasks} | {*cost.verdict.suspects} <= tasks


@given(seeds, causes, clarities, slots)
@examples(15)
def test_every_proof_holds_on_the_outcomes(seed: int, cause: Cause, clarity: Clarity, slots: int) -> None:
    broken = history(seed, cause, clarity)
    cost = search(broken, slots)
    assert cost.verdict is not None
    for fault in cost.verdict.faults:
        assert {result.outcome for result in fault.proof} == ({PASSED, FAILED} if not fault.is_pair else {PASSED}) or (
            fault.is_pair and len(cost.verdict.faults) > 1
        )
        for probe, outcome in fault.proof:
            assert outcome in cost.outcomes[probe]
            assert (outcome is FAILED) == ({*fault.tasks} <= {*probe.tasks(broken.changes)})


@given(seeds, causes, clarities, slots)
@examples(15)
def test_the_same_outcomes_give_the_same_step(seed: int, cause: Cause, clarity: Clarity, slots: int) -> None:
    broken = history(seed, cause, clarity, flaky=True)
    known = list(search(broken, slots).outcomes.items())
    for count in range(2, len(known) + 1):
        some = known[:count]
        first = next_step(broken.changes, broken.report, dict(some), slots)
        assert next_step(broken.changes, broken.report, dict(reversed(some)), slots) == first


@given(seeds, causes, clarities, st.integers(2, 6))
@examples(15)
def test_probes_that_run_keep_their_slots_and_are_not_started_twice(
    seed: int, cause: Cause, clarity: Clarity, slots: int
) -> None:
    broken = history(seed, cause, clarity)
    verify, running, counted = broken.oracle(), list[Probe](), 0
    known = {Probe(0): [PASSED], Probe(len(broken.changes)): [FAILED, FAILED]}
    while True:
        step = next_step(broken.changes, broken.report, known, slots, running)
        if isinstance(step, CulpritVerdict):
            break
        assert not {*step} & {*running}
        assert step or running
        running += step
        counted += len(step)
        assert len(running) <= slots
        done = running.pop(0)  # outcomes come one by one
        known.setdefault(done, []).append(verify(done))
    assert lands_on(broken, step) == broken.faults
    assert counted <= probes_max(len(broken.changes))


def test_a_flaky_check_is_seen_through() -> None:
    """Failures without a reason, a fifth of all, in checks that name nothing that tells them apart."""
    right = total = 0
    for seed in range(12):
        for cause in Cause:
            broken = history(seed, cause, Clarity.NAMED, flaky=True)
            right += search(broken, 4).is_right(broken)
            total += 1
    assert right >= 0.9 * total


def test_a_check_that_passes_on_the_failed_commit_is_flaky() -> None:
    broken = BrokenHistory(changes(8), frozenset(), NOTHING)
    cost = search(broken, 4)
    assert cost.verdict is not None
    assert cost.verdict.kind is VerdictKind.FLAKY
    assert PASSED in cost.outcomes[Probe(8)]


def test_a_base_that_fails_is_nobody_s_fault() -> None:
    known: dict[Probe, list[ProbeOutcome]] = {Probe(8): [FAILED, FAILED]}
    for _ in range(probes_max(8)):
        step = next_step(changes(8), NOTHING, known, 2)
        if isinstance(step, CulpritVerdict):
            assert step.kind is VerdictKind.BASE
            assert Probe(0) in known
            return
        for probe in step:
            known.setdefault(probe, []).append(FAILED)
    pytest.fail("no verdict")


def test_one_change_alone_is_proven_by_what_is_known() -> None:
    verdict = next_step(changes(1), NOTHING, {Probe(0): [PASSED], Probe(1): [FAILED, FAILED]}, 4)
    assert isinstance(verdict, CulpritVerdict)
    assert verdict.blamed == ("t1",)


def test_a_pair_is_recognised_and_goes_to_the_later_one() -> None:
    broken = BrokenHistory(changes(6), frozenset({frozenset({"t2", "t5"})}), NOTHING)
    verdict = search(broken, 4).verdict
    assert verdict is not None
    assert verdict.faults[0].tasks == ("t2", "t5")
    assert verdict.faults[0].is_pair
    assert verdict.blamed == ("t5",)


def test_what_the_output_names_saves_verifications() -> None:
    spent = {
        clarity: sum(search(history(seed, Cause.ONE, clarity), 1).verifications for seed in range(10))
        for clarity in (Clarity.NAMED, Clarity.SILENT)
    }
    assert spent[Clarity.NAMED] < 0.7 * spent[Clarity.SILENT]
    assert spent[Clarity.NAMED] <= 40, "at most four in the mean; halving takes four and proves less"


def test_two_tasks_that_are_both_named_take_three_verifications() -> None:
    """Each fails alone, and without both the check passes: no probe is only a probe."""
    report = FailureReport(tests=frozenset({"test_f3.py::test_a", "test_f6.py::test_a"}))
    broken = BrokenHistory(changes(16), frozenset({frozenset({"t3"}), frozenset({"t6"})}), report)
    cost = search(broken, 1)
    assert lands_on(broken, cost.verdict) == broken.faults
    assert cost.verifications == 3


def test_a_pair_of_which_one_is_named_and_the_other_mentioned_takes_two_verifications() -> None:
    report = FailureReport(tests=frozenset({"test_f6.py::test_a"}), mentions=frozenset({"f3"}))
    broken = BrokenHistory(changes(16), frozenset({frozenset({"t3", "t6"})}), report)
    cost = search(broken, 1)
    assert lands_on(broken, cost.verdict) == broken.faults
    assert cost.verifications == 2


def test_the_unnamed_half_of_a_pair_is_found_by_halves() -> None:
    spent = []
    for partner in range(1, 16):
        report = FailureReport(tests=frozenset({"test_f16.py::test_a"}))
        broken = BrokenHistory(changes(16), frozenset({frozenset({f"t{partner}", "t16"})}), report)
        cost = search(broken, 1)
        assert lands_on(broken, cost.verdict) == broken.faults
        spent.append(cost.verifications)
    assert sum(spent) / len(spent) <= 2 + math.log2(15) + 1, "two for the one that is named, and one for the proof"


def test_one_failed_test_is_rarely_the_fault_of_two() -> None:
    """The task whose test fails is innocent. What a change breaks alone needs no second cause."""
    report = FailureReport(tests=frozenset({"test_f6.py::test_a"}), mentions=frozenset({"f3"}))
    broken = BrokenHistory(changes(16), frozenset({frozenset({"t3"})}), report)
    cost = search(broken, 1)
    assert lands_on(broken, cost.verdict) == broken.faults
    assert cost.verifications == 3


def test_where_git_can_build_no_probe_the_commits_of_the_branch_decide() -> None:
    everything = frozenset(range(1, 9))
    broken = BrokenHistory(changes(8), frozenset({frozenset({"t3"})}), NOTHING, conflicts=everything)
    cost = search(broken, 2)
    assert lands_on(broken, cost.verdict) == broken.faults
    assert FAILED in cost.outcomes[Probe(3)]
    assert PASSED in cost.outcomes[Probe(2)]


def test_a_change_is_probed_with_all_that_it_builds_on() -> None:
    landed = [change._replace(needs=("t1",) if change.task == "t4" else ()) for change in changes(6)]
    broken = BrokenHistory(tuple(landed), frozenset({frozenset({"t4"})}), FailureReport(paths=frozenset({"f4.py"})))
    cost = search(broken, 1)
    assert lands_on(broken, cost.verdict) == broken.faults
    for probe in cost.outcomes:
        tasks = probe.tasks(landed)
        assert "t4" not in tasks or "t1" in tasks, probe.name


def test_probes_have_names_that_are_read_back() -> None:
    for mask in range(1 << 6):
        probe = probe_of(mask)
        assert probe.mask == mask
        assert Probe.parse(probe.name) == probe
        assert probe.is_commit == (mask & (mask + 1) == 0)
    assert Probe(16, (3, 7)).name == "16-without-3-7"
    assert Probe(0, (), (5,)).name == "0-with-5"
    with pytest.raises(ValueError, match="is not a probe"):
        Probe.parse("16-with")


def test_the_limit_of_probes_grows_with_the_logarithm() -> None:
    assert [probes_max(count) for count in (1, 16, 1000)] == [17, 37, 62]
    assert len(set(combinations(range(16), 2))) > probes_max(16), "less than one probe for each pair"
