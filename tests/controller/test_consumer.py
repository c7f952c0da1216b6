"""Somebody new hears what happens to the projects of a cluster, without a change anywhere else."""

from pathlib import Path

import pytest

from rig import ControlPlane
from tests.controller.cluster import Namespace, spec, task
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster
HEARD = """
from parallelproject.controller.process import consumers
from parallelproject.controller.projects.feed import Moment
class Heard:
    moment = Moment.WRITTEN
    def take(self, project, events):
        with open({file!r}, "a") as out:
            out.writelines(f"{{project.owner.namespace}} {{e.what}} {{e.task}}".strip() + "\\n" for e in events)
class Broken(Heard):
    def take(self, project, events):
        raise RuntimeError("out of order")
consumers.CONSUMERS = (lambda parts: Broken(), *consumers.CONSUMERS, lambda parts: Heard())
"""


def test_a_new_consumer_hears_all_of_a_project(
    cluster: ControlPlane, operator: OperatorProcess, ns: Namespace, tmp_path: Path
) -> None:
    file = tmp_path / "heard"
    with in_place_of(operator, OperatorProcess(cluster, name="heard", patch=HEARD.format(file=str(file)))):
        ns.create(
            spec(task("a"), task("b", "a", fail_attempts=1), task("c", "b", fail_attempts=9), failurePolicy="Continue")
        )
        ns.wait_end()
        ns.until(lambda: f"{ns.name} Completed\n" in file.read_text(), "the end to be recorded")
    heard = [line.partition(" ")[2] for line in file.read_text().splitlines() if line.startswith(ns.name)]
    assert heard[:2] == ["Found", "Accepted"]
    assert heard[-1] == "Completed"
    assert sorted(line for line in heard if not line.startswith("Changed")) == sorted(
        [
            "Found", "Accepted", "Completed", *["LevelCompleted"] * 3, "Started a", "Succeeded a",
            *["Started b", "Failed b", "Started b", "Succeeded b"],
            *["Started c", "Failed c", "Started c", "Failed c", "TaskFailed c"],
        ]
    )  # fmt: skip
