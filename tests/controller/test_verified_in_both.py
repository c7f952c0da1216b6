"""One project whose work is verified, in a cluster and on this machine: the same decisions in the same order.

With one slot, all that is started has one order. In the cluster the nodes are fake; the local run lands with real git.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from parallelproject.core.verification.reverting import REVERT
from parallelproject.local.start import EXIT_FAILED
from parallelproject.local.state.store import AttemptRow
from parallelproject.model.work import WorkKind
from tests.controller.audit import AuditLog, history
from tests.controller.checks import GIT, Breaks, Checks, roles, run_of
from tests.controller.cluster import LABEL, Json, Namespace, condition, has_completed, rows, spec, task
from tests.local.checkout import Checkout
from tests.local.runner import Runner

pytestmark = pytest.mark.cluster

TASKS = [task("a", priority=3), task("b", priority=2), task("c", priority=1), task("d", "a", "b", "c"), task("e", "a")]
FIELDS: Json = {"parallelism": 1, "defaults": {"backoffSeconds": 0, "role": "coder"}}
COMMAND = """
echo "$PPROJ_TASK_ID$PPROJ_ATTEMPT" >> "$JOURNAL"
if [ "$PPROJ_TASK_ID" = b ] && ! { [ -n "$PPROJ_FEEDBACK" ] && grep -q "breaks the check" "$PPROJ_FEEDBACK"; }
then echo bad > b.txt; else echo good > "$PPROJ_TASK_ID.txt"; fi
"""
NEVER = """
echo "$PPROJ_TASK_ID$PPROJ_ATTEMPT" >> "$JOURNAL"
if [ "$PPROJ_TASK_ID" = b ]; then echo "bad $PPROJ_ATTEMPT" > b.txt; else echo good > "$PPROJ_TASK_ID.txt"; fi
"""
"""Nothing that b does passes the check."""
CHECK = ["sh", "-c", "echo check >> $JOURNAL; ! grep -l bad *.txt"]


REVERTS: Json = {"maxRepairs": 1, "afterMaxRepairs": "Revert"}


def _fields(check: Sequence[str], verification: Json) -> Json:
    checks = [{"name": "test", "command": list(check), "role": "checker"}]
    return {**FIELDS, "failurePolicy": "Continue", "verification": {"checks": checks, **verification}}


def _is_broken(check: str, there: Sequence[str]) -> bool:
    return "b" in there and "b+1" not in there


def _has_b(check: str, there: Sequence[str]) -> bool:
    return "b" in there


def _in_cluster(ns: Namespace, audit: AuditLog, breaks: Breaks, verification: Json, failed: set[str]) -> list[str]:
    since = audit.position()
    made = ns.create(spec(*TASKS, roles=roles(), git=GIT, **_fields(["make", "test"], verification)))
    done = Checks(ns, breaks, printed="b.txt\n").wait(has_completed, "the end")
    assert condition(done, "Verified")["status"] == "True"
    assert {task for task, row in rows(done).items() if row["state"] != "Succeeded"} == failed
    created = [h.value for h in history(audit.events(since, ns.name), made["metadata"]["uid"]) if h.kind == "created"]
    return [_started(job) for job in created]


def _started(job: Json) -> str:
    labels = job["metadata"]["labels"]
    if labels.get(f"{LABEL}/kind") == "Verify":
        run = run_of(job)
        kind = "revert" if run.check == REVERT.name else "check"
        return f"{kind}{run.number} {run.probe or 'tip'}"
    return f"{labels[f'{LABEL}/task']}{labels[f'{LABEL}/attempt']}"


def _on_this_machine(folder: Path, command: str, verification: Json, code: int = 0) -> list[str]:
    fields = {"tasks": TASKS, **_fields(CHECK, verification)}
    run = Runner(folder, fields, command, {"repository": Checkout(folder).path})
    run.run(code)
    return [_named(run, row) for row in sorted(run.attempts(), key=lambda row: row.started)]


def _named(run: Runner, row: AttemptRow) -> str:
    key = row.key
    if key.kind is not WorkKind.VERIFY:
        return f"{key.task}{key.attempt}"
    given = json.loads((run.state / "verification" / f"{key.step}.{key.attempt}.json").read_bytes())
    kind = "revert" if key.step == REVERT.name else "check"
    return f"{kind}{key.attempt} {given['probe'] or 'tip'}"


def test_both_shells_take_the_same_decisions_in_the_same_order(ns: Namespace, audit: AuditLog, tmp_path: Path) -> None:
    here = _on_this_machine(tmp_path, COMMAND, {})
    assert here[:4] == ["a1", "b1", "c1", "check1 tip"]
    checks = [each for each in here if each.startswith("check")]
    assert len(checks) > 4, "it was searched who broke it"
    assert here[-5:] == ["b2", f"check{len(checks) - 1} tip", "d1", "e1", f"check{len(checks)} tip"]
    assert _in_cluster(ns, audit, _is_broken, {}, set()) == here


def test_both_shells_take_work_off_the_branch_at_the_same_point(ns: Namespace, audit: AuditLog, tmp_path: Path) -> None:
    here = _on_this_machine(tmp_path, NEVER, REVERTS, EXIT_FAILED)
    there = _in_cluster(ns, audit, _has_b, REVERTS, {"b", "d"})
    assert here[:4] == ["a1", "b1", "c1", "check1 tip"]
    assert [each for each in here if each[0] == "b"] == ["b1", "b2"]
    count = sum(each.startswith("check") for each in here)
    assert here[-4:] == ["revert1 tip", f"check{count - 1} tip", "e1", f"check{count} tip"]
    assert there == here
