"""The example does what it says: ``kubectl apply`` launches a Workflow a task, level by level up to the cap."""

from pathlib import Path

import pytest

from tests.argo.project import WorkflowNamespace
from tests.controller.cluster import condition, states

pytestmark = pytest.mark.cluster

EXAMPLE = Path(__file__).parents[2] / "manifests" / "examples" / "workflow.yaml"
LEVELS = [{"schema", "style"}, {"server", "client", "pages", "docs"}, {"release"}]
CAP = 3


def test_kubectl_apply_launches_a_workflow_a_task_level_by_level_up_to_the_cap(ns: WorkflowNamespace) -> None:
    ns.hold_all()
    ns.kubectl("apply", "--server-side", "-f", str(EXAMPLE))
    started: list[set[str]] = []
    for level in LEVELS:
        left = set(level)
        while left:
            expected = min(CAP, len(left))
            ns.until(lambda expected=expected: len(ns.held_tasks()) == expected, f"{expected} of {left} to run")
            running = ns.held_tasks()
            assert running <= left, "a task of another level runs"
            started.append(running)
            first = sorted(running)[0]
            ns.let_go(first)
            left.remove(first)
            ns.wait(lambda project, first=first: states(project)[first] == "Succeeded", f"{first} to end", "workflow")
    assert max(map(len, started)) == CAP
    done = ns.wait_end("workflow")
    assert condition(done, "Succeeded")["status"] == "True"
    assert sorted(each["metadata"]["labels"]["parallelproject.io/task"] for each in ns.workflows()) == sorted(
        task for level in LEVELS for task in level
    )
    assert ns.jobs() == []
