"""One project whose work is verified, in a cluster and on this machine: the same decisions in the same order.

With one slot, all that is started has one order. In the cluster the nodes are fake; the local run lands with real git.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.controller.audit import AuditLog, history
from tests.controller.checks import GIT, Checks, roles, run_of
from tests.controller.cluster import LABEL, Json, Namespace, condition, has_completed, rows, spec, task
from tests.local.checkout import Checkout
from tests.local.runner import Runner

pytestmark = pytest.mark.cluster

TASKS = [task("a", priority=3), task("b", priority=2), task("c", priority=1), task("d", "a", "b", "c")]
FIELDS: Json = {"parallelism": 1, "defaults": {"backoffSeconds": 0, "role": "coder"}}
COMMAND = """
echo "$PPROJ_TASK_ID$PPROJ_ATTEMPT" >> "$JOURNAL"
if [ "$PPROJ_TASK_ID" = b ] && ! { [ -n "$PPROJ_FEEDBACK" ] && grep -q "breaks the check" "$PPROJ_FEEDBACK"; }
then echo bad > b.txt; else echo good > "$PPROJ_TASK_ID.txt"; fi
"""
CHECK = ["sh", "-c", "echo check >> $JOURNAL; ! grep -l bad *.txt"]


def _fields(check: Sequence[str]) -> Json:
    return {**FIELDS, "verification": {"checks": [{"name": "test", "command": list(check), "role": "checker"}]}}


def _is_broken(check: str, there: Sequence[str]) -> bool:
    return "b" in there and "b+1" not in there


def _in_cluster(ns: Namespace, audit: AuditLog) -> list[str]:
    since = audit.position()
    made = ns.create(spec(*TASKS, roles=roles(), git=GIT, **_fields(["make", "test"])))
    done = Checks(ns, _is_broken, printed="b.txt\n").wait(has_completed, "the end")
    assert condition(done, "Verified")["status"] == "True"
    assert {row["state"] for row in rows(done).values()} == {"Succeeded"}
    created = [h.value for h in history(audit.events(since, ns.name), made["metadata"]["uid"]) if h.kind == "created"]
    return [_started(job) for job in created]


def _started(job: Json) -> str:
    labels = job["metadata"]["labels"]
    if labels.get(f"{LABEL}/kind") == "Verify":
        run = run_of(job)
        return f"check{run.number} {run.probe or 'tip'}"
    return f"{labels[f'{LABEL}/task']}{labels[f'{LABEL}/attempt']}"


def _on_this_machine(folder: Path) -> list[str]:
    run = Runner(folder, {"tasks": TASKS, **_fields(CHECK)}, COMMAND, {"repository": Checkout(folder).path})
    run.run()
    probes = {
        int(file.name.split(".")[1]): json.loads(file.read_bytes())["probe"]
        for file in (run.state / "verification").glob("test.*.json")
        if ".result." not in file.name
    }
    found = []
    for line in run.journal():
        number = sum(each.startswith("check") for each in found) + 1
        found.append(f"check{number} {probes[number] or 'tip'}" if line == "check" else line)
    return found


def test_both_shells_take_the_same_decisions_in_the_same_order(ns: Namespace, audit: AuditLog, tmp_path: Path) -> None:
    here = _on_this_machine(tmp_path)
    assert here[:4] == ["a1", "b1", "c1", "check1 tip"]
    checks = [each for each in here if each.startswith("check")]
    assert len(checks) > 4, "it was searched who broke it"
    assert here[-4:] == ["b2", f"check{len(checks) - 1} tip", "d1", f"check{len(checks)} tip"]
    assert _in_cluster(ns, audit) == here
