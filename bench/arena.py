"""Where both sides run: one API server, one operator, the bare client, and a log that judges both."""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from bench.jobs import OWNER, Body, project_body, reference_work
from bench.load import Load
from bench.process import Memory, cpu_seconds, memory
from bench.recording import AuditLog, Recording, Request, is_success, namespace_of
from bench.run import Run
from parallelproject.kube.client import Api
from parallelproject.model.names import API_VERSION, PLURAL, job_name
from parallelproject.model.work import WorkKey
from rig import ControlPlane
from rig.deadline import until
from rig.operator import USER, OperatorProcess
from rig.project import project_manifests

Json = dict[str, Any]

_POLICY = Path(__file__).with_name("audit-policy.yaml")
ROOM = 6000
"""Jobs of earlier runs that an API server may hold: nothing is deleted between runs, which would take as long as
making it; the controller manager begins to delete pods by itself at 12,500."""
_QUIET_SECONDS = 0.5
_SETTLED_SECONDS = 3.0
"""After that the operator has written all that it knows: it writes a status at most once a second."""
_RUN_SECONDS = 1800
_END_SECONDS = 300
_PREFIX = "bench-"


class Placed(NamedTuple):
    """A load as a project."""

    namespace: str
    load: Load
    uid: str


class Arena:
    """A control plane with the operator running; both sides have the operator's credentials."""

    def __init__(self, options: Sequence[str] = ()) -> None:
        """Prepares it.

        Args:
            options: Of the operator.
        """
        self._options = options
        self._numbers = itertools.count()
        self._made = 0
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._runner.close()

    def fresh(self, room: int = ROOM) -> None:
        """Starts everything anew if more Jobs than ``room`` were made by now."""
        if self._made > room:
            self._stop()
            self._start()

    def _start(self) -> None:
        self._made = 0
        self.cluster = ControlPlane(users=(), manifests=project_manifests(), audit=_POLICY).__enter__()
        try:
            self._log = AuditLog(self.cluster.audit_log)
            self._operator = OperatorProcess(self.cluster, options=self._options)
            began = time.monotonic()
            self._operator.start()
            self.started_in = time.monotonic() - began
            """Seconds from the operator's start until it was ready."""
            self._api = self._runner.run(_open(self.cluster.kubeconfig))
        except BaseException:
            self.cluster.__exit__(None, None, None)
            raise

    def _stop(self) -> None:
        self._runner.run(self._api.__aexit__())
        self._operator.stop()
        self.cluster.__exit__(None, None, None)

    # The two sides.

    def ours(self, *loads: Load) -> Run:
        """The operator runs the loads, each as a project, all created at once."""
        namespace, since = self._prepare()
        before = cpu_seconds(self._operator.pid)
        placed = self._create(namespace, loads)
        self._await_successes(since, sum(len(load.tasks) for load in loads))
        return self._end(since, placed, before)

    def ours_packed(self, loads: Sequence[tuple[Load, float]], room: float) -> Run:
        """The operator runs the loads, each in a namespace of its own, as many at once as there is room for.

        Args:
            loads: Each with the room that it takes; started in this order.
            room: How much there is; one load that takes more runs alone.
        """
        _, since = self._prepare()
        before = cpu_seconds(self._operator.pid)
        log, seen = self._log.tail(since), Counter[str]()
        placed: list[Placed] = []
        waiting = deque(loads)
        running: dict[str, tuple[Load, float]] = {}

        def is_done() -> bool:
            seen.update(namespace_of(line) for line in log.lines() if is_success(line))
            for namespace in [ns for ns, (load, _) in running.items() if seen[ns] >= len(load.tasks)]:
                del running[namespace]
            while waiting and (not running or sum(taken for _, taken in running.values()) + waiting[0][1] <= room):
                load, taken = waiting.popleft()
                namespace = self.new_namespace()
                placed.extend(self._create(namespace, [load]))
                running[namespace] = (load, taken)
            return not running

        until(is_done, f"{len(loads)} loads", seconds=_RUN_SECONDS)
        return self._end(since, placed, before)

    def reference(self, *loads: Load, body: Body = Body.SMALL) -> Run:
        """The bare client runs the loads."""
        namespace, since = self._prepare()
        command = [sys.executable, "-m", "bench.reference", str(self._operator.kubeconfig)]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with client:
            try:
                owner = self._create_owner(namespace) if body is Body.OURS else ""
                _tell(client.stdin, json.dumps(reference_work(namespace, loads, body, owner)))
                _hear(client.stdout, "ready")
                before = cpu_seconds(client.pid)
                _tell(client.stdin, "go")
                _hear(client.stdout, "done")
                self._await_quiet()
                cpu, used = cpu_seconds(client.pid) - before, memory(client.pid)
            except BaseException:
                client.kill()
                raise
        names = {f"{load.name}-{task.id}": (load.name, task.id) for load in loads for task in load.tasks}
        found = self._log.recording(since)
        began = {load.name: min(found.created[f"{load.name}-{task.id}"] for task in load.tasks) for load in loads}
        return self._run(found, names, began, cpu, used)

    def idle(self, *loads: Load) -> str:
        """Projects that nothing waits for: their namespace, once there is nothing to be done for them for now."""
        namespace, _ = self._prepare()
        self._create(namespace, loads)
        self._await_quiet(_SETTLED_SECONDS)
        return namespace

    # What goes on around them.

    @property
    def memory(self) -> Memory:
        """The operator's."""
        return memory(self._operator.pid)

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the operator so far."""
        return cpu_seconds(self._operator.pid)

    def wait(self, seconds: float) -> None:
        """Let time pass: that nothing happens can only be seen by looking on."""
        deadline = time.monotonic() + seconds
        until(lambda: time.monotonic() > deadline, "time to pass", seconds=seconds + 60)

    def position(self) -> int:
        """Where the audit log ends by now."""
        return self._log.position()

    def requests(self, since: int) -> list[Request]:
        """What the operator has asked for since a position; its Lease, which is a matter of time, is left out."""
        return _asked(self._log.recording(since))

    def new_namespace(self) -> str:
        """A namespace, ready for Jobs."""
        namespace = f"{_PREFIX}{next(self._numbers)}"
        self.cluster.create_namespace(namespace)
        return namespace

    def _end(self, since: int, placed: Sequence[Placed], cpu_before: float) -> Run:
        """Waits until the operator has nothing more to do."""
        for namespace, load, _ in placed:
            self._await_end(namespace, load.name)
        self._await_quiet()
        cpu = cpu_seconds(self._operator.pid) - cpu_before
        names = {
            job_name(load.name, uid, WorkKey.of_task(task.id, 1)): (load.name, task.id)
            for _, load, uid in placed
            for task in load.tasks
        }
        found = self._log.recording(since)
        return self._run(found, names, found.projects, cpu, self.memory)

    def _run(
        self,
        found: Recording,
        names: Mapping[str, tuple[str, str]],
        began: Mapping[str, float],
        cpu: float,
        used: Memory,
    ) -> Run:
        self._made += len(names)
        missing = names.keys() - found.succeeded.keys()
        if missing:
            raise RuntimeError(f"{len(missing)} of {len(names)} tasks did not succeed, {sorted(missing)[0]} is one")
        asked = _asked(found)
        return Run(
            began=began,
            created={key: found.created[name] for name, key in names.items()},
            succeeded={key: found.succeeded[name] for name, key in names.items()},
            cpu_seconds=cpu,
            memory=used,
            writes=sum(request.is_write for request in asked),
            reads=sum(request.is_read for request in asked),
        )

    def _prepare(self) -> tuple[str, int]:
        """A new namespace, and where the log ends when nothing goes on."""
        namespace = self.new_namespace()
        self._await_quiet()
        return namespace, self._log.position()

    def _create(self, namespace: str, loads: Sequence[Load]) -> list[Placed]:
        async def create() -> list[Json]:
            bodies = [project_body(load) for load in loads]
            return await asyncio.gather(*(self._api.request("POST", _path(namespace), body) for body in bodies))

        made = self._runner.run(create())
        return [Placed(namespace, load, body["metadata"]["uid"]) for load, body in zip(loads, made, strict=True)]

    def _create_owner(self, namespace: str) -> str:
        """A ConfigMap for the bare client's Jobs to belong to: its uid."""
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        made = self._runner.run(self._api.request("POST", path, {"metadata": {"name": OWNER}}))
        return str(made["metadata"]["uid"])

    def _await_successes(self, since: int, count: int) -> None:
        log, seen = self._log.tail(since), 0

        def are_done() -> bool:
            nonlocal seen
            seen += sum(map(is_success, log.lines()))
            return seen >= count

        until(are_done, f"{count} tasks", seconds=_RUN_SECONDS)

    def _await_end(self, namespace: str, name: str) -> None:
        def is_complete() -> bool:
            project = self._runner.run(self._api.request("GET", _path(namespace, name)))
            conditions = (project.get("status") or {}).get("conditions") or ()
            return any(c["type"] == "Completed" and c["status"] == "True" for c in conditions)

        until(is_complete, f"the end of project {name}", seconds=_END_SECONDS)

    def _await_quiet(self, seconds: float = _QUIET_SECONDS) -> None:
        """Until nothing was done in any of our namespaces for a while: the control plane works on after a run."""
        log, since = self._log.tail(self._log.position()), time.monotonic()

        def is_quiet() -> bool:
            nonlocal since
            if any(namespace_of(line).startswith(_PREFIX) for line in log.lines()):
                since = time.monotonic()
            return time.monotonic() - since >= seconds

        until(is_quiet, "the control plane to have nothing to do", seconds=_END_SECONDS)


def _asked(found: Recording) -> list[Request]:
    return [request for request in found.requests if request.user == USER and request.resource != "leases"]


async def _open(kubeconfig: Path) -> Api:
    return await (await Api.connect(str(kubeconfig))).__aenter__()


def _path(namespace: str, name: str = "") -> str:
    end = f"/{name}" if name else ""
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}{end}"


def _tell(client: IO[str] | None, line: str) -> None:
    assert client is not None
    client.write(f"{line}\n")
    client.flush()


def _hear(client: IO[str] | None, word: str) -> None:
    assert client is not None
    said = client.readline().strip()
    if said != word:
        raise RuntimeError(f"the bare client said {said!r} and not {word!r}")
