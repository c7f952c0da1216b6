"""One project of steps and gates, in a cluster and on this machine: the same decisions in the same order.

With one slot, all that is started has one order. In the cluster the nodes are fake; the local run lands with real git.
"""

from pathlib import Path

import pytest

from parallelproject.local.read import read_run
from tests.controller.audit import AuditLog, history
from tests.controller.cluster import Json, Namespace, has_completed, role, rows, spec, task
from tests.controller.stepped import GIT, At, End, Steps, at_of, killed, rejected
from tests.local.checkout import Checkout
from tests.local.runner import Runner

pytestmark = pytest.mark.cluster

NOTE = 'echo "$PPROJ_TASK_ID$PPROJ_ATTEMPT $PPROJ_STEP" >> $JOURNAL; '
REJECTED = frozenset({("a", "review", 1), ("b", "test", 1), ("b", "test", 2), ("b", "test", 3), ("d", "review", 1)})
"""What gates reject, by task, step and round."""
KILLED = frozenset({"c2 review"})
"""Gates that are killed, so that there is no verdict. Nothing else is ready then: a slot is free before its Job has
failed, and others would go first."""
JUDGED = (
    'case "$PPROJ_TASK_ID$PPROJ_ATTEMPT $PPROJ_STEP" in '
    + "|".join(f'"{each}"' for each in sorted(KILLED))
    + ") kill -9 $$$$;; esac; "
    + 'case "$PPROJ_TASK_ID $PPROJ_STEP $PPROJ_ROUND" in '
    + "|".join(f'"{task} {step} {round}"' for task, step, round in sorted(REJECTED))
    + ") exit 1;; esac"
)
STEPS = [
    {"name": "review", "role": "reviewer", "gate": True},
    {"name": "format", "gate": False},
    {"name": "test", "gate": True, "maxRounds": 1},
]
TASKS = [
    task("a", priority=3, hold=True, steps=["review"]),
    task("b", priority=2, hold=True, steps=["format", "test"]),
    task("c", "a", "d", hold=True),
    task("d", "a", hold=True, priority=1, steps=["review", "test"]),
    task("e", "b", hold=True),
]
FIELDS: Json = {
    "parallelism": 1, "scheduling": "Graph", "failurePolicy": "Continue",
    "defaults": {"backoffSeconds": 0, "role": "coder"},
}  # fmt: skip
STATES = {"a": "Succeeded", "b": "Failed", "c": "Succeeded", "d": "Succeeded", "e": "Skipped"}


def _fields() -> Json:
    command = {step["name"]: JUDGED if step["gate"] else "echo $PPROJ_TASK_ID >> formatted.txt" for step in STEPS}
    steps = [step | {"command": ["sh", "-c", NOTE + command[str(step["name"])]]} for step in STEPS]
    return {**FIELDS, "steps": steps}


def _ends(at: At) -> End | None:
    if str(at) in KILLED:
        return killed()
    return rejected("no") if (at.task, at.step, at.round) in REJECTED else None


def _in_cluster(ns: Namespace, audit: AuditLog) -> tuple[list[str], Json]:
    since = audit.position()
    made = ns.create(spec(*TASKS, roles=[role(), role("reviewer")], git=GIT, **_fields()))
    done = Steps(ns, _ends).wait(has_completed, "the end")
    created = [h.value for h in history(audit.events(since, ns.name), made["metadata"]["uid"]) if h.kind == "created"]
    return [str(at_of(job)) for job in created], rows(done)


def _on_this_machine(folder: Path) -> tuple[list[str], Json]:
    roles = [{"name": "coder"}, {"name": "reviewer"}]
    work = NOTE + "echo $PPROJ_ATTEMPT > $PPROJ_TASK_ID.txt"
    run = Runner(folder, {"tasks": TASKS, "roles": roles, **_fields()}, work, {"repository": Checkout(folder).path})
    run.run(1)
    found = read_run(run.state)
    assert found is not None
    return [line.strip() for line in run.journal()], rows(found)


def test_both_shells_take_the_same_decisions_in_the_same_order(ns: Namespace, audit: AuditLog, tmp_path: Path) -> None:
    here, on_machine = _on_this_machine(tmp_path)
    assert {task: row["state"] for task, row in on_machine.items()} == STATES
    assert here[:4] == ["a1", "a2 review", "a3", "a4 review"]
    assert here[-6:] == ["c1", "c2 review", "c3 review", "c4 format", "c5 review", "c6 test"]
    there, in_cluster = _in_cluster(ns, audit)
    assert there == here
    fields = ("state", "reason", "attempts", "failures", "steps", "step")
    for task_id, row in in_cluster.items():
        found = {field: row.get(field) for field in fields}
        assert found == {field: on_machine[task_id].get(field) for field in fields}
