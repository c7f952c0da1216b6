"""What the tests do in a namespace: projects made, changed and waited for, by the operator's own client."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from parallelproject.kube.client import MERGE_PATCH, Api, ApiError
from parallelproject.model.names import API_VERSION, KIND, PLURAL
from rig import ControlPlane
from rig.deadline import T, until
from tests.forkserver import pproj

Json = dict[str, Any]

LABEL = "parallelproject.io"
RELEASE = "rig.parallelproject.io/release"
"""The annotation that ends a held pod, see tools/rig/stages/pod-end.yaml."""
SECONDS = 180
"""Longest time that a test waits for one thing: only a test that fails waits for so long."""
_EVERY = 1_000_000
"""More attempts than any task has."""


class Client:
    """The operator's own client, called from code that is not asynchronous."""

    def __init__(self, kubeconfig: str) -> None:
        self._runner = asyncio.Runner()
        self._api = self._runner.run(self._open(kubeconfig))

    @staticmethod
    async def _open(kubeconfig: str) -> Api:
        return await (await Api.connect(kubeconfig)).__aenter__()

    def __call__(
        self, method: str, path: str, body: Json | None = None, *, content_type: str = "application/json"
    ) -> Json:
        """One request and its answer; raises ApiError."""
        return self._runner.run(self._api.request(method, path, body, content_type=content_type))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._runner.run(self._api.__aexit__())
        self._runner.close()


def task(
    id: str,
    *dependencies: str,
    seconds: float | None = None,
    fail_attempts: int | None = None,
    exit_code: int | None = None,
    hold: bool | int = False,
    **fields: Any,
) -> Json:
    """A task; how its fake pod behaves stands in its parameters.

    Args:
        id: Its id.
        dependencies: The ids of those that it waits for.
        seconds: How long each attempt runs; at once over without it. No test may depend on it: see ``hold``.
        fail_attempts: How many of its first attempts fail.
        exit_code: The exit code of those.
        hold: Each attempt runs until ``Namespace.release``; a number holds that many of the first attempts only.
        fields: Further fields of the task.
    """
    hold_attempts = _EVERY if hold is True else hold or None
    wanted = {
        "seconds": seconds,
        "fail_attempts": fail_attempts,
        "exit_code": exit_code,
        "hold_attempts": hold_attempts,
    }
    parameters = [{"name": name, "value": str(value)} for name, value in wanted.items() if value is not None]
    made: Json = {"id": id, **fields}
    if dependencies:
        made["dependencies"] = list(dependencies)
    if parameters:
        made["parameters"] = parameters
    return made


def role(name: str = "coder", **fields: Any) -> Json:
    """A role whose pods do nothing."""
    pod = {"spec": {"containers": [{"name": "agent", "image": "none", "command": ["true"]}]}}
    return {"name": name, "podTemplate": pod, **fields}


def spec(*tasks: Json, backoff: int = 0, roles: Sequence[Json] | None = None, **fields: Any) -> Json:
    """A spec, without waits after failures unless asked for."""
    defaults = {"backoffSeconds": backoff, **fields.pop("defaults", {})}
    return {"roles": [role()] if roles is None else list(roles), "defaults": defaults, "tasks": list(tasks), **fields}


def condition(project: Mapping[str, Any], kind: str) -> Json:
    """The condition of one type; empty if it is absent."""
    found: list[Json] = (project.get("status") or {}).get("conditions") or []
    return next((c for c in found if c["type"] == kind), {})


def has_completed(project: Mapping[str, Any]) -> bool:
    """Whether a project has completed, as its present spec says."""
    done = condition(project, "Completed")
    return done.get("status") == "True" and done.get("observedGeneration") == project["metadata"]["generation"]


class Namespace:
    """One namespace of the test's own."""

    def __init__(self, cluster: ControlPlane, client: Client, name: str) -> None:
        self.cluster = cluster
        self.client = client
        self.name = name

    def kubectl(self, *arguments: str, **options: Any) -> str:
        """kubectl here; what it prints."""
        return self.cluster.kubectl("-n", self.name, *arguments, **options).stdout

    def pproj(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """``pproj`` here."""
        done = pproj(*arguments, "-n", self.name, "--kubeconfig", str(self.cluster.kubeconfig))
        assert not check or done.returncode == 0, done.stderr
        return done

    def why(self, task: str, project: str = "p") -> str:
        """What ``pproj why`` says of a task."""
        return self.pproj("why", project, task).stdout

    def path(self, project: str = "") -> str:
        """Path of a project, or of all."""
        end = f"/{project}" if project else ""
        return f"/apis/{API_VERSION}/namespaces/{self.name}/{PLURAL}{end}"

    def create(self, spec: Json, name: str = "p", **metadata: Any) -> Json:
        """Create a project."""
        metadata = {"name": name, "namespace": self.name, **metadata}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
        return self.client("POST", self.path(), body)

    def get(self, name: str = "p") -> Json:
        """A project."""
        return self.client("GET", self.path(name))

    def patch(self, spec: Json, name: str = "p") -> Json:
        """Merge a change into a project's spec."""
        return self.client("PATCH", self.path(name), {"spec": spec}, content_type=MERGE_PATCH)

    def delete(self, name: str = "p", propagation: str = "Background") -> None:
        """Delete a project."""
        self.client("DELETE", self.path(name), {"propagationPolicy": propagation})

    def exists(self, name: str = "p") -> bool:
        """Whether a project is there."""
        return not self.is_gone(self.path(name))

    def is_gone(self, path: str) -> bool:
        """Whether there is nothing at a path."""
        try:
            self.client("GET", path)
        except ApiError as error:
            if error.status == 404:
                return True
            raise
        return False

    def jobs(self, task: str | None = None) -> list[Json]:
        """The Jobs here, of one task or all, by attempt; "" is publishing."""
        return self._list("/apis/batch/v1", "jobs", task)

    def delete_job(self, task: str) -> None:
        """Delete the Job of a task's last attempt, with its pods, by one quick request."""
        name = self.jobs(task)[-1]["metadata"]["name"]
        path = f"/apis/batch/v1/namespaces/{self.name}/jobs/{name}"
        self.client("DELETE", path, {"propagationPolicy": "Background"})

    def workflows(self, task: str | None = None) -> list[Json]:
        """The Workflows here, of one task or all, by attempt."""
        return self._list("/apis/argoproj.io/v1alpha1", "workflows", task)

    def pods(self, task: str | None = None) -> list[Json]:
        """The pods here, of one task or all."""
        return self._list("/api/v1", "pods", task)

    def release(self, *tasks: str, name: str = "p") -> None:
        """Let the running attempts of held tasks end; waits until each of the tasks has one.

        Args:
            tasks: Their ids.
            name: Their project.
        """
        for each in tasks:
            self.until(
                lambda each=each: self.release_pods(self.held(name, each)),
                f"a held attempt of {each} of project {name}",
            )

    def held(self, name: str = "p", task: str | None = None) -> list[Json]:
        """The pods of a project, or of one of its tasks, that run and have not been released."""
        return [
            pod
            for pod in self.pods(task)
            if pod["metadata"]["labels"].get(f"{LABEL}/project") == name
            and pod["status"].get("phase") == "Running"
            and not pod["metadata"].get("deletionTimestamp")
            and RELEASE not in pod["metadata"].get("annotations", {})
        ]

    def release_until_end(self, *names: str) -> list[Json]:
        """Release whatever runs held of some projects until they have completed; the projects then."""
        wanted = names or ("p",)

        def ended() -> bool:
            self.release_pods(pod for name in wanted for pod in self.held(name))
            return all(has_completed(self.get(name)) for name in wanted)

        self.until(ended, f"the end of {', '.join(wanted)}")
        return [self.get(name) for name in wanted]

    def release_pods(self, pods: Iterable[Json]) -> bool:
        """Let some pods end at once; whether any of them was still there."""
        return any([self._annotate(pod, RELEASE) for pod in pods])  # noqa: C419 - all of them, not the first

    def _annotate(self, pod: Json, annotation: str) -> bool:
        """Set an annotation to true; whether the pod was there."""
        body: Json = {"metadata": {"annotations": {annotation: "true"}}}
        path = f"/api/v1/namespaces/{self.name}/pods/{pod['metadata']['name']}"
        try:
            self.client("PATCH", path, body, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _list(self, group: str, plural: str, task: str | None) -> list[Json]:
        found: list[Json] = self.client("GET", f"{group}/namespaces/{self.name}/{plural}")["items"]
        of_task = [o for o in found if task is None or o["metadata"]["labels"].get(f"{LABEL}/task", "") == task]
        return sorted(of_task, key=lambda o: int(o["metadata"]["labels"].get(f"{LABEL}/attempt", 0)))

    def events(self, name: str = "p") -> list[tuple[str, str]]:
        """Reasons and messages of the Events of a project, in order."""
        found = self.client("GET", f"/api/v1/namespaces/{self.name}/events")["items"]
        of_project = [e for e in found if e["involvedObject"]["name"] == name and e["involvedObject"]["kind"] == KIND]
        of_project.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
        return [(e["reason"], e.get("message") or "") for e in of_project]

    def until(self, wanted: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
        """Wait for something. A server that is out of breath has not said that it is not so."""

        def asked() -> T | None:
            try:
                return wanted()
            except ApiError as error:
                if error.is_definite:
                    raise
                return None  # as "Too large resource version", while its cache is behind

        found = until(asked, what, seconds=seconds)
        assert found is not None
        return found

    def wait(self, wanted: Callable[[Json], object], what: str, name: str = "p", seconds: float = SECONDS) -> Json:
        """Wait until a project is as wanted; the project then."""
        last: Json = {}

        def holds() -> bool:
            nonlocal last
            last = self.get(name)
            try:
                return bool(wanted(last))
            except KeyError:  # no status yet, or no such row
                return False

        try:
            self.until(holds, f"{what} of project {name}", seconds)
        except Exception as error:
            error.add_note(json.dumps(last.get("status"), indent=1)[:6000])
            raise
        return last

    def wait_end(self, name: str = "p", seconds: float = SECONDS) -> Json:
        """Wait until a project has completed; the project then."""
        return self.wait(has_completed, "the end", name, seconds)

    def wait_state(self, task: str, state: str, reason: str | None = None, name: str = "p") -> Json:
        """Wait until the row of a task has a state, and a reason if one is given; the row."""

        def found(project: Json) -> bool:
            row = rows(project).get(task, {})
            return row.get("state") == state and reason in (None, row.get("reason"))

        return rows(self.wait(found, f"{task} to be {state} {reason or ''}", name))[task]


def rows(project: Mapping[str, Any]) -> dict[str, Json]:
    """The rows of a project's status by task id."""
    return {row["id"]: row for row in (project.get("status") or {}).get("tasks") or ()}


def states(project: Mapping[str, Any]) -> dict[str, str]:
    """States by task id."""
    return {task_id: row["state"] for task_id, row in rows(project).items()}
