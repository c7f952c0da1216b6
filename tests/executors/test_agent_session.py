"""Which session of an agent the next attempt continues in a cluster, and how its pod is made for it."""

import json
from typing import Any

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.executors.base.agent_session import AgentSession
from parallelproject.executors.base.delivered import delivered
from parallelproject.executors.job.task_job import job_manifest
from parallelproject.git.container.main import read, read_only
from parallelproject.git.plumbing.outcome import AGENT_FAILED, ConflictError
from parallelproject.model.project import parse_spec
from tests.executors.test_delivery_pod import OWNER, Json, agent_spec, mounted

ID = "3f0f5f55-8f4e-4a3f-9b83-0a9d6f6f2a11"
VOLUME = {"name": "pproj-sessions", "persistentVolumeClaim": {"claimName": "sessions"}}


def verdict(outcome: str = "NoChange", **fields: Any) -> Json:
    return {"outcome": outcome, "reason": outcome, "session": ID, "sessionOf": "ClaudeCode/opus", **fields}


def session(code: int = AGENT_FAILED, **fields: Any) -> AgentSession | None:
    return delivered(code, json.dumps({"outcome": "x", "agent": verdict(**fields)})).session


def job(before: AgentSession | None, *, volumes: bool = True, agent: Json | None = None, **fields: Any) -> Json:
    data = agent_spec(**fields)
    data["roles"][0]["podTemplate"]["spec"] |= {"volumes": [VOLUME]} if volumes else {}
    data["roles"][0]["agent"] |= agent or {}
    spec = parse_spec({name: value for name, value in data.items() if value is not None})
    return job_manifest(OWNER, spec, compile_graph(spec), 0, 2, {}, before=before)


def agent_of(made: Json) -> tuple[Json, dict[str, str]]:
    container = made["spec"]["template"]["spec"]["containers"][0]
    return container, {entry["name"]: entry["value"] for entry in container["env"]}


def instruction(made: Json) -> str:
    text: str = made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"]
    return text


@pytest.mark.parametrize(
    ("outcome", "code"), [("NoChange", 26), ("RateLimited", 26), ("NeedsInput", 26), ("Succeeded", 20)]
)
def test_the_next_attempt_continues_the_session(outcome: str, code: int) -> None:
    assert ConflictError.exit_code == 20
    container, environment = agent_of(made := job(session(code, outcome=outcome)))
    assert environment["PPROJ_SESSION"] == ID
    command = container["command"]
    assert command[command.index("--resume") + 1] == "$(PPROJ_SESSION)"
    agent = read(instruction(made)).agent
    assert agent is not None
    assert (agent.session, agent.before, agent.used_before) == (ID, outcome, ())


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (verdict("TurnLimit"), {}),
        (verdict("AgentError"), {}),
        (verdict("NoChange", before="NoChange"), {}),
        (verdict(sessionOf="Codex/opus"), {}),
        (verdict(sessionOf="ClaudeCode/sonnet"), {}),
        (verdict(session="--help"), {}),
        (verdict(session=7), {}),
        (verdict(), {"volumes": False}),
        (verdict(), {"agent": {"resume": False}}),
    ],
)
def test_it_starts_a_new_one(given: Json, fields: Json) -> None:
    container, environment = agent_of(made := job(session(**given), **fields))
    assert "PPROJ_SESSION" not in environment
    assert "--resume" not in container["command"]
    agent = read(instruction(made)).agent
    assert agent is not None
    assert agent.session is None


def test_each_task_has_a_folder_of_its_own_on_the_volume_and_only_its_agent_sees_it() -> None:
    made = job(None, workspace={"setup": ["x"]})
    pod = made["spec"]["template"]["spec"]
    container, environment = agent_of(made)
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "pproj-sessions"]
    assert mount == {"name": "pproj-sessions", "mountPath": "/pproj/sessions", "subPath": f"{OWNER.uid}/a/.own"}
    assert environment["CLAUDE_CONFIG_DIR"] == "/pproj/sessions"
    others = [*pod["initContainers"], *pod["containers"][1:]]
    assert [each["name"] for each in others if "/pproj/sessions" in mounted(each)] == []


def test_who_mounts_the_volume_or_names_the_folder_is_left_alone() -> None:
    data = agent_spec()
    container = data["roles"][0]["podTemplate"]["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": "pproj-sessions", "mountPath": "/home/agent/.claude"}]
    data["roles"][0]["podTemplate"]["spec"]["volumes"] = [VOLUME]
    spec = parse_spec(data)
    made, environment = agent_of(job_manifest(OWNER, spec, compile_graph(spec), 0, 2, {}, before=session()))
    assert "CLAUDE_CONFIG_DIR" not in environment
    assert "/pproj/sessions" not in mounted(made)
    assert environment["PPROJ_SESSION"] == ID


def test_an_agent_without_a_repository_continues_its_session_too() -> None:
    made = job(session(), git=None)
    agent = read_only(instruction(made)).agent
    assert agent is not None
    assert (agent.session, agent.before) == (ID, "NoChange")


def test_what_the_session_has_used_so_far_is_handed_on() -> None:
    codex = {"type": "Codex", "maxCost": None}
    given = verdict(sessionOf="Codex/opus", sessionTokens=[10, 2, None, 0])
    made = job(session(**given), agent=codex)
    agent = read(instruction(made)).agent
    assert agent is not None
    assert agent.used_before == (10, 2, None, 0)
    assert "resume" in agent_of(made)[0]["command"]


@pytest.mark.parametrize("tokens", ["x", [1], [1, 2, 3, "4"], {}, [-1, 0, 0, 0]])
def test_a_verdict_of_any_shape_is_read(tokens: object) -> None:
    found = session(sessionTokens=tokens)
    assert found is not None
    assert all(each is None or each >= 0 for each in found.tokens)
