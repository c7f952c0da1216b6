"""What happens to the operator, the node and the control plane while a project runs; each task is done once."""

import json
from collections import Counter

import pytest

from e2e.clusters import Cluster
from e2e.install import NAMESPACE, Installed
from e2e.landing import Landing
from e2e.room import UNTIL_TOLD, Room, task
from rig.deadline import until

HELD = [
    task("a", run=UNTIL_TOLD),
    task("b"),
    task("c", "a"),
    task("d", "a", "b", run=UNTIL_TOLD),
    task("e", "c", "d"),
]
TIMED = [
    task("a", seconds=4),
    task("b", seconds=8),
    task("c", "a", seconds=4),
    task("d", "a", "b", seconds=4),
    task("e", "c", "d", seconds=2),
]
"""For a node that is gone: there is nobody who could tell a task to go on."""


def assert_each_ran_once(room: Room, name: str) -> None:
    rows = room.rows(name)
    assert {key: row["state"] for key, row in rows.items()} == dict.fromkeys(rows, "Succeeded")
    assert {key: row["attempts"] for key, row in rows.items()} == dict.fromkeys(rows, 1)
    made = jobs_made(room)
    assert made == {} or made == dict.fromkeys(rows, 1)


def jobs_made(room: Room) -> Counter[str]:
    """By the audit log, how many Jobs were made for each task."""
    found = Counter[str]()
    control_plane = room.cluster.control_plane
    if control_plane is not None:
        for line in control_plane.audit_log.read_text().splitlines():
            if '"create"' not in line or room.namespace not in line:
                continue
            event = json.loads(line)
            where = event.get("objectRef", {})
            ours = where.get("resource") == "jobs" and where.get("namespace") == room.namespace
            if ours and event["verb"] == "create" and event.get("responseStatus", {}).get("code") == 201:
                labels = event["responseObject"]["metadata"]["labels"]
                if task_id := labels.get("parallelproject.io/task"):
                    found[task_id] += 1
    return found


def test_the_operators_pods_are_killed_in_the_middle(room: Room, installed: Installed) -> None:
    name = room.project("killed", HELD)
    pod = room.until_runs(name, "a")
    room.cluster.kubectl("-n", NAMESPACE, "delete", *installed.pods(), "--force", "--grace-period=0")
    room.tell(pod)
    room.tell(room.until_runs(name, "d"))
    room.wait(name)
    assert_each_ran_once(room, name)


def test_the_chart_is_upgraded_in_the_middle(room: Room, landing: Landing, installed: Installed) -> None:
    name = room.project("upgraded", HELD, git=landing.git())
    pod = room.until_runs(name, "a")
    before = installed.pods()
    installed.upgrade(**{"podAnnotations.story": room.namespace})
    until(lambda: not set(before) & set(installed.pods()), "the pods of the old release to go", seconds=60)
    room.tell(pod)
    room.tell(room.until_runs(name, "d"))
    room.wait(name)
    assert_each_ran_once(room, name)


def test_the_control_plane_is_restarted_in_the_middle(room: Room) -> None:
    control_plane, audit = room.cluster.control_plane, room.cluster.audit
    if control_plane is None or audit is None:
        pytest.skip("the control plane is not ours to restart")
    name = room.project("restarted", HELD)
    pod = room.until_runs(name, "a")
    since = audit.position()
    control_plane.kill_apiserver()
    control_plane.start_apiserver()
    room.tell(pod)
    pod = room.until_runs(name, "d")
    audit.outages.append((since, audit.position()))
    control_plane.restart_etcd()
    room.tell(pod)
    room.wait(name)
    assert_each_ran_once(room, name)


def test_a_node_is_gone_for_a_minute(room: Room, landing: Landing) -> None:
    node = room.cluster.node
    if node is None:
        pytest.skip("the node is not ours to stop")
    name = room.project("lonely", TIMED, git=landing.git())
    room.until_runs(name, "a")
    node.stop()
    until(lambda: not is_ready(room.cluster, node.name), "the node to count as gone", seconds=90)
    node.start()
    node.wait_ready()
    room.wait(name, seconds=180)
    assert_each_ran_once(room, name)


def is_ready(cluster: Cluster, node: str) -> bool:
    conditions = json.loads(cluster.kubectl("get", "node", node, "-o", "json"))["status"]["conditions"]
    return any(row["type"] == "Ready" and row["status"] == "True" for row in conditions)
