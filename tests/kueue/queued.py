"""A namespace with queues of Kueue, and what its tests do with them."""

from typing import Any

from parallelproject.kube.client import MERGE_PATCH
from rig.kueue import RESOURCE, Kueue
from tests.controller.cluster import Json, Namespace, role, rows
from tests.controller.cluster import spec as plain_spec

KUEUE = "/apis/kueue.x-k8s.io/v1beta2"


def spec(*tasks: Json, queue: str = "", **fields: Any) -> Json:
    """A spec whose Jobs ask for a CPU each, in a queue if one is given."""
    if queue:
        fields["queueName"] = queue
    fields.setdefault("roles", [needs_cpu(role())])
    return plain_spec(*tasks, **fields)


def needs_cpu(made: Json, cpus: str = "1") -> Json:
    """A role whose pods ask for a CPU."""
    made["podTemplate"]["spec"]["containers"][0]["resources"] = {"requests": {RESOURCE: cpus}}
    return made


class QueuedNamespace(Namespace):
    """A namespace in which Kueue admits Jobs."""

    kueue: Kueue

    def queue(self, jobs: int, name: str = "q", **fields: Any) -> str:
        """Makes a queue with quota for some Jobs, or changes that; its name, which no other namespace has."""
        made = f"{name}-{self.name}"
        self.kueue.queue(made, self.name, jobs=jobs, **fields)
        return made

    def priority_classes(self) -> None:
        """Makes the classes of P0 and P4."""
        for name, value in (("p0", 100), ("p4", -100)):
            self.kueue.priority_class(f"parallelproject-{name}", value)

    def workload(self, task: str) -> Json:
        """The Workload of the last Job of a task, once it is there."""

        def found() -> Json | None:
            jobs = self.jobs(task)
            uid = jobs[-1]["metadata"]["uid"] if jobs else "none"
            path = f"{KUEUE}/namespaces/{self.name}/workloads?labelSelector=kueue.x-k8s.io/job-uid%3D{uid}"
            items: list[Json] = self.client("GET", path)["items"]
            return items[0] if items else None

        return self.until(found, f"the Workload of {task}")

    def set_active(self, task: str, *, active: bool) -> None:
        """Lets Kueue admit the Job of a task, or not, as an administrator does by hand."""
        name = self.workload(task)["metadata"]["name"]
        path = f"{KUEUE}/namespaces/{self.name}/workloads/{name}"
        self.client("PATCH", path, {"spec": {"active": active}}, content_type=MERGE_PATCH)

    def waiting(self, *tasks: str, name: str = "p") -> None:
        """Waits until these tasks, and no others, wait for quota, by the status."""
        self.wait(lambda project: waiting_of(project) == set(tasks), f"{tasks} to wait for quota", name)

    def running(self, *tasks: str, name: str = "p") -> None:
        """Waits until these tasks, and no others, run, by the status and by their pods."""

        def seen(project: Json) -> bool:
            by_status = {task for task, row in rows(project).items() if row["state"] == "Running"}
            held = {pod["metadata"]["labels"]["parallelproject.io/task"] for pod in self.held(name)}
            return by_status == held == set(tasks)

        self.wait(seen, f"{tasks} to run", name)


def waiting_of(project: Json) -> set[str]:
    """The tasks that wait for quota, by a status."""
    found = [(task, row) for task, row in rows(project).items() if row.get("queued")]
    assert all((row["state"], row["reason"]) == ("Pending", "WaitingForQuota") for _, row in found)
    return {task for task, _ in found}
