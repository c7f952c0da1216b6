"""The Job of an attempt: what its pods are told, what holds it to one run, and templates of any shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.claim import Claim
from parallelproject.executors.base.identity import is_intact, is_ours
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.observation import attempt_of, view_job, view_pod
from parallelproject.executors.job.task_job import check_for_cluster, job_manifest, stop_patch
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.work import WorkKey

Json = dict[str, Any]
OWNER = Owner("shop", "agents", "uid-1")
A1 = WorkKey.of_task("a", 1)


def spec(pod: Json | None = None, **task: Any) -> Json:
    container = {"name": "agent", "image": "x", "command": ["run", "$(PPROJ_TASK_FILE)"]}
    template = pod or {"spec": {"containers": [container]}}
    return {"roles": [{"name": "r", "podTemplate": template}], "tasks": [{"id": "a", **task}]}


def job(data: Json, number: int = 1) -> Json:
    read = parse_spec(data)
    made = job_manifest(OWNER, read, compile_graph(read), 0, number, {})
    json.dumps(made)
    return made


def container_of(made: Json) -> Json:
    first: Json = made["spec"]["template"]["spec"]["containers"][0]
    return first


def test_a_job_runs_its_pod_once_and_an_eviction_does_not_count() -> None:
    made = job(spec())["spec"]
    assert (made["backoffLimit"], made["completions"], made["parallelism"]) == (0, 1, 1)
    assert made["podReplacementPolicy"] == "Failed"
    (rule,) = made["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert made["template"]["spec"]["restartPolicy"] == "Never"


def test_a_pod_gets_no_token_unless_the_template_names_an_account() -> None:
    assert job(spec())["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    own = {"spec": {"serviceAccountName": "own", "containers": [{"name": "a", "command": ["x"]}]}}
    assert "automountServiceAccountToken" not in job(spec(own))["spec"]["template"]["spec"]


def test_the_task_s_text_travels_as_data() -> None:
    text = "$(rm -rf /) {{ 7*7 }} \"'\n\x1b"
    made = job(spec(title=text, description=text, parameters=[{"name": "end-point", "value": text}]))
    notes = made["spec"]["template"]["metadata"]["annotations"]
    document = json.loads(notes["parallelproject.io/task-file"])
    assert document["task"]["description"] == text
    assert container_of(made)["command"] == ["run", "$(PPROJ_TASK_FILE)"]
    env = {e["name"]: e["value"] for e in container_of(made)["env"]}
    assert env["PPROJ_PARAM_END_POINT"] == text.replace("$", "$$")  # of which the kubelet makes one again


def test_our_environment_goes_before_the_template_s() -> None:
    theirs = [{"name": "PPROJ_TASK_ID", "value": "other"}, {"name": "MINE", "value": "$(PPROJ_TASK_ID)"}]
    env = container_of(job(spec({"spec": {"containers": [{"name": "a", "command": ["x"], "env": theirs}]}})))["env"]
    assert [e["value"] for e in env if e["name"] == "PPROJ_TASK_ID"] == ["a"]
    assert env[-1] == {"name": "MINE", "value": "$(PPROJ_TASK_ID)"}


@pytest.mark.parametrize("theirs", [None, "agent", "proxy"])
def test_the_name_of_the_task_s_container_is_written_down_whatever_kubectl_s_says(theirs: str | None) -> None:
    kubectl, ours = "kubectl.kubernetes.io/default-container", "parallelproject.io/container"
    metadata = {"annotations": {kubectl: theirs}} if theirs else {}
    made = job(spec({"metadata": metadata, "spec": {"containers": [{"name": "agent", "command": ["x"]}]}}))
    template = made["spec"]["template"]
    notes = template["metadata"]["annotations"]
    assert (notes[kubectl], notes[ours]) == (theirs or "agent", "agent")
    notes[kubectl] = "proxy"  # a person has changed it since
    ended = {"name": "agent", "state": {"terminated": {"exitCode": 42, "finishedAt": "2026-01-01T00:00:00Z"}}}
    killed = {"name": "proxy", "state": {"terminated": {"exitCode": 137, "finishedAt": "2026-01-01T00:00:00Z"}}}
    status = {"phase": "Failed", "containerStatuses": [killed, ended]}
    containers = [{"name": "proxy"}, {"name": "agent"}]
    pod = {"metadata": template["metadata"], "spec": {"containers": containers}, "status": status}
    assert view_pod(pod).exit_code == 42


def test_only_the_job_of_this_very_attempt_is_ours() -> None:
    made = job(spec())
    assert is_ours(made, OWNER, A1)
    assert not is_ours(made, OWNER, WorkKey.of_task("a", 2))
    assert not is_ours(made, OWNER, WorkKey.of_task("b", 1))
    assert not is_ours(made, Owner("shop", "agents", "uid-2"), A1)
    made["metadata"]["ownerReferences"] = [{"controller": True, "uid": "somebody"}]
    assert not is_ours(made, OWNER, A1)


def test_a_job_is_ours_whatever_others_take_from_it() -> None:
    made = job(spec())
    made["metadata"]["uid"] = "j"
    assert is_intact(made, OWNER, A1)
    without_labels = {**made, "metadata": {**made["metadata"], "labels": {}}}
    without_owner = {**made, "metadata": {**made["metadata"], "ownerReferences": []}}
    without_both = {**made, "metadata": {**made["metadata"], "labels": {}, "ownerReferences": []}}
    for changed, is_known_by_itself in ((without_labels, True), (without_owner, True), (without_both, False)):
        assert not is_intact(changed, OWNER, A1)
        assert is_ours(changed, OWNER, A1) is is_known_by_itself
        assert is_ours(changed, OWNER, A1, uid="j")
    other_name = {**made, "metadata": {**made["metadata"], "name": "other"}}
    assert not is_ours(other_name, OWNER, A1, uid="j")


def test_a_job_that_is_stopped_ends_also_where_it_is_suspended() -> None:
    """A deadline does not pass for a suspended Job, and no pod may start when it is resumed to end."""
    assert stop_patch("Stopped")["spec"] == {"activeDeadlineSeconds": 1, "parallelism": 0, "suspend": False}


def test_a_job_is_held_until_its_result_is_written_down() -> None:
    assert job(spec())["metadata"]["finalizers"] == ["parallelproject.io/recorded"]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("name"), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["env", "volumeMounts", "volumes", "metadata", "labels", "serviceAccountName", "workingDir", "x"]
)


@given(pod=st.dictionaries(FIELDS, ODD), container=st.dictionaries(FIELDS, ODD), template=st.dictionaries(FIELDS, ODD))
def test_a_template_of_any_shape_is_refused_or_made_into_a_job(pod: Json, container: Json, template: Json) -> None:
    first = {"name": "a", "command": ["x"], **container}
    try:
        read = parse_spec(spec({**template, "spec": {**pod, "containers": [first]}}))
    except ProblemsError:
        return
    if not check_for_cluster(read):
        json.dumps(job_manifest(OWNER, read, compile_graph(read), 0, 1, {}))


@pytest.mark.parametrize("value", ["A=1", {"a": 1}, 7, True])
@pytest.mark.parametrize("field", ["env", "volumeMounts"])
def test_what_is_no_list_is_left_to_the_server_to_refuse(field: str, value: object) -> None:
    made = job(spec({"spec": {"containers": [{"name": "a", "command": ["x"], field: value}]}}))
    assert container_of(made)[field] == value


@pytest.mark.parametrize("depth", [150, 5000])
def test_a_template_nested_too_deep_is_refused(depth: int) -> None:
    deep: Json = {}
    for _ in range(depth):
        deep = {"a": deep}
    read = parse_spec(spec({"spec": {"containers": [{"name": "a", "command": ["x"]}], "odd": deep}}))
    (problem,) = check_for_cluster(read)
    assert problem.place == "spec.roles[0].podTemplate"
    assert "nested" in problem.found


def test_a_role_without_a_command_is_refused() -> None:
    (problem,) = check_for_cluster(parse_spec(spec({"spec": {"containers": [{"name": "a"}]}})))
    assert (problem.reason, problem.place) == (
        "CommandRequired",
        "spec.roles[0].podTemplate.spec.containers[0].command",
    )


def test_a_fallback_s_template_runs_the_task_and_the_claim_says_so() -> None:
    def template(image: str) -> Json:
        return {"spec": {"containers": [{"name": "agent", "image": image}]}}

    agent = {"type": "ClaudeCode"}
    roles = [
        {"name": "r", "agent": agent, "podTemplate": template("x"), "instructions": "Write.", "fallbacks": ["s"]},
        {"name": "s", "agent": agent, "podTemplate": template("y")},
    ]
    read = parse_spec(
        {
            "roles": roles,
            "tasks": [{"id": "a", "role": "r", "files": ["x.py"]}],
            "git": {"url": "https://example.com/x"},
        }
    )
    graph = compile_graph(read)
    made = job_manifest(OWNER, read, graph, 0, 2, {}, fallback="s")
    container = container_of(made)
    env = {e["name"]: e["value"] for e in container["env"]}
    assert (container["image"], env["PPROJ_ROLE"]) == ("y", "s")
    document = json.loads(made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/task-file"])
    assert (document["role"], document["instructions"]) == ("s", "Write.")
    claim = Claim.from_json(made["metadata"]["annotations"]["parallelproject.io/claim"])
    assert claim == Claim("s", ("x.py",), 1, is_fallback=True)
    made["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    active = attempt_of(2, view_job(made), [], job_is_gone=False)
    assert (active.claim, active.fallback) == (claim, "s")
    ended = made | {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "x"}]}}
    assert attempt_of(2, view_job(ended), [], job_is_gone=False).fallback == "s"
    own = job_manifest(OWNER, read, graph, 0, 1, {})
    own["metadata"] |= {"uid": "v", "resourceVersion": "1"}
    assert attempt_of(1, view_job(own), [], job_is_gone=False).fallback is None
