"""A load as each side wants it: a ParallelProject, or the Jobs themselves for the bare client."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from bench.load import Load, Task
from bench.reference import LABEL
from parallelproject.core.graph.graph import compile_graph
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.task_job import job_manifest
from parallelproject.model.names import API_VERSION, KIND, LABEL_MANAGED_BY
from parallelproject.model.project import parse_spec

Json = dict[str, Any]

OWNER = "owner"
"""Name of a ConfigMap that owns the bare client's Jobs, where they are to have an owner."""
_CONTAINER: Json = {"name": "agent", "image": "none", "command": ["true"]}


class Body(Enum):
    """Which Jobs the bare client creates."""

    SMALL = "as small as Jobs can be"
    OURS = "the very Jobs that the operator creates; the client is told of all that happens to them, as the operator is"


def project_body(load: Load) -> Json:
    """The ParallelProject of a load."""
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": load.name}, "spec": _spec(load)}


def reference_work(namespace: str, loads: Sequence[Load], body: Body = Body.SMALL, owner_uid: str = "") -> Json:
    """What ``bench.reference`` is told; of tasks that are ready, the one with the longest way to the end goes first.

    Args:
        owner_uid: Of the ConfigMap ``OWNER`` of the namespace, which owns such Jobs as the operator's.
    """
    graphs = []
    for load in loads:
        tasks = sorted(load.tasks, key=lambda task: -load.rank[task.id])
        place = {task.id: i for i, task in enumerate(tasks)}
        after = [[place[above] for above in task.after] for task in tasks]
        made = (
            {task.id: _small_job(load, task) for task in tasks}
            if body is Body.SMALL
            else _our_jobs(load, namespace, owner_uid)
        )
        graphs.append({"cap": load.cap, "jobs": [made[task.id] for task in tasks], "after": after})
    return {"namespace": namespace, "graphs": graphs, "everything": body is Body.OURS}


def _spec(load: Load) -> Json:
    return {
        "scheduling": "Levels" if load.by_level else "Graph",
        "parallelism": load.cap,
        "roles": [{"name": "agent", "podTemplate": {"spec": {"containers": [_CONTAINER]}}}],
        "tasks": [_task(task) for task in load.tasks],
    }


def _task(task: Task) -> Json:
    made: Json = {"id": task.id}
    if task.after:
        made["dependencies"] = list(task.after)
    if task.seconds:
        made["parameters"] = [{"name": "seconds", "value": f"{task.seconds:g}"}]
    if task.estimate is not None:
        made["estimateSeconds"] = task.estimate
    return made


def _small_job(load: Load, task: Task) -> Json:
    env = {"env": [{"name": "PPROJ_PARAM_SECONDS", "value": f"{task.seconds:g}"}]} if task.seconds else {}
    pod = {"restartPolicy": "Never", "containers": [_CONTAINER | env]}
    template = {"metadata": {"labels": {LABEL: ""}}, "spec": pod}
    return _job(f"{load.name}-{task.id}", {"backoffLimit": 0, "template": template})


def _our_jobs(load: Load, namespace: str, owner_uid: str) -> dict[str, Json]:
    spec = parse_spec(_spec(load))
    graph = compile_graph(spec)
    made = {}
    for i, task_id in enumerate(graph.ids):
        job = job_manifest(Owner(load.name, namespace, owner_uid), spec, graph, i, 1, {})
        # An owner that is there, or the garbage collector would take them; but none that the operator looks after.
        job["metadata"]["ownerReferences"][0] |= {"apiVersion": "v1", "kind": "ConfigMap", "name": OWNER}
        for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
            metadata["labels"] = {LABEL: ""} | metadata["labels"] | {LABEL_MANAGED_BY: "bench"}
        del job["metadata"]["finalizers"]  # nobody would release it
        job["metadata"]["name"] = f"{load.name}-{task_id}"
        made[task_id] = job
    return made


def _job(name: str, spec: Json) -> Json:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
