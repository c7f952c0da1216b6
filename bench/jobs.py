"""A load as each side wants it: a ParallelProject, or the Jobs themselves for the bare client."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from bench.load import Load, Task
from bench.reference import LABEL
from parallelproject.core.graph import compile_graph
from parallelproject.executors.job import Owner, job_manifest
from parallelproject.model.names import API_VERSION, KIND
from parallelproject.model.project import parse_spec

Json = dict[str, Any]

_CONTAINER: Json = {"name": "agent", "image": "none", "command": ["true"]}


class Body(Enum):
    """Which Jobs the bare client creates."""

    SMALL = "as small as Jobs can be"
    OURS = "the operator's, without labels and owner"


def project_body(load: Load) -> Json:
    """The ParallelProject of a load."""
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": load.name}, "spec": _spec(load)}


def reference_work(namespace: str, loads: Sequence[Load], body: Body = Body.SMALL) -> Json:
    """What ``bench.reference`` is told; of tasks that are ready, the one with the longest way to the end goes first."""
    graphs = []
    for load in loads:
        tasks = sorted(load.tasks, key=lambda task: -load.rank[task.id])
        place = {task.id: i for i, task in enumerate(tasks)}
        after = [[place[above] for above in task.after] for task in tasks]
        made = {task.id: _small_job(load, task) for task in tasks} if body is Body.SMALL else _our_jobs(load)
        graphs.append({"cap": load.cap, "jobs": [made[task.id] for task in tasks], "after": after})
    return {"namespace": namespace, "graphs": graphs}


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


def _our_jobs(load: Load) -> dict[str, Json]:
    spec = parse_spec(_spec(load))
    graph = compile_graph(spec)
    made = {}
    for i, task_id in enumerate(graph.ids):
        # The operator must not take them for its own, nor the garbage collector for somebody's who is gone.
        job = job_manifest(Owner(load.name, "", "none"), spec, graph, i, 1, {})
        job["spec"]["template"]["metadata"]["labels"] = {LABEL: ""}
        made[task_id] = _job(f"{load.name}-{task_id}", job["spec"])
    return made


def _job(name: str, spec: Json) -> Json:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
