"""A backlog that a real coding agent does, in real pods, with a model that follows a script."""

import base64
import json
from typing import Any

import pytest

from e2e.clusters import Cluster
from e2e.landing import Landing
from e2e.room import LOCKED, SECURITY, Json, Room
from rig.agent_images import build_agent_image
from rig.errors import RigError
from tests.agents.scripted import DONE, serving, writes

CANARY = "canary-of-the-provider"
SCRIPT = {
    "tasks": {
        "alone": writes("alone"),
        "work": writes("work"),
        "limited": [{"error": {"status": 429}}, *writes("limited")],
        "liar": [{"say": "API Error: 500 Internal server error"}],
        "late": [[DONE], writes("late")],
    }
}


@pytest.fixture(scope="module")
def claude(cluster: Cluster) -> str:
    """An image with Claude Code."""
    if cluster.load is None:
        pytest.skip("images cannot be loaded into this cluster")
    try:
        image = build_agent_image("claude")
    except RigError as error:
        pytest.skip(str(error))
    cluster.add([image])
    return image


def role(image: str, url: str) -> Json:
    """As docs/agents.md has it: a home that can be written, the key in the task's container alone."""
    key = {"secretKeyRef": {"name": "anthropic", "key": "key"}}
    environment = [
        {"name": "ANTHROPIC_API_KEY", "valueFrom": key},
        {"name": "ANTHROPIC_BASE_URL", "value": url},
        {"name": "DISABLE_TELEMETRY", "value": "1"},
    ]
    container = {
        "name": "agent", "image": image, "env": environment, "securityContext": LOCKED,
        "volumeMounts": [{"name": "home", "mountPath": "/tmp"}],
    }  # fmt: skip
    pod = {
        "securityContext": SECURITY, "terminationGracePeriodSeconds": 2, "containers": [container],
        "volumes": [{"name": "home", "emptyDir": {}}],
    }  # fmt: skip
    return {"name": "coder", "agent": {"type": "ClaudeCode"}, "podTemplate": {"spec": pod}}


def test_claude_code_does_a_backlog_and_is_judged_by_what_it_says(
    room: Room, landing: Landing, claude: str, cluster: Cluster
) -> None:
    room.apply({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "anthropic"},
        "data": {"key": base64.b64encode(CANARY.encode()).decode()},
    })  # fmt: skip
    with serving(SCRIPT, cluster.host) as model:
        tasks: list[dict[str, Any]] = [{"id": name} for name in SCRIPT["tasks"] if name != "alone"]
        setup = ["/bin/sh", "-c", "echo setup of $PPROJ_TASK_ID; mkdir made; echo 1 > made/by-setup"]
        spec = {
            "roles": [role(claude, model.url)], "tasks": tasks, "git": landing.git(), "failurePolicy": "Continue",
            "defaults": {"backoffSeconds": 1}, "parallelism": 2, "workspace": {"setup": setup},
        }  # fmt: skip
        kind = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject"}
        room.apply({**kind, "metadata": {"name": "shop"}, "spec": spec})
        without = {"roles": [role(claude, model.url)], "tasks": [{"id": "alone"}]}
        room.apply({**kind, "metadata": {"name": "alone"}, "spec": without})
        room.wait("alone", "Succeeded", 300)
        room.wait("shop", "Completed", 300)
    assert room.rows("alone")["alone"]["inputTokens"] > 0, "read without a repository"
    rows = room.rows("shop")
    ends = {name: (row["state"], row["attempts"], row.get("deferrals", 0)) for name, row in rows.items()}
    assert ends == {
        "work": ("Succeeded", 1, 0),
        "limited": ("Succeeded", 2, 1),
        "liar": ("Failed", 2, 0),
        "late": ("Succeeded", 2, 0),
    }, room.describe("shop")
    assert rows["liar"]["reason"] == "AgentError"
    assert "parallel/shop" in landing.repository.heads()
    for name in ("work", "limited", "late"):
        assert landing.repository.text(f"{name}.txt", "parallel/shop") == f"{name}\n"
    log = room.sh("pproj logs shop work")
    assert log.startswith("setup of work\n")
    assert '"type":"result"' in log
    assert landing.repository.changed(rows["work"]["commit"]) == ["work.txt"], "what setup makes does not land"
    seen = [log, json.dumps(room.get("pproj shop")), room.kubectl("get", "events,pods", "-o", "json")]
    assert not any(CANARY in text for text in seen)
