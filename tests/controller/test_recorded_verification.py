"""Nothing follows from a result of the verification before the server has it."""

from dataclasses import replace
from typing import Any

from parallelproject.controller.projects.project import Project
from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED, VerifiedWork
from parallelproject.core.report.verification_status import render_verification
from parallelproject.core.verification.record import VerificationRecord
from parallelproject.core.verification.state import Repair, VerificationState
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.job.executor import JobExecutor
from tests.controller.checks import GIT, roles, verification
from tests.controller.cluster import spec, task

EXECUTOR = JobExecutor()
WORK = VerifiedWork(1, {"a": 1})
REPAIRED = VerificationState(WORK, settled="r", repairs={"b": (Repair(1, "test", 2, "c" * 40),)})
RECORD = VerificationRecord(numbers={"test": 2}).with_state(REPAIRED, 1)


def body(version: int, verification_status: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    tasks = (task("a"), task("b"), task("c", "a", "b"))
    given = spec(
        *tasks, git=GIT, roles=roles(), defaults={"role": "coder"}, **{"verification": verification(), **fields}
    )
    status = {"observedGeneration": 1} | ({"verification": verification_status} if verification_status else {})
    metadata = {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": str(version), "generation": version}
    return {"metadata": metadata, "spec": given, "status": status}


def project(**fields: Any) -> Project:
    return Project(body(1, **fields), ObservedAttempts(EXECUTOR), EXECUTOR.problems)


def test_what_was_taken_off_the_branch_counts_also_without_checks() -> None:
    off = replace(REPAIRED, condemned=("b",), taken_out={"b": "d" * 40})
    written = render_verification(VerificationRecord().with_state(off, 1))
    found = project(verification_status=written, verification=None)
    assert found.graph is not None
    assert (found.has_record, found.graph.condemned, found.ledger.verified) == (True, {1}, None)
    assert found.rendered_record == written
    found = project(verification_status=render_verification(RECORD), verification=None)
    assert found.graph is not None
    assert (found.has_record, found.graph.condemned) == (False, frozenset())


def reruns(found: Project) -> dict[int, int]:
    assert found.graph is not None
    return found.graph.rerun_after


def test_a_repair_counts_when_the_status_has_it() -> None:
    found = project()
    assert not found.take_record(), "a status without a record is written first"
    found.record = RECORD
    assert not found.take_record()
    assert (reruns(found), found.ledger.verified) == ({}, NOTHING_VERIFIED)
    found.status = {"verification": found.rendered_record}
    assert found.take_record()
    assert (reruns(found), found.ledger.verified) == ({1: 1}, WORK)
    before = found.graph
    assert found.take_record()
    assert found.graph is before, "a graph that is made again costs a plan from scratch"


def test_an_operator_that_starts_finds_it() -> None:
    found = project(verification_status=render_verification(RECORD))
    assert (reruns(found), found.ledger.verified, found.record) == ({1: 1}, WORK, RECORD)
    assert found.take_record()


def test_another_spec_has_the_repairs_as_well() -> None:
    found = project(verification_status=render_verification(RECORD))
    found.update(body(2, render_verification(RECORD), parallelism=9))
    assert (reruns(found), found.ledger.verified) == ({1: 1}, WORK)
    found.update(body(3, render_verification(RECORD), verification=None))
    assert (reruns(found), found.ledger.verified) == ({}, None)


def test_what_somebody_else_wrote_is_written_over_and_what_an_operator_before_wrote_is_taken_over() -> None:
    found = project(verification_status=render_verification(RECORD))
    found.update(body(2))
    assert not found.take_record()
    assert found.record == RECORD
    assert reruns(found) == {1: 1}
    found.adopt_end()
    assert found.record == RECORD, "a status without any is not one of an operator"
    found.record = VerificationRecord()
    found.status = {"verification": render_verification(RECORD)}
    found.adopt_end()  # our write was refused: there was another one
    assert (found.record, reruns(found)) == (RECORD, {1: 1})
