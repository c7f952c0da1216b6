"""An agent without a repository: the containers of its pod, and what is made of how they ended."""

import json
from typing import Any

import pytest

from parallelproject.executors.job.observation import view_pod
from parallelproject.executors.job.task_job import check_for_cluster
from parallelproject.git.container.main import read_only
from parallelproject.git.plumbing.outcome import AGENT_FAILED
from parallelproject.model.project import parse_spec
from parallelproject.model.status import Reason
from tests.executors.test_delivery_pod import Json, agent_spec, containers, job, mounted


def without_git(**fields: Any) -> Json:
    return {name: value for name, value in agent_spec(**fields).items() if name != "git"}


def test_an_agent_without_a_repository_has_a_container_that_only_reads() -> None:
    data = without_git(prompt="Do {{ task.id }}")
    assert check_for_cluster(parse_spec(data)) == []
    made = job(data)
    found = containers(made)
    assert list(found) == ["prepare", "agent", "reader"]
    notes = made["spec"]["template"]["metadata"]["annotations"]
    instruction = read_only(notes["parallelproject.io/delivery"])
    assert instruction.agent is not None
    assert (instruction.agent.type, instruction.agent.template) == ("ClaudeCode", "Do {{ task.id }}")
    assert found["prepare"]["command"][:2] == ["pproj-git", "prepare-reading"]
    assert found["reader"]["command"][:2] == ["pproj-git", "read"]
    assert found["agent"]["command"][:4] == ["/pproj/bin/pproj-wrap", "/pproj/state", "/pproj/workspace", "/bin/sh"]
    assert "GIT_CONFIG_COUNT" not in {entry["name"] for entry in found["agent"]["env"]}
    for name in ("prepare", "reader"):
        assert not {"/pproj/workspace", "/pproj/credentials"} & mounted(found[name]).keys()
        assert found[name]["securityContext"]["readOnlyRootFilesystem"]
    assert {"/pproj/private"} & mounted(found["agent"]).keys() == set()
    (outputs,) = [mount for mount in found["reader"]["volumeMounts"] if mount["mountPath"] == "/pproj/outputs"]
    assert outputs["readOnly"]
    assert made["spec"]["activeDeadlineSeconds"] == 86_400  # the reader waits for the command


def test_a_command_that_is_no_agent_has_no_further_container_without_a_repository() -> None:
    data = without_git()
    container = {"name": "agent", "image": "x", "command": ["run"]}
    data["roles"] = [{"name": "r", "podTemplate": {"spec": {"containers": [container]}}}]
    assert [each["name"] for each in job(data)["spec"]["template"]["spec"]["containers"]] == ["agent"]


@pytest.mark.parametrize("name", ["prepare", "reader"])
def test_a_template_that_does_not_go_with_it_is_refused(name: str) -> None:
    data = without_git()
    data["roles"][0]["podTemplate"]["spec"]["initContainers"] = [{"name": name, "image": "x"}]
    (problem,) = check_for_cluster(parse_spec(data))
    assert f"has a container {name}" in problem.found
    shared = without_git()
    shared["roles"][0]["podTemplate"]["spec"]["shareProcessNamespace"] = True
    assert "would let the task" in check_for_cluster(parse_spec(shared))[0].found


def test_budgets_need_a_repository_only_where_a_role_has_no_agent() -> None:
    budgets = [{"unit": "usd", "limit": "5"}]
    data = without_git(budgets=budgets)
    assert check_for_cluster(parse_spec(data)) == []
    assert read_only(
        job(data)["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"]
    ).reads_usage
    plain = {"name": "p", "podTemplate": {"spec": {"containers": [{"name": "c", "image": "x", "command": ["x"]}]}}}
    (problem,) = check_for_cluster(parse_spec(without_git(budgets=budgets) | {"roles": [*data["roles"], plain]}))
    assert problem.place == "spec.budgets"


@pytest.mark.parametrize(("own", "code"), [(0, 0), (0, AGENT_FAILED), (1, AGENT_FAILED), (137, 25)])
def test_the_reader_says_how_it_ended(own: int, code: int) -> None:
    made = job(without_git())["spec"]["template"]
    verdict = {"outcome": "RateLimited", "reason": "RateLimited", "exitCode": 75, "inputTokens": 7}
    message = {"outcome": "Failed" if code else "Ended", "agent": verdict}
    ends = {"agent": {"exitCode": own}, "reader": {"exitCode": code, "message": json.dumps(message)}}
    statuses = [{"name": name, "state": {"terminated": end}} for name, end in ends.items()]
    phase = "Failed" if own or code else "Succeeded"
    pod = {
        "metadata": made["metadata"],
        "spec": made["spec"],
        "status": {"phase": phase, "containerStatuses": statuses},
    }
    found = view_pod(pod)
    assert found.delivered.reason == (Reason.RATE_LIMITED if code == AGENT_FAILED else None)
    if code in (0, AGENT_FAILED):
        assert found.delivered.usage is not None
        assert found.delivered.usage.input_tokens == 7
    if own == 137:
        assert found.exit_code == 137
