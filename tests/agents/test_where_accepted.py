"""Where an agent is accepted: in local runs; a cluster refuses it, and so does the command line what is no agent."""

from pathlib import Path
from typing import Any

import pytest

from parallelproject.cli.input.agent_option import agent_of
from parallelproject.cli.output.failure import Failure
from parallelproject.core.graph.graph import compile_graph
from parallelproject.executors.cluster_check import check_for_cluster
from parallelproject.local.engine.command import commands
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Agent, NoChange

ROLE = {"name": "coder", "agent": {"type": "ClaudeCode"}}


def test_a_workflow_runs_no_agents_by_name() -> None:
    roles = [ROLE | {"fallbacks": ["other"]}, {"name": "other"}]
    tasks = [{"id": "a", "role": "coder"}]
    fields = {"tasks": tasks, "roles": roles, "prompt": "x", "limits": [{"name": "y", "adaptive": {}}]}
    problems = check_for_cluster(parse_spec({**fields, "executor": "Workflow"}))
    assert [problem.place for problem in problems][:4] == [
        "spec.prompt", "spec.roles[0].agent", "spec.roles[0].fallbacks", "spec.limits[0].adaptive",
    ]  # fmt: skip
    assert "use executor Job" in str(problems[1])


def test_budgets_are_accepted_where_something_reads_what_is_spent() -> None:
    budgets = [{"unit": "usd", "limit": "5"}]
    assert problems_in_a_cluster(template(), budgets=budgets) == []
    (said,) = problems_in_a_cluster(template(command=["x"]) | {"agent": None}, budgets=budgets, git=None)
    assert said.startswith("spec.budgets: need spec.git in a cluster where a role has no agent: ")
    workflow = {"workflowTemplateRef": {"name": "x"}}
    problems = problems_in_a_cluster(workflow, budgets=budgets, executor="Workflow")
    (said,) = [problem for problem in problems if "budgets" in problem]
    assert said.startswith("spec.budgets: are not for executor Workflow: ")


def problems_in_a_cluster(role: dict[str, Any], **spec: Any) -> list[str]:
    given = {"tasks": [{"id": "a"}], "roles": [ROLE | role], "git": {"url": "https://example.com/x"}} | spec
    return [str(problem) for problem in check_for_cluster(parse_spec({k: v for k, v in given.items() if v}))]


def template(**container: Any) -> dict[str, Any]:
    return {"podTemplate": {"spec": {"containers": [{"name": "main", "image": "agent"} | container]}}}


def test_a_cluster_runs_an_agent_whose_work_it_lands() -> None:
    assert problems_in_a_cluster(template(), prompt="{{ task.title }}") == []
    assert problems_in_a_cluster(template(), prompt="{{ task.title }}", git=None) == []
    other = {"name": "other", **template(command=["x"])}
    roles = [ROLE | template() | {"fallbacks": ["other"]}, other]
    assert problems_in_a_cluster({}, roles=roles, limits=[{"name": "y", "adaptive": {}}]) == []


@pytest.mark.parametrize(
    ("role", "spec", "said"),
    [
        ({}, {}, "spec.roles[0].podTemplate: is missing (give the image that has the agent)"),
        (template(command=["x"]), {}, "containers[0].command: is set, and the role has an agent, ClaudeCode"),
        (template(args=["x"]), {}, "containers[0].args: is set"),
        (template(), {"prompt": "{% if %}"}, "spec.prompt: the template is wrong: line 1"),
        (template(command=["x"]) | {"agent": None}, {"prompt": "x"}, "spec.prompt: is read by no role"),
        (template() | {"agent": {"type": "Codex", "maxCost": {"usd": "1"}}}, {}, "Codex has no limit of cost"),
    ],
)
def test_what_keeps_an_agent_from_a_cluster_is_said_with_the_fix(
    role: dict[str, Any], spec: dict[str, Any], said: str
) -> None:
    (problem,) = problems_in_a_cluster(role, **spec)
    assert said in problem


def test_a_template_of_prompts_is_not_evaluated_where_it_is_accepted() -> None:
    assert problems_in_a_cluster(template(), prompt="{{ 9 ** 9 ** 9 ** 9 }}") == []


@pytest.mark.parametrize(
    ("agent", "place"),
    [
        ({"type": "Claude"}, "type"),
        ({"type": "ClaudeCode", "onNoChange": "Maybe"}, "onNoChange"),
        ({"type": "ClaudeCode", "model": "--yolo"}, "model"),
        ({"type": "ClaudeCode", "resume": "yes"}, "resume"),
        ({"type": "ClaudeCode", "maxCost": {"usd": "much"}}, "maxCost"),
        ({"type": "ClaudeCode", "maxCost": {"tokens": 5}}, "maxCost"),
        ({}, "type"),
    ],
)
def test_only_what_works_is_accepted(agent: dict[str, object], place: str) -> None:
    with pytest.raises(ProblemsError) as found:
        parse_spec({"tasks": [{"id": "a"}], "roles": [{"name": "x", "agent": agent}]})
    assert any(f"roles[0].agent.{place}" in problem.place for problem in found.value.problems)


def test_a_limit_of_cost_is_refused_for_an_agent_that_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "codex").write_text("")
    (tmp_path / "codex").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    agent = {"type": "Codex", "maxCost": {"usd": "1"}}
    spec = parse_spec({"tasks": [{"id": "a"}], "roles": [{"name": "x", "agent": agent}]})
    with pytest.raises(ProblemsError) as found:
        commands(spec, compile_graph(spec), None, None)
    assert "spec.roles[0].agent.maxCost: Codex has no limit of cost" in str(found.value.problems[0])


def test_the_option_names_an_agent_and_its_model() -> None:
    assert agent_of(None, "make") is None
    assert agent_of("claude", None) == Agent(type="ClaudeCode")  # type: ignore[arg-type]
    assert agent_of("ClaudeCode:opus", None) == Agent(type="ClaudeCode", model="opus")  # type: ignore[arg-type]
    found = agent_of("opencode:openrouter/qwen:free", None)
    assert found is not None
    assert (found.type, found.model, found.on_no_change) == ("OpenCode", "openrouter/qwen:free", NoChange.FAIL)


@pytest.mark.parametrize(
    ("text", "command", "said"),
    [
        ("clade", None, 'did you mean "claude"'),
        ("zzz", None, "one of: claude, codex"),
        ("claude:", None, "is empty"),
        ("claude", "make", "--command"),
        ("claude:-x", None, "model"),
    ],
)
def test_what_is_wrong_with_the_option_is_said_with_the_fix(text: str, command: str | None, said: str) -> None:
    with pytest.raises(Failure) as found:
        agent_of(text, command)
    assert said in f"{found.value} {found.value.hint}"


@pytest.mark.parametrize("executor", ["Job", "Workflow"])
def test_what_makes_a_workspace_ready_on_a_laptop_is_refused_in_a_cluster(executor: str) -> None:
    wanted = {
        "setup": ["npm", "ci"], "cacheKey": ["x"], "copy": [".env"], "link": ["x"], "ports": 1, "sandbox": "Bubblewrap",
    }  # fmt: skip
    role = template(command=["x"]) | {"agent": None}
    if executor == "Workflow":
        role = {"agent": None, "workflowTemplateRef": {"name": "x"}}
    found = problems_in_a_cluster(role, workspace=wanted, executor=executor)
    refused = [field for field in wanted if executor == "Workflow" or field not in ("setup", "cacheKey")]
    assert [problem.split(": ")[0] for problem in found] == [f"spec.workspace.{field}" for field in refused]
    assert "is for local runs only: a pod has no checkout of a user to take files from (remove it, and" in found[-4]


def test_other_sandboxes_do_not_exist_yet() -> None:
    with pytest.raises(ProblemsError) as error:
        parse_spec({"tasks": [], "workspace": {"sandbox": "Podman"}})
    assert "spec.workspace.sandbox" in str(error.value)
