"""The Job that follows a pull request, and the attempts of tasks that act on what it has found."""

import json
from typing import Any

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.publish_job import publish_manifest
from parallelproject.executors.job.task_job import check_for_cluster, job_manifest
from parallelproject.forge.publishing.request import PublishRequest
from parallelproject.git.container import instructions
from parallelproject.git.plumbing.delivery import ConflictMerge
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec

OWNER = Owner("p", "n", "uid")
POD = {"spec": {"containers": [{"name": "agent", "image": "x", "command": ["x"]}]}}


def spec_of(pull_request: dict[str, Any], **fields: Any) -> Spec:
    git = {
        "url": "https://git.example/x.git", "credentialsSecretRef": {"name": "c"},
        "forge": {"type": "Gitea", "tokenSecretRef": {"name": "f", "key": "t"}}, "pullRequest": pull_request,
    }  # fmt: skip
    roles = [{"name": "r", "podTemplate": POD}]
    return parse_spec({"git": git, "tasks": [{"id": "taskA"}], "roles": roles, **fields})


def job(spec: Spec, follow: dict[str, Any] | None = None) -> tuple[dict[str, Any], PublishRequest]:
    graph = compile_graph(spec)
    planned = plan(graph, spec, Ledger(start_time=0.0), {"taskA": [Attempt(1, Phase.SUCCEEDED, ended=1.0)]}, 2.0)
    assert spec.git
    made = publish_manifest(OWNER, spec, spec.git, graph, planned, "revision", 3, "image", follow=follow)
    text = made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/publish"]
    return made, instructions.as_type(PublishRequest, instructions.parse(text))


def test_who_follows_a_pull_request_also_merges_it() -> None:
    spec = spec_of({"merge": "WhenChecksPass", "feedback": {"maxRounds": 5}})
    publishes, told = job(spec)
    assert (told.merge, told.follow) == ("Manual", None)
    follows, told = job(spec, {"state": "", "repaired": '{"taskA": 1}', "maxRounds": 5})
    assert told.merge == "WhenChecksPass"
    assert told.follow
    assert (told.follow.repaired, told.follow.max_rounds) == ('{"taskA": 1}', 5), "ids of tasks are as they were"
    assert publishes["metadata"]["name"] != follows["metadata"]["name"]
    assert follows["metadata"]["labels"]["parallelproject.io/kind"] == "Follow"
    (container,) = follows["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "follow"
    assert job(spec_of({"merge": "WhenChecksPass"}))[1].merge == "WhenChecksPass"


def test_a_task_that_resolves_a_conflict_has_the_whole_history_and_no_token_of_the_forge() -> None:
    spec = spec_of({"feedback": {}})
    merging = ConflictMerge(commit="9" * 40, paths=("a.txt",))
    made = job_manifest(OWNER, spec, compile_graph(spec), 0, 2, {}, repair=1, merging=merging, feedback="x")
    told = json.loads(made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"])
    assert (told["merging"], told["depth"]) == ({"commit": "9" * 40, "paths": ["a.txt"]}, 0)
    secrets = [each["secret"]["secretName"] for each in made["spec"]["template"]["spec"]["volumes"] if "secret" in each]
    assert secrets == ["c"]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"git": {"url": "https://git.example/x.git", "pullRequest": {"feedback": {}}}}, "needs a forge"),
        (
            {
                "git": {
                    "url": "https://git.example/x.git", "forge": {"type": "GitHub"}, "strategy": "BranchPerTask",
                    "pullRequest": {"feedback": {}},
                }
            },
            "makes several",
        ),
    ],
)  # fmt: skip
def test_where_nothing_can_be_followed_the_spec_is_refused(fields: dict[str, Any], found: str) -> None:
    problems = check_for_cluster(spec_of({}).model_copy(update={"git": parse_spec(
        {"tasks": [{"id": "a"}], **fields}).git}))  # fmt: skip
    assert any(found in str(each) for each in problems)
    assert not check_for_cluster(spec_of({"feedback": {}}))
