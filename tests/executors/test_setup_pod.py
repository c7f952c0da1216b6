"""``spec.workspace.setup`` in the Job of an attempt: its containers, what they see, and what their ends mean."""

from typing import Any

import pytest

from parallelproject.executors.job.observation import view_pod
from parallelproject.executors.job.task_job import check_for_cluster
from parallelproject.git.container.main import read
from parallelproject.model.project import parse_spec
from parallelproject.model.status import Reason
from tests.executors.test_delivery_pod import Json, containers, job, mounted, pod_of, spec

SETUP = {"setup": ["npm", "ci", "$(HOME)"], "cacheKey": ["package-lock.json"]}
CACHE = {"name": "pproj-setup-cache", "persistentVolumeClaim": {"claimName": "setups"}}


def instruction(made: Json) -> Any:
    return read(made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"])


def test_it_runs_in_the_image_of_the_task_and_sees_no_more_than_the_task() -> None:
    own = {"initContainers": [{"name": "own", "image": "y"}]}
    made = job(spec(own, workspace=SETUP))
    found = containers(made)
    assert list(found) == ["prepare", "own", "setup", "after-setup", "agent", "git"]
    setup, agent = found["setup"], found["agent"]
    wrapper = ["/pproj/bin/pproj-wrap", "/pproj/setup", "/pproj/workspace"]
    assert setup["command"] == [*wrapper, "npm", "ci", "$$(HOME)"]  # the kubelet would replace one $
    assert {name: setup.get(name) for name in ("image", "env", "workingDir")} == {
        name: agent.get(name) for name in ("image", "env", "workingDir")
    }
    assert "args" not in setup
    assert mounted(setup).keys() == mounted(agent).keys() - {"/pproj/state"} | {"/pproj/setup"}
    assert "/pproj/setup" in mounted(found["prepare"])
    after = mounted(found["after-setup"])
    assert {"/pproj/private", "/pproj/workspace"} <= after.keys()
    assert instruction(made).setup.command == ("npm", "ci", "$(HOME)")


def test_what_it_made_before_is_on_a_volume_that_the_template_names_and_no_task_sees() -> None:
    assert instruction(job(spec(workspace=SETUP))).setup.cache is None
    made = job(spec({"volumes": [CACHE]}, workspace=SETUP))
    setup = instruction(made).setup
    assert (str(setup.cache), setup.cache_key, setup.image) == ("/pproj/setup-cache", ("package-lock.json",), "x")
    sees = {name for name, container in containers(made).items() if "/pproj/setup-cache" in mounted(container)}
    assert sees == {"prepare", "after-setup"}
    assert CACHE in pod_of(made)["volumes"]


def test_without_a_setup_there_is_none() -> None:
    made = job(spec({"volumes": [CACHE]}))
    assert list(containers(made)) == ["prepare", "agent", "git"]
    assert instruction(made).setup is None


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        ({"initContainers": [{"name": "setup", "image": "x"}]}, "has a container setup"),
        ({"initContainers": [{"name": "after-setup", "image": "x"}]}, "has a container after-setup"),
        (
            {
                "initContainers": [
                    {"name": "i", "image": "x", "volumeMounts": [{"name": CACHE["name"], "mountPath": "/c"}]}
                ]
            },
            "mounts pproj-setup-cache in i",
        ),
    ],
)
def test_a_template_that_does_not_go_with_a_setup_is_refused(pod: Json, found: str) -> None:
    (problem,) = check_for_cluster(parse_spec(spec(pod, workspace=SETUP)))
    assert found in problem.found
    assert check_for_cluster(parse_spec(spec(pod))) == []


@pytest.mark.parametrize(
    ("workspace", "found"),
    [
        ({"copy": [".env"]}, "spec.workspace.copy: is for local runs only: a pod has no checkout of a user"),
        ({"link": ["x"]}, "spec.workspace.link: is for local runs only: a pod has no checkout of a user"),
        ({"ports": 1}, "spec.workspace.ports: is for local runs only: each pod has an address of its own"),
        ({"sandbox": "Bubblewrap"}, "spec.workspace.sandbox: is for local runs only: a pod is isolated"),
        ({"cacheKey": ["x"]}, "spec.workspace.cacheKey: is set, and setup is not"),
    ],
)
def test_what_only_a_machine_of_a_user_has_is_refused(workspace: Json, found: str) -> None:
    (problem,) = check_for_cluster(parse_spec(spec(workspace=workspace)))
    assert str(problem).startswith(found)


def test_a_setup_needs_a_repository() -> None:
    (problem,) = check_for_cluster(parse_spec(spec(workspace={"setup": ["x"]}) | {"git": None}))
    assert str(problem).startswith("spec.workspace: needs a repository to check out")


def ended(code: int, *, deleted: bool = False, ours: bool = True) -> Json:
    made = job(spec(workspace=SETUP))["spec"]["template"]
    metadata = made["metadata"] | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {})
    states = {"prepare": {"terminated": {"exitCode": 0}}, "setup": {"terminated": {"exitCode": code}}}
    states |= {"after-setup": {"waiting": {"reason": "PodInitializing"}}} if ours else {}
    inits = [{"name": name, "state": state} for name, state in states.items()]
    main = [{"name": name, "state": {"waiting": {"reason": "PodInitializing"}}} for name in ("agent", "git")]
    status = {"phase": "Failed", "initContainerStatuses": inits, "containerStatuses": main}
    return {"metadata": metadata, "spec": made["spec"], "status": status}


def test_a_setup_that_fails_is_a_reason_of_its_own_unless_its_pod_was_deleted() -> None:
    found = view_pod(ended(3)).delivered
    assert (found.reason, found.exit_code) == (Reason.SETUP_FAILED, 3)
    assert view_pod(ended(143, deleted=True)).delivered.reason is None
    assert view_pod(ended(3, ours=False)).delivered.reason is None, "a container of the template"
