"""What it takes on a real node, with real containers: the images, the start, and what landing adds to a pod."""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from statistics import median

from bench.figure import Figure
from bench.recording import AuditLog
from bench.rounds import in_turns
from bench.setting import Setting
from e2e.clusters import Cluster, agent_image, open_cluster
from e2e.install import NAMESPACE, Installed, install
from e2e.landing import Landing, make_landing
from e2e.room import Room, make_room, task
from parallelproject.model.names import job_name
from parallelproject.model.work import WorkKey
from rig import Gitea
from rig.deadline import until
from rig.images import TARGETS, size_of

_SECONDS = 180


def run(setting: Setting) -> Iterator[Figure]:
    """A chain of tasks that do nothing, with a repository to land in and without; as root, where a node can be made."""
    if os.geteuid() != 0 or "E2E_KUBECONFIG" in os.environ:
        print("node: left out, since it takes root and a node that is made here", file=sys.stderr)
        return
    steps = 3 if setting.short else 10
    with open_cluster() as cluster, Gitea(host=cluster.host) as gitea:
        gitea.user("robot")
        installed = install(cluster)
        for name in TARGETS.values():
            yield Figure("node", f"image {name}", "MB", (size_of(f"{cluster.prefix}{name}") / 1e6,))
        ready = tuple(_start(cluster, installed) for _ in range(setting.rounds))
        yield Figure("node", "from the start of the operator's container until it is ready", "s", ready)
        with make_room(cluster, agent_image(cluster, "localhost/bench-agent:1"), cluster.folder) as room:
            landing = make_landing(gitea, room)
            sides = {"landing": lambda: _chain(room, steps, landing), "plain": lambda: _chain(room, steps, None)}
            took = in_turns(setting.rounds, sides)
        what = f"a task that does nothing, prepared and landed, in a chain of {steps}"
        yield Figure("node", what, "s", tuple(took["landing"]), tuple(took["plain"]), "the same pod without")


def _start(cluster: Cluster, installed: Installed) -> float:
    """How long a new pod of the operator takes; it stands by, and so has nothing to list."""
    before = set(installed.pods())
    cluster.kubectl("-n", NAMESPACE, "delete", sorted(before)[0])

    def started() -> float | None:
        new = set(installed.pods()) - before
        if not new:
            return None
        pod = json.loads(cluster.kubectl("-n", NAMESPACE, "get", new.pop(), "-o", "json"))["status"]
        state = {row["type"]: row for row in pod.get("conditions", ())}
        if state.get("Ready", {}).get("status") != "True":
            return None
        began = pod["containerStatuses"][0]["state"]["running"]["startedAt"]
        return _seconds(state["Ready"]["lastTransitionTime"]) - _seconds(began)

    took = until(started, "the new pod to be ready", seconds=_SECONDS)
    assert took is not None
    return took


def _chain(room: Room, steps: int, landing: Landing | None) -> float:
    """From the request for a Job until its pod has succeeded: the median of a chain, in seconds."""
    name = f"c{time.monotonic_ns()}"
    control_plane = room.cluster.control_plane
    assert control_plane is not None
    log = AuditLog(control_plane.audit_log)
    since = log.position()
    git = landing.git(branch=f"parallel/{name}") if landing else {}
    git.pop("forge", None)  # a pull request is no part of it
    spec = {"git": git} if git else {}
    room.project(name, [task(f"t{i}", *([f"t{i - 1}"] if i else [])) for i in range(steps)], **spec)
    room.wait(name, seconds=_SECONDS)
    uid = room.get(f"pproj {name}")["metadata"]["uid"]
    found = log.recording(since)
    jobs = [job_name(name, uid, WorkKey.of_task(f"t{i}", 1)) for i in range(steps)]
    return median(found.succeeded[job].done - found.created[job] for job in jobs)


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
