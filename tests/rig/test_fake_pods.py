"""How pods behave on the fake nodes: their environment variables say."""

import itertools
import json
import time
from typing import Any

import pytest

from rig import ControlPlane
from rig.deadline import until

pytestmark = pytest.mark.cluster


def container(name: str, **env: object) -> dict[str, Any]:
    return {"name": name, "image": "none", "env": [{"name": key, "value": str(env[key])} for key in env]}


def pod_spec(restart_policy: str = "Never", **env: Any) -> dict[str, Any]:
    return {
        "restartPolicy": restart_policy,
        "initContainers": [container("prepare"), container("sidecar") | {"restartPolicy": "Always"}],
        "containers": [container("task", **env), container("land")],
    }


def pod(name: str, *, attempt: int | None = None, restart_policy: str = "Never", **env: Any) -> dict[str, Any]:
    labels = {} if attempt is None else {"parallelproject.io/attempt": str(attempt)}
    spec = pod_spec(restart_policy, **env)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def job(name: str, *, deadline_seconds: int | None = None, **env: Any) -> dict[str, Any]:
    """A Job as the operator makes them: one pod, never two, evictions not counted."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": deadline_seconds,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {"spec": pod_spec(**env)},
        },
    }


class Namespace:
    """kubectl in one namespace."""

    def __init__(self, cluster: ControlPlane, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def create(self, *objects: dict[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.cluster.kubectl("create", "-n", self.name, "-f", "-", input=json.dumps(items))

    def wait(self, condition: str, *what: str) -> None:
        self.cluster.kubectl("wait", "-n", self.name, f"--for={condition}", "--timeout=120s", *what)

    def annotate(self, what: str, annotation: str) -> None:
        self.cluster.kubectl("annotate", "-n", self.name, what, annotation)

    def get(self, what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cluster.kubectl("get", "-n", self.name, what, "-o", "json").stdout)
        return found

    def pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("pods")["items"]
        return found


@pytest.fixture
def ns(control_plane: ControlPlane, namespace: str) -> Namespace:
    return Namespace(control_plane, namespace)


def phase(name: str) -> str:
    return f"jsonpath={{.status.phase}}={name}"


def conditions(of: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c.get("reason", "")) for c in of["status"]["conditions"]}


def exits(of: dict[str, Any], kind: str = "containerStatuses") -> dict[str, tuple[int, str]]:
    ended = {status["name"]: status["state"]["terminated"] for status in of["status"][kind]}
    assert all(state["startedAt"] <= state["finishedAt"] for state in ended.values())
    return {name: (state["exitCode"], state["reason"]) for name, state in ended.items()}


def test_a_pod_without_variables_succeeds_at_once_with_a_full_status(ns: Namespace) -> None:
    ns.create(pod("plain"))
    ns.wait(phase("Succeeded"), "pod/plain")
    ended = ns.get("pod/plain")
    assert exits(ended) == {"task": (0, "Completed"), "land": (0, "Completed")}
    assert exits(ended, "initContainerStatuses") == {"prepare": (0, "Completed"), "sidecar": (0, "Completed")}
    assert ended["status"]["startTime"]
    assert ended["status"]["podIP"] == ended["status"]["podIPs"][0]["ip"]
    assert conditions(ended)["Ready"] == ("False", "PodCompleted")
    assert conditions(ended)["Initialized"] == ("True", "")


def test_a_running_pod_is_ready_and_one_that_restarts_always_never_ends(ns: Namespace) -> None:
    ns.create(pod("runs", PPROJ_PARAM_SECONDS=60), pod("serves", restart_policy="Always"))
    ns.wait("condition=Ready", "pod/runs", "pod/serves")
    assert ns.get("pod/serves")["status"]["phase"] == "Running"


@pytest.mark.parametrize("seconds", [0.3, 1.25])
def test_no_pod_runs_for_less_than_its_seconds(ns: Namespace, seconds: float) -> None:
    ns.create(pod("timed", PPROJ_PARAM_SECONDS=seconds))
    ns.wait(phase("Succeeded"), "pod/timed")
    assert seconds <= time.time() - started(ns.get("pod/timed"))


def test_changes_of_the_pod_do_not_make_it_run_for_longer(ns: Namespace) -> None:
    ns.create(pod("timed", PPROJ_PARAM_SECONDS=3))
    changes = itertools.count()

    def ended() -> bool:
        """Were each change to begin its time anew, it would never end."""
        ns.annotate("pod/timed", f"change-{next(changes)}=made")
        return bool(ns.get("pod/timed")["status"].get("phase") == "Succeeded")

    until(ended, "the pod to end", seconds=120)
    assert next(changes) > 1


def started(of: dict[str, Any]) -> float:
    """When it started, in seconds since the epoch with fractions, see stages/pod-run.yaml."""
    container_id: str = of["status"]["containerStatuses"][0]["containerID"]
    return int(container_id.split("/")[2]) / 1000


def test_attempts_fail_as_often_as_they_are_told_to(ns: Namespace) -> None:
    told: dict[str, Any] = {"PPROJ_PARAM_FAIL_ATTEMPTS": 2}
    ns.create(
        pod("first", attempt=1, **told),
        pod("second", attempt=2, PPROJ_PARAM_EXIT_CODE=42, PPROJ_PARAM_SECONDS=0.2, **told),
        pod("third", attempt=3, PPROJ_PARAM_EXIT_CODE=42, **told),
        pod("unlabelled", **told),
    )
    ns.wait(phase("Failed"), "pod/first", "pod/second")
    ns.wait(phase("Succeeded"), "pod/third", "pod/unlabelled")
    assert exits(ns.get("pod/first")) == {"task": (1, "Error"), "land": (0, "Completed")}
    assert exits(ns.get("pod/second")) == {"task": (42, "Error"), "land": (0, "Completed")}
    assert conditions(ns.get("pod/first"))["Ready"] == ("False", "PodFailed")


@pytest.mark.parametrize(
    ("end", "gate", "ends", "outcome"),
    [
        ("", False, (0, 0), "Held"),
        ("", True, (0, 0), "Passed"),
        ("rejected", True, (1, 27), "Rejected"),
        ("killed", True, (137, 0), ""),
        ("later", True, (75, 0), ""),
        ("conflict", True, (0, 20), "Conflict"),
    ],
)
def test_a_pod_at_a_step_ends_as_it_is_told_to(
    ns: Namespace, end: str, gate: bool, ends: tuple[int, int], outcome: str
) -> None:
    name = f"{end or 'well'}-{gate}".lower()
    made = pod(name, attempt=2, PPROJ_PARAM_STEP_ENDS=f"1:killed 2:{end}" if end else "1:killed 12:killed")
    made["spec"]["containers"].append(container("git"))
    told = {"step": {"name": "x", "gate": gate, "last": False, "onlyLands": False}}
    made["metadata"]["annotations"] = {"parallelproject.io/delivery": json.dumps(told)}
    ns.create(made)
    ns.wait(phase("Failed" if any(ends) else "Succeeded"), f"pod/{name}")
    found = {each["name"]: each["state"]["terminated"] for each in ns.get(f"pod/{name}")["status"]["containerStatuses"]}
    assert (found["task"]["exitCode"], found["git"]["exitCode"]) == ends
    message = found["git"].get("message", "")
    assert json.loads(message.partition("\n")[0] or "{}").get("outcome", "") == outcome
    assert ("report of attempt 2" in message) == (end == "rejected")


def test_a_held_pod_runs_until_it_is_released(ns: Namespace) -> None:
    ns.create(
        pod("first", attempt=1, PPROJ_PARAM_HOLD_ATTEMPTS=1), pod("second", attempt=2, PPROJ_PARAM_HOLD_ATTEMPTS=1)
    )
    ns.wait(phase("Succeeded"), "pod/second")
    ns.wait(phase("Running"), "pod/first")
    ns.annotate("pod/first", "seen=yes")
    ns.create(pod("later"))
    ns.wait(phase("Succeeded"), "pod/later")
    assert ns.get("pod/first")["status"]["phase"] == "Running"
    ns.annotate("pod/first", "rig.parallelproject.io/release=true")
    ns.wait(phase("Succeeded"), "pod/first")


def test_a_held_pod_ends_when_it_is_deleted_or_evicted(ns: Namespace) -> None:
    ns.create(*(pod(name, PPROJ_PARAM_HOLD_ATTEMPTS=1) for name in ("evicted", "deleted")))
    ns.wait(phase("Running"), "pod/evicted", "pod/deleted")
    ns.annotate("pod/evicted", "rig.parallelproject.io/evict=true")
    ns.wait(phase("Failed"), "pod/evicted")
    ns.cluster.kubectl("delete", "-n", ns.name, "pod/deleted", "--wait", "--timeout=120s")


def test_jobs_complete(ns: Namespace) -> None:
    ns.create(job("one"), job("two", PPROJ_PARAM_SECONDS=0.5))
    ns.wait("condition=Complete", "job/one", "job/two")


def test_a_deadline_ends_a_job_and_its_pod(ns: Namespace) -> None:
    ns.create(job("long", deadline_seconds=1, PPROJ_PARAM_SECONDS=60))
    ns.wait("condition=Failed", "job/long")
    assert conditions(ns.get("job/long"))["Failed"] == ("True", "DeadlineExceeded")
    ns.wait("delete", "pod", "--selector=job-name=long")


def test_a_deleted_pod_ends_and_goes_promptly(ns: Namespace) -> None:
    ns.create(pod("stays", PPROJ_PARAM_SECONDS=60))
    ns.wait(phase("Running"), "pod/stays")
    ns.cluster.kubectl("delete", "-n", ns.name, "pod/stays", "--grace-period=3600", "--wait", "--timeout=120s")


def test_a_deleted_jobs_running_pod_goes_with_it(ns: Namespace) -> None:
    ns.create(job("long", PPROJ_PARAM_SECONDS=60))
    ns.wait("jsonpath={.status.active}=1", "job/long")
    ns.cluster.kubectl("delete", "-n", ns.name, "job/long", "--cascade=foreground")
    assert ns.pods() == []


def test_an_evicted_pod_fails_with_a_disruption_that_its_job_ignores(ns: Namespace) -> None:
    ns.create(job("evicted", PPROJ_PARAM_SECONDS=60))
    ns.wait("create", "pod", "--selector=job-name=evicted")
    ns.wait(phase("Running"), "pod", "--selector=job-name=evicted")
    victim = "pod/" + ns.pods()[0]["metadata"]["name"]
    ns.annotate(victim, "rig.parallelproject.io/evict=true")
    ns.wait(phase("Failed"), victim)
    ended = ns.get(victim)
    assert conditions(ended)["DisruptionTarget"] == ("True", "EvictionByEvictionAPI")
    assert exits(ended)["task"] == (137, "Error")
    counted = until(lambda: not ns.get(victim)["metadata"].get("finalizers"), "its Job to count it", seconds=60)
    assert counted
    status = ns.get("job/evicted")["status"]
    assert "failed" not in status  # its next pod comes 10 s later: the Job controller's back-off
    assert "conditions" not in status
