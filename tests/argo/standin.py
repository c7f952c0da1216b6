"""A stand-in for Argo's controller: it plays the life of Workflows, with what is known of how the real one does it.

- A Workflow has no phase at first. Phase, labels and nodes come in one update of the whole object (there is no
  subresource), and there are several: Running, then nodes and progress, then the end.
- The labels ``workflows.argoproj.io/phase`` and ``/completed`` are written in the same update as the status.
- A conflict is solved by reading the object anew.
- One that is suspended does not end, whatever its deadline or ``shutdown`` says.
- Templates that are named are read by it; an argument without a value makes an Error.

How a Workflow behaves stands in its arguments: ``seconds`` that it takes, ``fail_attempts`` (so many first attempts
fail, with ``exit_code``), ``hold_attempts`` (so many run until the annotation ``RELEASE`` is set),
``puts`` (its outputs, as JSON), and a ``quirk``:
``pending`` (for good), ``slow`` (pending for a while), ``error``, ``ttl`` (it is deleted at its end), ``archive``
(labels change after its end), ``large`` (nodes of a mebibyte). One with a containerSet, or that publishes, runs
the commands of its containers, see ``pods``.
"""

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from parallelproject.kube.client import Api, ApiError
from tests.argo.objects import API
from tests.argo.pods import PlayedPod, Remote, with_parameters

Json = dict[str, Any]

RELEASE = "rig.parallelproject.io/release"
"""The annotation that ends a Workflow which is held, as it does a fake pod."""
LABEL = "workflows.argoproj.io"
MANAGER = {"fieldManager": "workflow-controller"}
_PENDING_SECONDS = 0.3
_MIB = 1024 * 1024


class ArgoStandIn:
    """Plays all Workflows of a cluster while its ``with`` block runs; ``pause`` ends that for a while."""

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="argo", daemon=True)
        self._works = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, Json] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._held: set[str] = set()
        self._away: set[str] = set()
        self.pods: dict[str, PlayedPod] = {}
        """By the uid of their Workflow."""
        self._pod_ends: dict[str, asyncio.Task[tuple[str, str, list[Json]]]] = {}
        self._stored: dict[str, Json] = {}
        self._remotes: dict[str, tuple[Path, Remote]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        self._main = asyncio.run_coroutine_threadsafe(self._run(), self._loop)
        self.resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._main.cancel()
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hold(self, namespace: str) -> None:
        """Workflows of a namespace, whose arguments say nothing of it, run until ``RELEASE`` is set."""
        self._held.add(namespace)

    def land_in(self, namespace: str, folder: Path, remote: str, forge: Json | None = None, token: str = "") -> None:
        """Work of a namespace lands in a repository of this machine; the volumes of pods are in the folder."""
        self._remotes[namespace] = (folder, Remote(remote, forge or {}, token))

    def leave(self, namespace: str) -> None:
        """From now on nobody looks at Workflows of a namespace."""
        self._loop.call_soon_threadsafe(self._away.add, namespace)

    def come_back(self, namespace: str) -> None:
        """They are looked at again."""
        self._loop.call_soon_threadsafe(self._come_back, namespace)

    def _come_back(self, namespace: str) -> None:
        self._away.discard(namespace)
        for workflow in list(self._waiting.values()):
            self._look(workflow)

    def pause(self) -> None:
        """From now on nobody looks at Workflows."""
        self._loop.call_soon_threadsafe(self._works.clear)

    def resume(self) -> None:
        """They are looked at again."""
        self._loop.call_soon_threadsafe(self._resume)

    def _resume(self) -> None:
        self._works.set()
        for uid in list(self._waiting):
            self._look(self._waiting[uid])

    async def _cancel_all(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _run(self) -> None:
        async with await Api.connect(self._kubeconfig) as self._api:
            while True:
                with suppress(ApiError):  # the API server is away, or serves no Workflows yet
                    listed = await self._api.request("GET", f"{API}/workflows")
                    for each in listed["items"]:
                        self._look(each)
                    params = {"resourceVersion": listed["metadata"]["resourceVersion"]}
                    async for event in self._api.watch(f"{API}/workflows", params, 3600):
                        if event["type"] in ("ADDED", "MODIFIED"):
                            self._look(event["object"])
                        elif event["type"] == "ERROR":
                            break
                await asyncio.sleep(0.1)

    def _look(self, workflow: Json) -> None:
        uid = workflow["metadata"]["uid"]
        self._waiting[uid] = workflow
        is_away = workflow["metadata"]["namespace"] in self._away
        if self._works.is_set() and not is_away and uid not in self._busy:
            self._busy[uid] = asyncio.create_task(self._operate(uid))

    async def _operate(self, uid: str) -> None:
        try:
            while self._works.is_set() and (workflow := self._waiting.pop(uid, None)) is not None:
                with suppress(ApiError):
                    found: Json | None = workflow
                    while found is not None:
                        found = await self._step(found)
        finally:
            self._busy.pop(uid, None)  # at once: news that come later are to be looked at

    async def _step(self, workflow: Json) -> Json | None:
        """One update; the object after it, or None where there is nothing to do for now."""
        metadata = workflow["metadata"]
        path = f"{API}/namespaces/{metadata['namespace']}/workflows/{metadata['name']}"
        spec = self._spec(workflow, await self._template(workflow))
        wait = self._of_pod(workflow, spec) if _is_pod(workflow, spec) else _next(workflow, spec)
        if wait is None:
            return None
        if isinstance(wait, float):
            self._again(workflow, wait)
            return None
        if wait == "delete":
            await self._api.request("DELETE", path, {"propagationPolicy": "Background"})
            return None
        try:
            return await self._api.request("PUT", path, {**workflow, **wait}, params=MANAGER)
        except ApiError as error:
            if error.status == 409:
                return await self._api.request("GET", path)
            raise

    def _of_pod(self, workflow: Json, spec: Json) -> Json | None:
        """The end of a Workflow whose containers run, once they have ended."""
        uid, namespace = workflow["metadata"]["uid"], workflow["metadata"]["namespace"]
        if uid not in self.pods:
            folder, remote = self._remotes[namespace]
            entry = next(each for each in spec["templates"] if each["name"] == spec["entrypoint"])
            marks = (spec.get("podMetadata") or {}).get("annotations") or {}
            self.pods[uid] = PlayedPod(folder / uid, with_parameters(entry, spec["parameters"]), remote, marks)
            self._pod_ends[uid] = asyncio.create_task(self.pods[uid].run())
            self._pod_ends[uid].add_done_callback(lambda _: self._look_again(workflow))
        if not self._pod_ends[uid].done():
            if spec.get("shutdown") == "Terminate":
                self.pods[uid].terminate()
            return None
        phase, message, outputs = self._pod_ends[uid].result()
        ended = _ended(workflow, phase, message)
        if outputs:
            ended["status"]["outputs"] = {"parameters": outputs}
        return ended

    async def _template(self, workflow: Json) -> Json | None:
        """The spec of its template. One that has begun keeps what it read then, as Argo stores it in the status."""
        ref = workflow["spec"].get("workflowTemplateRef")
        if ref is None:
            return {}
        uid = workflow["metadata"]["uid"]
        if uid in self._stored:
            return self._stored[uid]
        where = "" if ref.get("clusterScope") else f"/namespaces/{workflow['metadata']['namespace']}"
        plural = "clusterworkflowtemplates" if ref.get("clusterScope") else "workflowtemplates"
        with suppress(ApiError):
            found: Json = (await self._api.request("GET", f"{API}{where}/{plural}/{ref['name']}"))["spec"]
            self._stored[uid] = found
            return found
        return None

    def _spec(self, workflow: Json, template: Json | None) -> Json | None:
        """The spec that is run: that of the template, and over it that of the Workflow."""
        if template is None:
            return None
        own = workflow["spec"]
        theirs = {p["name"]: p for p in (template.get("arguments") or {}).get("parameters") or ()}
        given = {p["name"]: p for p in (own.get("arguments") or {}).get("parameters") or ()}
        merged = {name: {**theirs.get(name, {}), **given.get(name, {})} for name in {**theirs, **given}}
        usual = {"hold_attempts": "1000"} if workflow["metadata"]["namespace"] in self._held else {}
        return {**template, **own, "parameters": usual | {name: p.get("value") for name, p in merged.items()}}

    def _again(self, workflow: Json, seconds: float) -> None:
        uid = workflow["metadata"]["uid"]
        if uid in self._timers:
            self._timers[uid].cancel()
        self._timers[uid] = self._loop.call_later(seconds, self._look_again, workflow)

    def _look_again(self, workflow: Json) -> None:
        self._timers.pop(workflow["metadata"]["uid"], None)
        self._waiting.setdefault(workflow["metadata"]["uid"], workflow)
        self._look(self._waiting[workflow["metadata"]["uid"]])


def _is_pod(workflow: Json, spec: Json | None) -> bool:
    """Whether a Workflow runs whose containers are to be played."""
    labels = workflow["metadata"].get("labels") or {}
    status = workflow.get("status") or {}
    if spec is None or labels.get(f"{LABEL}/completed") == "true" or not status.get("nodes"):
        return False
    return any("containerSet" in each or _publishes(each) for each in spec["templates"])


def _publishes(template: Json) -> bool:
    return list((template.get("container") or {}).get("command") or ())[:1] == ["pproj-publish"]


def _next(workflow: Json, spec: Json | None) -> Json | float | str | None:
    """What is written next, or in how many seconds there is something to do, or ``delete``, or nothing."""
    metadata, status = workflow["metadata"], workflow.get("status") or {}
    labels = metadata.get("labels") or {}
    if labels.get(f"{LABEL}/completed") == "true":
        return _after_end(metadata, labels, spec)
    if spec is None or None in spec["parameters"].values():
        said = "template not found" if spec is None else "spec.arguments: a value is required"
        return _ended(workflow, "Error", said)
    told: Mapping[str, str] = spec["parameters"]
    quirk, phase = told.get("quirk", "none"), status.get("phase") or ""
    stops = spec.get("shutdown") == "Terminate"
    if stops and not spec.get("suspend") and phase in ("", "Pending"):
        return _ended(workflow, "Failed", "Stopped with strategy 'Terminate'")
    if not phase:
        if quirk in ("pending", "slow"):
            waiting = {
                "phase": "Pending",
                "message": "Waiting for team/lock lock. Lock status: 0/1",
                "since": time.time(),
            }
            return _written(workflow, waiting)
        return _written(workflow, {"phase": "Running", "startedAt": _now(), "progress": "0/1", "since": time.time()})
    if phase == "Pending":
        left = float(status["since"]) + _PENDING_SECONDS - time.time()
        if quirk == "pending":
            return None
        started = {**status, "phase": "Running", "startedAt": _now(), "progress": "0/1", "since": time.time()}
        return max(left, 0.01) if left > 0 else _written(workflow, started)
    if not status.get("nodes"):
        return _written(workflow, {**status, "nodes": _nodes(metadata["name"], large=quirk == "large")})
    if spec.get("suspend"):
        return None
    if stops:
        return _ended(workflow, "Failed", "Stopped with strategy 'Terminate'")
    return _goes_on(workflow, spec, told, status)


def _goes_on(workflow: Json, spec: Json, told: Mapping[str, str], status: Json) -> Json | float | None:
    labels = workflow["metadata"].get("labels") or {}
    attempt, since = int(labels.get("parallelproject.io/attempt", 1)), float(status["since"])
    deadline = spec.get("activeDeadlineSeconds")
    overdue = since + deadline - time.time() if deadline else None
    if overdue is not None and overdue <= 0:
        return _ended(workflow, "Failed", "Pod was active on the node longer than the specified deadline")
    marks = workflow["metadata"].get("annotations") or {}
    if attempt <= int(told.get("hold_attempts", 0)) and RELEASE not in marks:
        return None if overdue is None else overdue
    left = since + float(told.get("seconds", 0)) - time.time()
    if left > 0:
        return left if overdue is None else min(left, overdue)
    if told.get("quirk") == "error":
        return _ended(workflow, "Error", 'error in entry template execution: pods "a" is forbidden')
    if attempt <= int(told.get("fail_attempts", 0)):
        return _ended(workflow, "Failed", f"main: Error (exit code {told['exit_code']})")
    ended = _ended(workflow, "Succeeded", "")
    if told.get("puts"):  # the parameters with a globalName
        given = json.loads(told["puts"]).items()
        ended["status"]["outputs"] = {"parameters": [{"name": name, "value": value} for name, value in given]}
    return ended


def _after_end(metadata: Json, labels: Json, spec: Json | None) -> Json | str | None:
    quirk = spec["parameters"].get("quirk") if spec else None
    ttl = (spec or {}).get("ttlStrategy") or {}
    is_short = quirk == "ttl" or ttl.get("secondsAfterCompletion") == 0
    if is_short and "deletionTimestamp" not in metadata:
        return "delete"
    archiving = labels.get(f"{LABEL}/workflow-archiving-status")
    if quirk == "archive" and archiving != "Archived":
        following = {f"{LABEL}/workflow-archiving-status": "Archived" if archiving else "Pending"}
        return {"metadata": {**metadata, "labels": {**labels, **following}}}
    return None


def _written(workflow: Json, status: Json, completed: str = "false") -> Json:
    """An update of status and labels, as Argo makes them: in one."""
    metadata = workflow["metadata"]
    labels = {f"{LABEL}/phase": status["phase"], f"{LABEL}/completed": completed}
    return {"metadata": {**metadata, "labels": {**metadata.get("labels", {}), **labels}}, "status": status}


def _ended(workflow: Json, phase: str, message: str) -> Json:
    status = workflow.get("status") or {}
    ended = {"startedAt": _now(), **status, "phase": phase, "message": message, "finishedAt": _now(), "progress": "1/1"}
    return _written(workflow, ended, "true")


def _nodes(name: str, *, large: bool) -> Json:
    """A tree of nodes: one, or so many that it has a mebibyte."""

    def node(i: int) -> Json:
        said = {"id": f"{name}-{i}", "name": f"{name}.{i}", "type": "Pod", "phase": "Running", "startedAt": _now()}
        return said | {
            "inputs": {"parameters": [{"name": "text", "value": "x" * 300}]},
            "children": [f"{name}-{i + 1}"],
        }

    return {f"{name}-{i}": node(i) for i in range(_MIB // 560 if large else 1)}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
