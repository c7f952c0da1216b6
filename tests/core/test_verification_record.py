"""What the status records of a verification is enough to continue it, and stays small."""

import json
import random
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED, VerifiedWork
from parallelproject.core.report.verification_status import read_verification, render_verification
from parallelproject.core.verification.check_run import CheckRun
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.packed_lines import pack, unpack
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.core.verification.record import PRINTED_BYTES, VerificationRecord
from parallelproject.core.verification.revert_message import taken_out_message
from parallelproject.core.verification.reverting import REVERT
from parallelproject.core.verification.state import PassedCheck, Repair, VerificationState
from parallelproject.executors.base.cluster_checks import _VERIFICATION_BYTES, bytes_of_verification
from parallelproject.model.crd import crd
from parallelproject.model.spec import Spec
from parallelproject.model.verification_status import VerificationStatus
from tests.core.broken_backlogs import broken_backlogs, broken_by
from tests.core.examples import examples
from tests.core.test_verifying import CHECKS, LEVELS, never_repaired
from tests.core.verified_world import VerifiedWorld


class RecordedWorld(VerifiedWorld):
    """Knows in each step of ended runs only what the status has, which is written and read between all steps."""

    record = VerificationRecord()
    largest = 0

    def step(self) -> bool:
        ended = [run for run in self.runs if run.outcome]
        numbers = [(run.check, run.number) for run in ended if run.revision]
        recorded = self.record.with_ended(ended).with_state(self.state, 3)
        for run in ended:
            assert not recorded.is_to_be_recorded(run), "recorded once"
        written = render_verification(recorded)
        VerificationStatus.model_validate(written)
        text = json.dumps(written)
        self.largest = max(self.largest, len(text))
        self.record = read_verification({"verification": json.loads(text)})
        assert self.record == recorded
        self.state = self.record.state
        self.graph = self.base.with_repairs(self.state.floors, self.state.condemned)
        self.runs = self.record.as_runs(self.graph) + [run for run in self.runs if not run.outcome]
        assert {(run.check, run.number) for run in self.runs} >= {(c, self.record.numbers[c]) for c, _ in numbers}
        return super().step()

    def started(self) -> int:
        return sum(self.record.numbers.values())


def both(breaks: Any, tasks: list[dict[str, Any]], **spec: Any) -> tuple[RecordedWorld, VerifiedWorld]:
    """The same project with and without what is not recorded."""
    fields = {"tasks": tasks, "verification": {"checks": CHECKS}, "parallelism": 4, **spec}
    return RecordedWorld(breaks, **fields), VerifiedWorld(breaks, **fields)


@examples(60)
@given(st.data())
def test_what_is_recorded_leads_to_the_same_decisions(data: st.DataObject) -> None:
    backlog = data.draw(broken_backlogs())
    recorded, plain = both(backlog.breaks, backlog.tasks, parallelism=data.draw(st.integers(1, 4)))
    recorded.run()
    plain.run()
    assert recorded.violations == []
    assert recorded.landed == plain.landed
    assert recorded.repaired() == plain.repaired()
    assert (recorded.states(), recorded.condition) == (plain.states(), plain.condition)
    assert recorded.started() == len(plain.runs), "no run for a result that is recorded"


@examples(60)
@given(st.data())
def test_what_is_recorded_of_reverts_leads_to_the_same_decisions(data: st.DataObject) -> None:
    backlog = data.draw(broken_backlogs())
    settings = {"checks": CHECKS, "maxRepairs": data.draw(st.integers(0, 1)), "afterMaxRepairs": "Revert"}
    slots = data.draw(st.integers(1, 4))
    recorded, plain = both(backlog.breaks, backlog.tasks, verification=settings, parallelism=slots)
    recorded.run()
    plain.run()
    assert recorded.violations == []
    assert recorded.landed == plain.landed
    assert (recorded.states(), recorded.condition) == (plain.states(), plain.condition)
    assert (recorded.state.taken_out, recorded.state.reverts) == (plain.state.taken_out, plain.state.reverts)
    assert recorded.started() == len(plain.runs), "no run for a result that is recorded"


def test_a_revert_is_known_also_where_a_check_that_was_stopped_for_it_ends_later() -> None:
    said = taken_out_message("c" * 40, ["b"], ["a", "b"])
    done = CheckRun(REVERT.name, 1, "revert-1", None, ProbeOutcome.PASSED, None, said)
    late = CheckRun("test", 5, "r.x", None, ProbeOutcome.STOPPED)
    state = VerificationState(NOTHING_VERIFIED._replace(is_reverting=True), reverting=("b",))
    record = VerificationRecord().with_state(state, 1)
    for ended in ([done, late], [late, done]):
        found = record.with_ended(ended)
        read = read_verification({"verification": render_verification(found)})
        assert read == found
        (known,) = (run for run in found.runs if run.check == REVERT.name)
        assert json.loads(unpack(known.printed)) == json.loads(said)
    ended_state = VerificationState(reverts=1)
    later = found.with_state(ended_state, 1).with_ended([late._replace(number=6, revision="s.x")])
    assert [run.check for run in later.runs] == ["test"], "then it counts no more"


@pytest.mark.parametrize("length", [5, 20, 63])
def test_the_record_of_a_revert_of_all_tasks_fits_into_the_status(length: int) -> None:
    drawn = random.Random(length)
    names = ["".join(drawn.choices(string.ascii_lowercase, k=length)) for _ in range(2_000)]
    commit = drawn.randbytes(20).hex()
    repair = Repair(3, "a" * 63, 4, commit)
    state = VerificationState(
        VerifiedWork(9, dict.fromkeys(names, 3)), repairs=dict.fromkeys(names, (repair,)), condemned=tuple(names),
        taken_out=dict.fromkeys(names, commit),
    )  # fmt: skip
    written = render_verification(VerificationRecord(state=state))
    Draft202012Validator(_schema_of_verification()).validate(written)
    assert written["reverted"] == names
    assert VerificationStatus.model_validate(written).reverted == names
    given = Spec.model_validate({
        "tasks": [{"id": name} for name in names],
        "verification": {"checks": [{"name": "a", "command": ["x"]}], "afterMaxRepairs": "Revert"},
    })  # fmt: skip
    assert len(json.dumps(written)) < bytes_of_verification(given)


def test_a_repair_has_the_output_of_the_run_that_failed_and_older_runs_are_dropped() -> None:
    printed = "FAILED test_b.py::test_b - assert 1 == 2\n1 failed\n"
    recorded = RecordedWorld(
        broken_by("b", "d"), prints=lambda there: printed, tasks=LEVELS, verification={"checks": CHECKS}, parallelism=4
    )
    said = []
    for _ in range(200):
        if not recorded.step():
            break
        said += [recorded.record.printed(repairs[-1]) for repairs in recorded.state.repairs.values()]
    assert recorded.repaired() == {"b": 1, "d": 1}
    assert printed in said
    known = {(run.check, run.number) for run in recorded.record.runs}
    assert len(known) < sum(recorded.record.numbers.values()), "older ones are dropped"


def test_a_run_that_was_only_stopped_has_its_number_and_no_result() -> None:
    stopped = CheckRun("test", 1, "", None, ProbeOutcome.STOPPED)
    record = VerificationRecord().with_ended([stopped])
    assert (record.runs, record.numbers) == ((), {"test": 1})
    graph = RecordedWorld(never_repaired("a"), tasks=LEVELS, verification={"checks": CHECKS}).graph
    assert [run.number for run in record.as_runs(graph)] == [1]


def test_late_runs_of_what_has_a_result_are_not_recorded_and_runs_end_in_any_order() -> None:
    def run(number: int, revision: str) -> CheckRun:
        return CheckRun("test", number, revision, Probe(number), ProbeOutcome.PASSED)

    record = VerificationRecord().with_ended([run(2, "a"), run(1, "a")])
    assert [each.number for each in record.runs] == [2, 1]
    record = record.with_ended([run(4, "b")])
    assert record.with_ended([run(3, "a")]) is record
    assert [each.number for each in record.with_ended([run(5, "b")]).runs] == [4, 5]


@pytest.mark.parametrize("checks", [1, 20])
def test_many_runs_that_print_much_stay_within_their_bytes(checks: int) -> None:
    noise = "\n".join(f"FAILED tests/test_{i}.py::test_{hash((i, 7))}" for i in range(150))
    changes = tuple(LandedChange(f"t{i}", "", (f"src/{i}.py",), i) for i in range(100))
    runs = [
        CheckRun(
            f"check{c}", n, "r", Probe(99, (n,)) if n > 2 else None, ProbeOutcome.FAILED,
            LandedWork("b" * 40, "t" * 40, changes) if n <= 2 else None, noise,
        )
        for c in range(checks)
        for n in range(1, 40 if checks > 1 else 125)
    ]  # fmt: skip
    record = VerificationRecord().with_ended(runs)
    written = render_verification(record)
    VerificationStatus.model_validate(written)
    _, *rows = (json.loads(line) for line in unpack("".join(written["record"])).splitlines())
    assert sum(len(row.get("printed", "")) for row in rows) <= PRINTED_BYTES
    assert sum("work" in row for row in rows) == 1, "what several have found is written once"
    assert sum(map(len, written["record"])) < 200_000
    assert read_verification({"verification": written}) == record
    whole = [run for run in record.runs if run.probe is None]
    assert all(run.printed for run in whole), "those on the tip are what people and tasks read"


def test_what_somebody_else_has_written_is_read_or_counts_as_nothing() -> None:
    state = VerificationState(
        VerifiedWork(3, {"b": 2}), {"test": "f"}, {"test": PassedCheck("f", "c" * 40)}, 2, settled="r",
        repairs={"b": (Repair(2, "test", 4, "c" * 40, "a"),)},
    )  # fmt: skip
    record = VerificationRecord(numbers={"test": 4}).with_state(state, 5)
    written = render_verification(record)
    assert read_verification({"verification": written}) == record
    for text in ([pack('{"state": {}}\n')], [pack("no\n")], [{"check": "x"}], 3, ["no"], []):
        assert read_verification({"verification": {**written, "record": text}}) == VerificationRecord()
    whole = unpack("".join(written["record"]))
    broken = pack(whole + '{"check": "x"}\n')
    assert read_verification({"verification": {**written, "record": [broken]}}) == VerificationRecord()
    assert read_verification({"verification": "no"}) == VerificationRecord()
    assert read_verification({}) == VerificationRecord()


def test_a_repair_that_is_cancelled_leaves_the_one_before_as_it_was() -> None:
    """A project that is started again after a task has failed verifies its work again, and does not run it again."""
    repairs = tuple(Repair(floor, "test", number, "c" * 40) for number, floor in enumerate((1, 3, 4), start=1))
    state = VerificationState(repairs={"b": repairs}, condemned=("b",), condition=("False", "VerificationFailed", "x"))
    recorded = VerificationRecord().with_state(state, 1)
    read = read_verification({"verification": render_verification(recorded)}).state
    assert len(read.repairs["b"]) == 3
    assert read.started_again().floors == state.started_again().floors == {"b": 3}


def test_hundreds_of_repaired_tasks_fit_into_a_status_and_decide_as_before() -> None:
    """Each breaks a check in a verification of its own, and prints much."""
    drawn = random.Random(3)

    def noise() -> str:
        return "\n".join(
            f"FAILED tests/test_{drawn.randbytes(20).hex()}.py::test_it - assert 1 == 2" for _ in range(60)
        )

    names = [f"{drawn.randbytes(28).hex()}{n:05}" for n in range(1_000)]
    changes = [LandedChange(name, "", (f"src/{name}.py",), 3) for name in names]
    record, state = VerificationRecord(), VerificationState()
    for n, name in enumerate(names[:400], start=1):
        commits = [drawn.randbytes(20).hex() for _ in range(2)]
        work = LandedWork(commits[0], commits[1], tuple(drawn.sample(changes, 20)))
        runs = [
            CheckRun("test", 2 * n - 1, f"r{n}.x", None, ProbeOutcome.FAILED, work, noise()),
            CheckRun("test", 2 * n, f"r{n}.x", Probe(19, (3,)), ProbeOutcome.FAILED, None, noise()),
        ]
        repair = Repair(n, "test", 2 * n - 1, commits[1], names[-n])
        state = replace(
            state, verified=VerifiedWork(9, dict.fromkeys(names, n)), repairs={**state.repairs, name: (repair, repair)}
        )
        record = record.with_ended(runs).with_state(state, n)
    written = render_verification(record)
    Draft202012Validator(_schema_of_verification()).validate(written)
    assert len(json.dumps(written)) < _VERIFICATION_BYTES
    assert record.state.repairs.keys() == set(names[:400]), "whoever was repaired is known"
    latest = [run for run in record.runs if run.revision == "r400.x"]
    assert [(run.number, bool(run.work), bool(run.printed)) for run in latest] == [
        (799, True, True),
        (800, False, True),
    ]
    assert record.printed(record.state.repairs[names[399]][-1])
    assert record.printed(record.state.repairs[names[395]][-1]), "the latest outputs are kept"
    assert record.printed(record.state.repairs[names[0]][-1]) is None
    assert read_verification({"verification": written}) == record


def test_a_record_of_which_a_part_is_missing_counts_as_nothing() -> None:
    written = render_verification(VerificationRecord(numbers={f"check{i}": i for i in range(500)}))
    (text,) = written["record"]
    assert read_verification({"verification": {**written, "record": [text[:-20]]}}) == VerificationRecord()


def _schema_of_verification() -> Any:
    (version,) = crd()["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["verification"]
