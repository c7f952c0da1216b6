"""The CRD on a real API server: accepted, told well, and refusing wrong manifests with words that help."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

from parallelproject.model.names import API_VERSION, CRD_NAME, KIND
from parallelproject.model.spec import MAX_TASKS
from rig import ControlPlane

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Kubectl = Callable[..., CompletedProcess[str]]


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str) -> Kubectl:
    """kubectl in a namespace of the test's own."""
    return lambda *arguments, **options: control_plane.kubectl("-n", namespace, *arguments, **options)


def manifest(spec: object = None, name: str = "shop") -> Manifest:
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec or {}}


def apply(kubectl: Kubectl, project: Manifest, *flags: str, check: bool = True) -> CompletedProcess[str]:
    return kubectl("apply", "--server-side", *flags, "-f", "-", input=json.dumps(project), check=check)


def stored(kubectl: Kubectl, *flags: str) -> Manifest:
    found: Manifest = json.loads(kubectl("get", "pproj", "shop", "-o", "json", *flags).stdout)
    return found


def test_is_established_and_structural(control_plane: ControlPlane):
    found = json.loads(control_plane.kubectl("get", "crd", CRD_NAME, "-o", "json").stdout)
    conditions = {condition["type"]: condition["status"] for condition in found["status"]["conditions"]}
    assert conditions == {"Established": "True", "NamesAccepted": "True"}


def test_projects_are_not_deleted_with_all(control_plane: ControlPlane):
    listed = control_plane.kubectl("api-resources", "--categories=all", "-o", "name").stdout.split()
    assert "jobs.batch" in listed
    assert CRD_NAME not in listed


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("spec", ["Maximum number of running tasks. Defaults to 4.", "enum: FinishLevel, Continue, FailFast"]),
        ("spec.tasks", ["id\t<string> -required-", "dependencies\t<[]string>", "Ids of the tasks that must have"]),
        ("spec.tasks.parameters", ["name\t<string> -required-", "PPROJ_PARAM_NAME"]),
        ("spec.roles.podTemplate.spec.containers", ["command\t<[]string>", "the container that runs the task must"]),
        ("status.tasks", ["jobName\t<string>", "enum: Pending, Running, Succeeded, Failed"]),
    ],
)
def test_explain_tells_of_every_field(control_plane: ControlPlane, path: str, told: list[str]):
    said = control_plane.kubectl("explain", f"parallelproject.{path}").stdout
    for words in told:
        assert words in said
    assert "<no description>" not in said
    assert "<empty>" not in said


def task(**fields: object) -> Manifest:
    """A spec of two tasks; the second one has these fields."""
    return {"tasks": [{"id": "first"}, {"id": "second", **fields}]}


def container(**fields: object) -> Manifest:
    """A spec of a role whose pod template has one container, with these fields."""
    return {"roles": [{"name": "coder", "podTemplate": {"spec": {"containers": [fields]}}}]}


ID = "should match '^[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$'"
WRONG: dict[str, tuple[Manifest, list[str]]] = {
    "an enum's value in lower case": (
        manifest({"scheduling": "levels"}),
        ["spec.scheduling", '"levels"', '"Levels", "Graph"'],
    ),
    "an unknown policy": (manifest({"failurePolicy": "Stop"}), ["spec.failurePolicy", '"FailFast"']),
    "an unknown executor": (manifest({"executor": "Pod"}), ["spec.executor", '"Job", "Workflow"']),
    "an unknown overlap": (
        manifest({"conflicts": {"onFileOverlap": "Serialise"}}),
        ["spec.conflicts.onFileOverlap", '"Serialize", "Warn", "Ignore"'],
    ),
    "an unknown strategy": (
        manifest({"git": {"url": "https://git.example/shop.git", "strategy": "BranchPerPerson"}}),
        ["spec.git.strategy", '"SharedBranch", "BranchPerTask"'],
    ),
    "a misspelt field": (manifest({"paralelism": 4}), [".spec.paralelism", "field not declared in schema"]),
    "a misspelt field of a task": (
        manifest(task(dependsOn=["first"])),
        [".spec.tasks[1].dependsOn", "field not declared in schema"],
    ),
    "no parallelism": (manifest({"parallelism": 0}), ["spec.parallelism", "greater than or equal to 1"]),
    "too much parallelism": (manifest({"parallelism": 1001}), ["spec.parallelism", "less than or equal to 1000"]),
    "a number as a string": (manifest({"parallelism": "4"}), [".spec.parallelism", "expected numeric", "got string"]),
    "a fraction": (manifest({"parallelism": 2.5}), ["spec.parallelism", "must be of type int32"]),
    "a number beyond any integer": (manifest({"parallelism": 10**30}), ["spec.parallelism", "equal to 1000"]),
    "a word for a boolean": (manifest({"suspend": "yes"}), [".spec.suspend", "expected boolean, got &{yes}"]),
    "a negative time to live": (
        manifest({"ttlSecondsAfterFinished": -1}),
        ["spec.ttlSecondsAfterFinished", "greater than or equal to 0"],
    ),
    "a deadline of nothing": (
        manifest(task(activeDeadlineSeconds=0)),
        ["spec.tasks[1].activeDeadlineSeconds", "greater than or equal to 1"],
    ),
    "a task on itself": (
        manifest(task(dependencies=["first", "second"])),
        ["spec.tasks[1].dependencies", '"second" cannot depend on itself; remove it from its dependencies'],
    ),
    "a task without id": (manifest({"tasks": [{"title": "Build"}]}), ["spec.tasks[0].id", "Required value"]),
    "an id that begins with a dash": (manifest({"tasks": [{"id": "-a"}]}), ["spec.tasks[0].id", '"-a"', ID]),
    "an id with a space": (manifest({"tasks": [{"id": "a b"}]}), ["spec.tasks[0].id", '"a b"', ID]),
    "an id with a line's end": (manifest({"tasks": [{"id": "a\n"}]}), ["spec.tasks[0].id", ID]),
    "an id of 64 characters": (manifest({"tasks": [{"id": "a" * 64}]}), ["spec.tasks[0].id", "more than 63"]),
    "an empty dependency": (manifest(task(dependencies=[""])), ["spec.tasks[1].dependencies[0]", "at least 1 chars"]),
    "a dependency, not a list": (
        manifest(task(dependencies="first")),
        [".spec.tasks[1].dependencies", "expected list"],
    ),
    "a title of 513 characters": (manifest(task(title="é" * 513)), ["spec.tasks[1].title", "more than 512"]),
    "a description of 64 KiB": (
        manifest(task(description="x" * 65_537)),
        ["spec.tasks[1].description", "Too long: may not be more than"],
    ),
    "2,001 dependencies": (
        manifest(task(dependencies=[f"t{i}" for i in range(MAX_TASKS + 1)])),
        ["spec.tasks[1].dependencies", "2001", "at most 2000 items"],
    ),
    "2,001 tasks": (
        manifest({"tasks": [{"id": f"t{i}"} for i in range(MAX_TASKS + 1)]}),
        ["spec.tasks", "Too many: 2001", "at most 2000 items"],
    ),
    "tasks by id": (manifest({"tasks": {"first": {}}}), [".spec.tasks", "expected list"]),
    "a task that is a string": (manifest({"tasks": ["first"]}), [".spec.tasks[0]", "expected map"]),
    "a parameter twice": (
        manifest(task(parameters=[{"name": "a"}, {"name": "a"}])),
        [".spec.tasks[1].parameters", 'duplicate entries for key [name="a"]'],
    ),
    "a parameter's name with a digit first": (
        manifest(task(parameters=[{"name": "1a"}])),
        ["spec.tasks[1].parameters[0].name", "should match '^[A-Za-z_]"],
    ),
    "a role twice": (
        manifest({"roles": [{"name": "coder"}, {"name": "coder"}]}),
        [".spec.roles", 'duplicate entries for key [name="coder"]'],
    ),
    "a role in capitals": (
        manifest({"roles": [{"name": "Coder"}]}),
        ["spec.roles[0].name", '"Coder"', "should match '^[a-z0-9]"],
    ),
    "a pod template without containers": (
        manifest({"roles": [{"name": "coder", "podTemplate": {"spec": {"containers": []}}}]}),
        ["spec.roles[0].podTemplate.spec.containers", "at least 1 items"],
    ),
    "a pod template without spec": (
        manifest({"roles": [{"name": "coder", "podTemplate": {"containers": []}}]}),
        ["spec.roles[0].podTemplate.spec", "Required value"],
    ),
    "a container without name": (
        manifest(container(image="agent:1")),
        [".podTemplate.spec.containers", 'omits all key fields ["name"]'],
    ),
    "a command that is a string": (
        manifest(container(name="agent", command="agent --run")),
        [".command", "expected list, got &{agent --run}"],
    ),
    "a name of 64 characters": (
        manifest(name="a" * 64),
        ["metadata.name", "at most 63 characters", "label's value", "shorten it"],
    ),
    "no spec": (
        {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "shop"}},
        ["spec: Required value"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_manifest_is_refused_with_its_field_and_what_would_be_right(kubectl: Kubectl, case: str):
    project, told = WRONG[case]
    refused = apply(kubectl, project, "--dry-run=server", check=False)
    assert refused.returncode == 1
    for words in told:
        assert words in refused.stderr


def test_a_role_twice_is_refused_at_create_too(kubectl: Kubectl):
    project = manifest({"roles": [{"name": "coder"}, {"name": "coder"}]})
    refused = kubectl("create", "-f", "-", input=json.dumps(project), check=False)
    assert 'spec.roles[1]: Duplicate value: {"name":"coder"}' in refused.stderr


def test_two_tasks_of_one_id_are_left_to_the_operator(kubectl: Kubectl):
    apply(kubectl, manifest({"tasks": [{"id": "a"}, {"id": "a"}]}), "--dry-run=server")


def test_the_executor_cannot_be_changed(kubectl: Kubectl):
    apply(kubectl, manifest())
    refused = apply(kubectl, manifest({"executor": "Workflow"}), check=False)
    assert 'spec.executor: Invalid value: "Workflow": executor cannot be changed later' in refused.stderr


def test_what_is_left_out_and_matters_is_written_by_the_server(kubectl: Kubectl):
    apply(kubectl, manifest(task()))
    assert stored(kubectl)["spec"] == {
        "suspend": False,
        "scheduling": "Levels",
        "parallelism": 4,
        "failurePolicy": "FinishLevel",
        "executor": "Job",
        **task(),
    }


def test_the_contracts_null_group_is_accepted(kubectl: Kubectl):
    apply(kubectl, manifest(task(group=None)))


def test_two_who_apply_the_same_do_not_conflict(kubectl: Kubectl):
    project = manifest({"roles": [{"name": "coder", "podTemplate": {"spec": {"containers": [{"name": "agent"}]}}}]})
    project["spec"] |= task(parameters=[{"name": "endpoint"}])
    apply(kubectl, project, "--field-manager=one")
    before = stored(kubectl)
    apply(kubectl, project, "--field-manager=two")
    apply(kubectl, project, "--field-manager=one")
    assert stored(kubectl)["metadata"]["generation"] == before["metadata"]["generation"] == 1


def test_another_may_own_a_role_or_a_retry_of_its_own(kubectl: Kubectl):
    apply(kubectl, manifest({"roles": [{"name": "coder"}], **task()}), "--field-manager=one")
    apply(kubectl, manifest({"retries": [{"id": "first", "forgive": 1}]}), "--field-manager=two")
    apply(kubectl, manifest({"roles": [{"name": "tester"}]}), "--field-manager=three")
    spec = stored(kubectl)["spec"]
    assert [role["name"] for role in spec["roles"]] == ["coder", "tester"]
    assert spec["retries"] == [{"id": "first", "forgive": 1}]
    assert spec["tasks"] == task()["tasks"]


def test_the_rest_of_a_pod_template_is_kept(kubectl: Kubectl):
    template = {
        "metadata": {"labels": {"team": "shop"}, "annotations": {"note": "x" * 1000}, "name": "kept"},
        "spec": {
            "containers": [
                {
                    "name": "agent",
                    "image": "registry.example/agent:1.4",
                    "command": ["agent", "$(PPROJ_TASK_FILE)"],
                    "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                }
            ],
            "volumes": [{"name": "work", "emptyDir": {}}],
            "nodeSelector": {"disk": "fast"},
        },
    }
    apply(kubectl, manifest({"roles": [{"name": "coder", "podTemplate": template}]}))
    assert stored(kubectl)["spec"]["roles"][0]["podTemplate"] == template


def test_a_whole_number_written_with_a_point_is_stored_without(kubectl: Kubectl):
    kubectl("create", "-f", "-", input=json.dumps(manifest({"parallelism": 8.0})))
    assert '"parallelism": 8,' in kubectl("get", "pproj", "shop", "-o", "json").stdout


def big_project() -> Manifest:
    """As many tasks as may be, each with a description, and dependencies."""
    tasks = [
        {
            "id": f"task-{i:04}",
            "title": f"Task number {i}",
            "description": f"Do what is written in docs/tasks/{i}.md, and " + "then look at it again, " * 14,
            "dependencies": [f"task-{j:04}" for j in range(max(0, i - 5), i)],
            "files": [f"src/part{i}/**"],
        }
        for i in range(MAX_TASKS)
    ]
    return manifest({"tasks": tasks})


def test_the_biggest_project_is_applied_and_so_is_its_status(kubectl: Kubectl):
    project = big_project()
    size = len(json.dumps(project, separators=(",", ":")))
    assert 1_000_000 < size < 1_200_000
    apply(kubectl, project)
    rows = [
        {
            "id": task["id"],
            "state": "Running",
            "level": i,
            "attempts": 1,
            "startTime": "2026-01-01T00:00:00Z",
            "jobName": f"shop-{task['id']}-1-0123abcd",
        }
        for i, task in enumerate(project["spec"]["tasks"])
    ]
    patch_status(kubectl, {"tasks": rows})
    found = stored(kubectl, "--show-managed-fields")
    assert found["spec"]["tasks"] == project["spec"]["tasks"]
    assert len(found["status"]["tasks"]) == MAX_TASKS
    assert len(json.dumps(found["metadata"]["managedFields"])) < 2_000  # whole lists have one owner


def patch_status(kubectl: Kubectl, status: Manifest) -> None:
    patch = json.dumps({"status": status})
    kubectl("patch", "pproj", "shop", "--subresource=status", "--type=merge", "--patch-file=/dev/stdin", input=patch)


def test_columns_tell_how_a_project_stands(kubectl: Kubectl):
    apply(kubectl, manifest(task()))
    assert kubectl("get", "parallelprojects").stdout.splitlines()[0].split() == [
        *("NAME", "SUCCEEDED", "REASON", "LEVEL", "PROGRESS", "RUNNING", "FAILED", "NEEDS", "AGE"),
    ]
    at = "2026-01-01T00:00:00Z"
    counts = {"total": 40, "pending": 17, "running": 3, "succeeded": 17, "failed": 1, "skipped": 2}
    succeeded = {"type": "Succeeded", "status": "Unknown", "reason": "Running", "message": "3 tasks are running"}
    conditions = [
        {"type": "Accepted", "status": "True", "reason": "GraphValid", "lastTransitionTime": at},
        {"type": "Suspended", "status": "False", "reason": "NotRequested", "lastTransitionTime": at},
        succeeded | {"lastTransitionTime": at},
    ]
    patch_status(
        kubectl, {"progress": "17/40", "level": "2/6", "currentLevel": "L1", "counts": counts, "conditions": conditions}
    )

    row = kubectl("get", "pproj", "--no-headers").stdout.split()
    assert row[:-1] == ["shop", "Unknown", "Running", "L1", "17/40", "3", "1"]
    head, wide = kubectl("get", "pproj", "-o", "wide").stdout.splitlines()
    assert head.split()[9:] == ["SKIPPED", "SUSPENDED", "PARALLELISM", "SPEEDUP", "MESSAGE"]
    assert wide[head.index("SKIPPED") :].split() == ["2", "False", "4", "3", "tasks", "are", "running"]


def test_a_status_may_not_have_two_conditions_of_one_type(kubectl: Kubectl):
    apply(kubectl, manifest())
    one = {"type": "Accepted", "status": "True", "reason": "A", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    patch = json.dumps({"status": {"conditions": [one, one]}})
    refused = kubectl("patch", "pproj", "shop", "--subresource=status", "--type=merge", "-p", patch, check=False)
    assert 'status.conditions[1]: Duplicate value: {"type":"Accepted"}' in refused.stderr


def test_the_status_cannot_be_written_along_with_the_spec(kubectl: Kubectl):
    apply(kubectl, manifest() | {"status": {"progress": "1/1"}})
    assert "progress" not in stored(kubectl).get("status", {})
