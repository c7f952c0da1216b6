"""The Job of a run of a hook: the template of its role, the command of the hook, a checkout of which nothing lands."""

import json
from typing import Any

import pytest

from parallelproject.core.hooks.hook_runs import HookLaunch
from parallelproject.core.planner.hooks import HookOccasion
from parallelproject.executors.base.identity import is_ours, key_of
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.hook_job import hook_manifest
from parallelproject.executors.job.observation import view_pod
from parallelproject.executors.job.task_job import check_for_cluster
from parallelproject.executors.workflow.checks import problems_of
from parallelproject.git.container.main import read
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import HookKind, Spec
from parallelproject.model.work import WorkKey

Json = dict[str, Any]
OWNER = Owner("shop", "agents", "uid-1")
KEY = WorkKey.of_hook("before-group-x-4b68ab38", 2)
GIT = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}, "branch": "work/x"}


CHAIN = [{"id": f"t{i}", "dependencies": [f"t{i - 1}"] if i else []} for i in range(501)]
BY_LEVEL = {"beforeLevel": {"command": ["x"]}, "afterLevel": {"command": ["x"]}}


def spec(*, git: Json | None = GIT, **fields: Any) -> Spec:
    container: Json = {
        "name": "agent", "image": "tools:1", "command": ["agent"], "args": ["-v"],
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "t", "key": "k"}}}, {"name": "PPROJ_HOOK"}],
        "securityContext": {"runAsUser": 1000},
    }  # fmt: skip
    roles = [
        {"name": "coder", "podTemplate": {"spec": {"containers": [{"name": "c", "command": ["c"]}]}}},
        {"name": "tools", "podTemplate": {"spec": {"containers": [container], "nodeSelector": {"disk": "fast"}}}},
    ]
    hooks = {"beforeGroup": {"command": ["refresh", "$(PPROJ_GROUP)"], "role": "tools"}}
    content = {"roles": roles, "defaults": {"role": "coder"}, "tasks": [{"id": "a", "group": "X"}], "hooks": hooks}
    return parse_spec(content | ({"git": git} if git else {}) | fields)


def job(read: Spec) -> Json:
    assert read.hooks is not None
    hook = read.hooks.before_group
    assert hook is not None
    launch = HookLaunch(HookOccasion(HookKind.BEFORE_GROUP, None, "X"), hook, 2)
    made = hook_manifest(OWNER, read, launch, "generation 3", git_image="git:1")
    json.dumps(made)
    return made


def containers(made: Json) -> dict[str, Json]:
    pod = made["spec"]["template"]["spec"]
    return {c["name"]: c for c in (*pod.get("initContainers", ()), *pod["containers"])}


def mounted(container: Json) -> set[str]:
    return {mount["mountPath"] for mount in container["volumeMounts"]}


def test_it_is_found_again_by_its_labels_and_its_name() -> None:
    made = job(spec())
    assert key_of(made["metadata"]["labels"]) == key_of(made["spec"]["template"]["metadata"]["labels"]) == KEY
    assert is_ours(made, OWNER, KEY)
    assert made["metadata"]["finalizers"] == ["parallelproject.io/recorded"]
    assert (made["spec"]["backoffLimit"], made["spec"]["ttlSecondsAfterFinished"]) == (0, 21600)
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert made["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_it_runs_the_command_of_the_hook_in_the_template_of_its_role() -> None:
    made = job(spec(git=None, defaults={"role": "coder", "activeDeadlineSeconds": 90}))
    assert list(containers(made)) == ["agent"]
    container = containers(made)["agent"]
    assert (container["image"], container["command"]) == ("tools:1", ["refresh", "$$(PPROJ_GROUP)"])
    assert "args" not in container
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "fast"}
    assert made["spec"]["activeDeadlineSeconds"] == 90
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables == {
        "PPROJ_GROUP": "X", "PPROJ_PROJECT": "shop", "PPROJ_HOOK": "beforeGroup", "PPROJ_ATTEMPT": "2",
        "PPROJ_ROLE": "tools", "PPROJ_RUN": "uid-1", "PPROJ_WORKSPACE": "/pproj/workspace", "TOKEN": None,
    }  # fmt: skip
    assert container["workingDir"] == "/pproj/workspace"


def test_with_git_another_container_checks_out_and_only_that_sees_the_credentials() -> None:
    made = job(spec())
    assert list(containers(made)) == ["prepare", "agent"], "nothing lands"
    prepare, agent = containers(made)["prepare"], containers(made)["agent"]
    assert {"/pproj/private", "/pproj/credentials", "/pproj/workspace"} <= mounted(prepare)
    assert mounted(agent) == {"/pproj/workspace", "/pproj/outputs"}
    assert prepare["command"][:2] == ["pproj-git", "checkout"]
    assert (prepare["image"], prepare["securityContext"]["runAsUser"]) == ("git:1", 1000)
    notes = made["spec"]["template"]["metadata"]["annotations"]
    delivery, place, *_ = read(notes["parallelproject.io/delivery"])
    assert (delivery.branch, delivery.base_ref, delivery.run) == ("work/x", "main", "uid-1")
    assert (str(place.workspace), str(place.private)) == ("/pproj/workspace", "/pproj/private")


def test_a_checkout_that_fails_is_the_reason_of_its_failure() -> None:
    template = job(spec())["spec"]["template"]
    ended = {"exitCode": 23, "message": json.dumps({"outcome": "AuthOrProtected", "message": "refused"})}
    status = {"phase": "Failed", "initContainerStatuses": [{"name": "prepare", "state": {"terminated": ended}}]}
    assert view_pod(
        {"metadata": template["metadata"], "spec": template["spec"], "status": status}
    ).delivered.reason == ("AuthOrProtected")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"defaults": {}, "tasks": [{"id": "a", "role": "coder"}], "hooks": {"beforeLevel": {"command": ["x"]}}},
         "spec.hooks.beforeLevel.role: is missing, and the spec has several roles"),
        ({"tasks": CHAIN, "hooks": BY_LEVEL},
         "spec.hooks: run 1,002 times, for 501 levels and 0 groups; the maximum is 1,000"),
    ],
)  # fmt: skip
def test_what_cannot_run_in_a_cluster_is_refused(fields: Json, problem: str) -> None:
    (found,) = check_for_cluster(spec(**fields))
    assert str(found).startswith(problem)
    assert check_for_cluster(spec()) == []
    assert check_for_cluster(spec(tasks=[{"id": task["id"]} for task in CHAIN], hooks=BY_LEVEL)) == [], "of one level"


def test_workflows_have_no_hooks() -> None:
    read = parse_spec({"executor": "Workflow", "hooks": {"beforeLevel": {"command": ["x"]}}})
    assert [str(found) for found in problems_of(read, "p")] == [
        "spec.hooks: are not for executor Workflow (remove it, or use executor Job)"
    ]
