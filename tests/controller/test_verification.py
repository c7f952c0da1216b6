"""Verification in a cluster: checks run as Jobs, who broke one repairs it, and nothing is done twice after a crash.

The nodes are fake here, and so is what the containers report; those are tested in tests/git/test_pod_check.py.
"""

import json

import pytest

from parallelproject.core.report.verification_status import read_verification
from parallelproject.core.verification.reverting import REVERT
from tests.controller.audit import AuditLog
from tests.controller.checks import (
    GIT,
    Breaks,
    Checks,
    Run,
    acted_before_written,
    broken_by,
    commit,
    most_at_once,
    roles,
    run_of,
    verification,
)
from tests.controller.cluster import LABEL, Json, Namespace, condition, has_completed, rows, spec, states, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

LEVELS = (task("a"), task("b"), task("c"), task("d", "a", "b", "c"))


def verified_spec(*tasks: Json, checks: Json | None = None, **fields: object) -> Json:
    return spec(
        *(tasks or LEVELS), git=GIT, roles=roles(), verification=checks or verification(),
        **{"defaults": {"role": "coder"}, **fields},
    )  # fmt: skip


def delivery_of(job: Json) -> Json:
    found: Json = json.loads(job["spec"]["template"]["metadata"]["annotations"][f"{LABEL}/delivery"])
    return found


def test_who_broke_a_check_repairs_it_before_the_next_level_starts(ns: Namespace) -> None:
    ns.create(verified_spec())
    ns.until(lambda: Checks(ns, broken_by("b")).pods(), "a check")
    waiting = ns.wait_state("d", "Pending", "WaitingForVerification")
    assert waiting.get("attempts") is None
    assert "it is in L1, which starts when the checks of L0 pass" in ns.why("d")
    checks = Checks(ns, broken_by("b"))
    done = checks.wait(has_completed, "the end")
    assert set(states(done).values()) == {"Succeeded"}
    assert condition(done, "Verified")["status"] == "True"
    assert condition(done, "Verified")["message"].startswith(f"L0 to L1 at {commit(5)[:10]}")
    assert {task: row["attempts"] for task, row in rows(done).items()} == {"a": 1, "b": 2, "c": 1, "d": 1}
    first, repair = ns.jobs("b")
    assert ("repair" in delivery_of(first), delivery_of(repair)["repair"]) == (False, 1)
    assert delivery_of(repair)["title"] == "Repair: b"
    told = repair["spec"]["template"]["metadata"]["annotations"][f"{LABEL}/feedback"]
    assert "it breaks the check test, alone" in told
    assert "Command: make test" in told
    assert "FAILED test_x.py::test_x" in told
    assert done["status"]["verification"]["repairs"][0]["repairs"] == 1
    ns.until(lambda: all(job["status"].get("failed") for job in checks.jobs()), "the Jobs of the others to be removed")
    assert [run_of(job) for job in checks.jobs()] == [Run("test", 1, "")], "that which failed on all keeps its log"
    reported = dict(ns.events())
    assert "b broke it" in reported["Repairing"]
    assert "Verified" in reported


def test_killed_at_any_moment_no_result_is_needed_twice_and_no_repair_is_lost(
    ns: Namespace, operator: OperatorProcess, audit: AuditLog
) -> None:
    since = audit.position()
    made = ns.create(verified_spec(parallelism=2))
    checks = Checks(ns, broken_by("b"))
    for _ in range(7):
        seen = len(checks.answered) + len(ns.jobs())
        ns.until(lambda seen=seen: _moved(checks, seen), "something to happen")
        operator.kill()
        checks.answer()  # it ends while no operator runs
        operator.start()
    done = checks.wait(has_completed, "the end")
    assert condition(done, "Verified")["status"] == "True"
    assert {task: row["attempts"] for task, row in rows(done).items()} == {"a": 1, "b": 2, "c": 1, "d": 1}
    assert len(set(checks.answered)) == len(checks.answered)
    whole = [run for run in checks.answered if run.probe == ""]
    assert len(whole) == 3, "the first level, after the repair, and the second one"
    assert [delivery_of(job).get("repair") for job in ns.jobs("b")] == [None, 1]
    events = audit.events(since, ns.name)
    assert most_at_once(events, made["metadata"]["uid"]) <= 2
    assert acted_before_written(events) == []


def _moved(checks: Checks, seen: int) -> bool:
    checks.answer()
    return len(checks.answered) + len(checks.ns.jobs()) > seen or has_completed(checks.ns.get())


def test_a_task_that_cannot_repair_it_fails_and_may_be_retried(ns: Namespace) -> None:
    ns.create(verified_spec(checks=verification(maxRepairs=1)))
    checks = Checks(ns, lambda check, there: "b" in there and "b+2" not in there)
    done = checks.wait(has_completed, "the end")
    row = rows(done)["b"]
    assert (row["state"], row["reason"], row["attempts"]) == ("Failed", "VerificationFailed", 2)
    assert states(done)["d"] == "Skipped"
    assert condition(done, "Verified")["reason"] == "VerificationFailed"
    ns.pproj("retry", "p")
    done = checks.wait(lambda p: has_completed(p) and states(p)["d"] == "Succeeded", "the second end")
    assert [delivery_of(job).get("repair") for job in ns.jobs("b")] == [None, 1, 2]
    assert condition(done, "Verified")["status"] == "True"


REVERTS = verification(maxRepairs=0, afterMaxRepairs="Revert")
OFF = (task("a"), task("b"), task("c"), task("d", "a", "c"), task("e", "b"))


def ever(*names: str) -> Breaks:
    """A check fails while one of these has work there, whatever repairs it."""
    return lambda check, there: any(each.partition("+")[0] in names for each in there)


def test_work_that_is_not_repaired_is_taken_off_the_branch_and_the_rest_goes_on(ns: Namespace) -> None:
    ns.create(verified_spec(*OFF, checks=REVERTS, failurePolicy="Continue"))
    checks = Checks(ns, ever("b"))
    done = checks.wait(has_completed, "the end")
    row = rows(done)["b"]
    assert (row["state"], row["reason"], row["attempts"]) == ("Failed", "VerificationFailed", 1)
    assert [states(done)[task] for task in "acde"] == ["Succeeded", "Succeeded", "Succeeded", "Skipped"]
    assert checks.landed[3] == "-b"
    assert sorted(checks.landed[4:]) == ["d"]
    assert [run.number for run in checks.answered if run.check == REVERT.name] == [1]
    assert condition(done, "Verified")["status"] == "True"
    assert "without what was taken off the branch: b" in condition(done, "Verified")["message"]
    assert done["status"]["verification"]["reverted"] == ["b"]
    reported = dict(ns.events())
    assert "b broke it" in reported["Reverting"]
    assert f"taken off the branch by {commit(4)[:10]}: b" in reported["Reverted"]
    ns.until(lambda: not [job for job in checks.jobs() if run_of(job).check == REVERT.name], "its Job to be removed")

    checks.breaks = broken_by()
    ns.pproj("retry", "p")
    done = checks.wait(lambda p: has_completed(p) and states(p)["e"] == "Succeeded", "the second end")
    assert set(states(done).values()) == {"Succeeded"}
    first, again = ns.jobs("b")
    assert ("repair" in delivery_of(first), delivery_of(again)["repair"]) == (False, 1), "its landing is another one"
    told = again["spec"]["template"]["metadata"]["annotations"][f"{LABEL}/feedback"]
    assert f"Commit {commit(4)[:12]} took this work off the branch" in told
    assert condition(done, "Verified")["status"] == "True"
    assert "reverted" not in done["status"]["verification"]


def test_killed_at_any_moment_work_is_taken_out_once(ns: Namespace, operator: OperatorProcess, audit: AuditLog) -> None:
    since = audit.position()
    made = ns.create(verified_spec(*OFF, checks=REVERTS, parallelism=2, failurePolicy="Continue"))
    checks = Checks(ns, ever("b"))
    ns.until(lambda: _is_reverting(checks), "the status to say what is taken out")
    operator.kill()
    operator.start()
    ns.until(lambda: [job for job in checks.jobs() if run_of(job).check == REVERT.name], "the revert")
    operator.kill()
    ns.until(lambda: (checks.answer(), checks.reverts)[1], "it to end while no operator runs")
    operator.start()
    done = checks.wait(has_completed, "the end")
    assert condition(done, "Verified")["status"] == "True"
    assert checks.landed.count("-b") == 1
    assert [run.number for run in checks.answered if run.check == REVERT.name] == [1], "its result was recorded"
    assert {task: row.get("attempts") for task, row in rows(done).items() if task != "e"} == dict.fromkeys("abcd", 1)
    events = audit.events(since, ns.name)
    assert most_at_once(events, made["metadata"]["uid"]) <= 2
    assert acted_before_written(events) == []


def _is_reverting(checks: Checks) -> bool:
    if read_verification(checks.ns.get().get("status", {})).state.reverting:
        return True
    checks.answer()
    return False


def test_a_revert_that_cannot_be_made_stops_the_project_and_keeps_its_log(ns: Namespace) -> None:
    ns.create(verified_spec(*OFF, checks=REVERTS, failurePolicy="Continue"))
    checks = Checks(ns, ever("b"))
    checks.refused = "one.txt: somebody else builds on it"
    done = checks.wait(has_completed, "the end")
    assert condition(done, "Verified")["reason"] == "RevertFailed"
    assert "somebody else builds on it" in condition(done, "Verified")["message"]
    assert condition(done, "NeedsAttention")["status"] == "True"
    assert [run_of(job).number for job in checks.jobs() if run_of(job).check == REVERT.name] == [1]
    checks.refused = ""
    ns.pproj("retry", "p")
    done = checks.wait(lambda p: has_completed(p) and states(p)["d"] == "Succeeded", "the second end")
    assert checks.landed.count("-b") == 1
    assert states(done)["b"] == "Failed"


def test_without_checks_what_was_taken_out_still_has_failed_and_lands_again(
    ns: Namespace, operator: OperatorProcess
) -> None:
    ns.create(verified_spec(*OFF, checks=REVERTS, failurePolicy="Continue"))
    checks = Checks(ns, ever("b"))
    checks.wait(has_completed, "the end")
    ns.patch({"verification": None})
    ns.wait(lambda p: p["status"]["observedGeneration"] == p["metadata"]["generation"], "the new spec")
    operator.kill()
    operator.start()
    ns.patch({"parallelism": 7})
    done = ns.wait(lambda p: p["status"]["observedGeneration"] == p["metadata"]["generation"], "another one")
    assert (states(done)["b"], rows(done)["b"]["reason"]) == ("Failed", "VerificationFailed")
    assert done["status"]["verification"]["reverted"] == ["b"]
    ns.pproj("retry", "p")
    done = ns.wait(lambda p: has_completed(p) and states(p)["e"] == "Succeeded", "the second end")
    assert [delivery_of(job).get("repair") for job in ns.jobs("b")] == [None, 1]
    assert set(states(done).values()) == {"Succeeded"}


def test_a_broken_base_stops_the_project_until_it_is_retried(ns: Namespace) -> None:
    ns.create(verified_spec())
    checks = Checks(ns, lambda check, there: True)
    done = checks.wait(has_completed, "the end")
    assert states(done) == {"a": "Succeeded", "b": "Succeeded", "c": "Succeeded", "d": "Skipped"}
    assert condition(done, "Verified")["reason"] == "BaseFailed"
    assert done["status"]["verification"]["stopped"] is True
    checks.breaks = broken_by()
    assert "what has landed is verified again" in ns.pproj("retry", "p").stdout
    done = checks.wait(lambda p: has_completed(p) and states(p)["d"] == "Succeeded", "the second end")
    assert condition(done, "Verified")["status"] == "True"
    assert {row["attempts"] for row in done["status"]["tasks"]} == {1}, "no task runs again"
    assert not done["spec"].get("retries")


def test_a_run_without_a_report_runs_again_and_is_no_failure(ns: Namespace) -> None:
    ns.create(verified_spec(task("a")))
    checks = Checks(ns, broken_by())
    (pod,) = ns.until(checks.pods, "a check")
    assert checks.end(pod, 1, ("", ""))
    done = checks.wait(has_completed, "the end")
    assert checks.answered == [Run("test", 2, "")]
    assert condition(done, "Verified")["status"] == "True"
    runs = read_verification(done["status"]).runs
    assert [(run.number, run.outcome.value) for run in runs] == [(1, "Broken"), (2, "Passed")]


def test_a_project_that_is_stopped_or_deleted_leaves_no_check(ns: Namespace) -> None:
    ns.create(verified_spec())
    checks = Checks(ns, broken_by())
    ns.until(checks.pods, "a check")
    ns.patch({"stop": True})
    ns.wait_end()
    ns.until(lambda: not checks.pods(), "the check to be stopped")
    ns.pproj("retry", "p")
    done = checks.wait(has_completed, "the end")
    assert condition(done, "Verified")["status"] == "True"
    ns.delete()
    ns.until(lambda: not ns.jobs(), "all Jobs to go with it")


def test_where_it_cannot_be_verified_it_is_not_accepted(ns: Namespace) -> None:
    body = verified_spec()
    del body["git"]
    ns.create(body)
    refused = ns.wait(lambda p: condition(p, "Accepted")["status"] == "False", "a refusal")
    assert "spec.verification: needs a repository" in condition(refused, "Accepted")["message"]


def test_checks_count_for_the_limits_that_projects_share(ns: Namespace, audit: AuditLog) -> None:
    ns.kubectl("annotate", "namespace", ns.name, f"{LABEL}/max-concurrent-tasks=1")
    ns.create(spec(task("before", hold=True)), "other")
    ns.wait_state("before", "Running", name="other")
    ns.create(verified_spec(checks=verification("one", "two")))
    ns.wait_state("a", "Pending", "WaitingForCapacity")  # the limit is known
    since = audit.position()
    ns.release("before", name="other")
    checks = Checks(ns, broken_by("b"))
    done = checks.wait(has_completed, "the end")
    assert condition(done, "Verified")["status"] == "True"
    assert {run.check for run in checks.answered} == {"one", "two"}
    assert most_at_once(audit.events(since, ns.name), done["metadata"]["uid"]) == 1
