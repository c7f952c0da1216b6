"""Where faults are tried: one control plane, and runs that have a namespace, a proxy and an operator each.

Runs may go on at once, from different threads. The proxies and the operators' restarts live in one event loop, in a
thread of its own, so that a test can do as it likes meanwhile.
"""

import asyncio
import contextlib
import random
import ssl
import tempfile
import threading
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import yaml

from parallelproject.kube.lease import SECONDS
from rig import ControlPlane
from rig.binaries import find_or_build_kueue
from rig.deadline import until
from rig.kueue import Kueue, crd_files
from rig.operator import ACCOUNT, USER
from rig.operator import NAMESPACE as SYSTEM
from rig.project import project_manifests
from tests.argo.objects import API, CLUSTER_TEMPLATE, manifest, template
from tests.argo.standin import ArgoStandIn
from tests.controller.audit import AuditLog, Json, by_user, told, writes
from tests.controller.cluster import Client, Namespace
from tests.faults.graphs import QUEUE
from tests.faults.operators import Operator, Operators
from tests.faults.plan import Listed, Plan
from tests.faults.proxy import Proxy, Traffic

T = TypeVar("T")

_WATCHES = ("watch-projects", "watch-projects-names", "watch-jobs", "watch-pods")
QUOTA = 2
"""How many Jobs of a queue run at once."""
_TAKE_OVER_SECONDS = 60
"""Longest time from the end of a Lease until another one leads, on a machine that is busy."""
_RESTARTS_MAX = 100
"""An operator that ends more often by itself, or is killed more often, is left dead."""


class Lab:
    """A control plane with an audit log, and all that runs share; to be used in a ``with`` block."""

    def __init__(self, *, workflows: bool = False, queues: bool = False) -> None:
        """Describes it.

        Args:
            workflows: Whether it has Argo's CRDs and a stand-in for Argo's controller, and operators run Workflows.
            queues: Whether it has a real Kueue, and each namespace a queue.
        """
        self.workflows = workflows
        self._queues = queues
        self.watched = (*_WATCHES, "watch-workflows-names") if workflows else _WATCHES
        """The watches of an operator that is ready."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faults", daemon=True)
        self._clients = threading.local()
        self._all_clients: list[Client] = []
        self._names = iter(range(1, 10**9))
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        self.operators = Operators()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            manifests = project_manifests()
            if self.workflows:
                manifests.append(manifest(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
            if self._queues:
                manifests += crd_files(find_or_build_kueue())
            self.cluster = stack.enter_context(ControlPlane(manifests=manifests, audit=True))
            self.audit = AuditLog(self.cluster.audit_log)
            user = yaml.safe_load(self.cluster.service_account_kubeconfig(SYSTEM, ACCOUNT).read_text())
            self._token: str = user["users"][0]["user"]["token"]
            create = ("-n", SYSTEM, "create")  # each run has a Lease of its own
            self.cluster.kubectl(*create, "role", "leases", "--verb=get,create,update", "--resource=leases")
            self.cluster.kubectl(*create, "rolebinding", "leases", "--role=leases", f"--user={USER}")
            if self.workflows:
                path = f"{API}/clusterworkflowtemplates"
                self.client("POST", path, template(CLUSTER_TEMPLATE, cluster=True))
                self.argo = stack.enter_context(ArgoStandIn(str(self.cluster.kubeconfig)))
            if self._queues:
                self.kueue = stack.enter_context(Kueue(self.cluster))
            self._thread.start()
            stack.callback(self._end_loop)
            self.run(self._open())
            stack.callback(lambda: self.run(self._close()))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._all_clients:
            client.close()
        self._stack.close()

    async def _open(self) -> None:
        tls = ssl.create_default_context(cafile=str(self.cluster.ca_file))
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        await self.operators.open()

    async def _close(self) -> None:
        await self.operators.close()
        await self.session.close()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the event loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def client(self) -> Client:
        """The admin's requests, for this thread."""
        found: Client | None = getattr(self._clients, "client", None)
        if found is None:
            with self._lock:  # the kubernetes client shares files among threads before it has written them
                found = self._clients.client = Client(str(self.cluster.kubeconfig))
            self._all_clients.append(found)
        return found

    def namespace(self) -> Namespace:
        """A new namespace in which pods can be made."""
        with self._lock:
            name = f"run-{next(self._names)}"
        self.client("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        made = Namespace(self.cluster, self.client, name)
        # A Job whose first pod is refused for want of the ServiceAccount backs off for seconds.
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        until(lambda: not made.is_gone(account), f"namespace {name}", seconds=120)
        if self._queues:
            self.set_queue(name)
        return made

    def set_queue(self, namespace: str, **fields: Any) -> None:
        """Gives the queue of a namespace its quota, with further fields."""
        self.kueue.queue(namespace, namespace, jobs=QUOTA, local=QUEUE, **fields)

    def kubeconfig(self, server: str, name: str) -> Path:
        """The operator's kubeconfig for a proxy."""
        file = self.cluster.folder / f"{name}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": server}}],
            "users": [{"name": USER, "user": {"token": self._token}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": USER, "namespace": SYSTEM}}],
            "current-context": "proxy",
        }
        file.write_text(yaml.safe_dump(config))
        return file

    async def holder(self, lease: str) -> str:
        """Who leads by a Lease; empty for nobody."""
        url = f"{self.cluster.url}/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/{lease}"
        async with self.session.get(url, headers={"Authorization": f"Bearer {self._token}"}) as answer:
            found = await answer.json()
        return str((found.get("spec") or {}).get("holderIdentity") or "")

    def quiet(self, seconds: float) -> list[str]:
        """Has one operator look at everything that was ever run here for a while; what it wrote, in words.

        What it writes of its own (a Lease) does not count.
        """
        run = Run(self, namespaces=())
        with run:
            run.start()
            run.wait_ready()
            since = self.audit.position()
            run.linger(seconds)
        found = writes(by_user(self.audit.events(since, USER), USER))
        return [told(e) for e in found if (e.get("objectRef") or {}).get("resource") != "leases"]


@dataclass(frozen=True)
class Election:
    """An operator's part in the election of a leader, as its options."""

    lease_name: str
    identity: str = "a"
    """Whoever is started again in its place has it too."""
    lease_seconds: int = SECONDS


class Run:
    """One operator behind its proxy, in a namespace of its own; started again whenever it ends.

    To be used in a ``with`` block: ``start`` starts the operator, the block's end stops it.
    """

    def __init__(
        self,
        lab: Lab,
        plan: Plan | None = None,
        *,
        patch: str = "",
        namespaces: tuple[str, ...] | None = None,
        election: Election | None = None,
    ) -> None:
        """Describes it.

        Args:
            lab: Where.
            plan: The faults.
            patch: Python statements that are executed in each operator process before it starts.
            namespaces: Where the operator works; a new namespace by default, everywhere if empty.
            election: Its part in the election of a leader; by default it has no rival.
        """
        self.lab = lab
        self._patch = patch
        self._plan = plan or Listed(())
        self._namespaces = namespaces
        self._election = election
        self._operator: Operator | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._is_ending = False
        self.codes: list[int] = []
        """How operator processes ended, in order; -9 was killed."""
        self.starts = 0
        self._thawing: list[asyncio.Task[None]] = []
        self.taken_over = 0
        """How often another one took over while it stood still."""

    def __enter__(self) -> Self:
        self.since = self.lab.audit.position()
        if self._namespaces is None:
            self.namespace = self.lab.namespace()
            self._namespaces = (self.namespace.name,)
        name = "-".join(self._namespaces) or "all"
        self.election = self._election or Election(name)
        name += f"-{self.election.identity}"
        self.log = self.lab.cluster.folder / f"operator-{name}.log"
        self._proxy = Proxy(self.lab.cluster.url, self.lab.session, self._plan, self._kill, self._freeze)
        self._kubeconfig = self.lab.kubeconfig(self.lab.run(self._proxy.start()), name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lab.run(self._end())

    @property
    def traffic(self) -> Traffic:
        """What has passed between the operator and the API server."""
        return self._proxy.traffic

    def note_version(self, version: str) -> None:
        """Makes a resourceVersion known as one that an old list may be of."""
        self._proxy.note_version(version)

    def start(self) -> None:
        """Start the operator."""
        self.lab.run(self._start())

    def kill(self) -> None:
        """Kill it now; it is started again."""
        self.lab.run(self._kill())

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until an operator is there that watches everything."""
        until(self.is_ready, "the operator to watch", seconds=seconds)

    def is_ready(self) -> bool:
        """Whether an operator is there that watches everything."""
        return all(self.traffic.watches[kind] for kind in self.lab.watched)

    def linger(self, seconds: float) -> None:
        """Let time pass: that nothing happens can only be seen by looking on."""
        deadline = time.monotonic() + seconds
        until(lambda: time.monotonic() > deadline, "time to pass", seconds=seconds + 5)

    def output(self) -> str:
        """The log of all its processes."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def events(self) -> list[Json]:
        """All requests of anybody that mention the namespace, from the audit log."""
        return self.lab.audit.events(self.since, f'"{self.namespace.name}"')

    async def _start(self) -> None:
        self._supervisor = asyncio.create_task(self._supervise())

    async def _supervise(self) -> None:
        assert self._namespaces is not None
        while self.starts < _RESTARTS_MAX and not self._is_ending:
            self.starts += 1
            self._operator = await self.lab.operators.start(
                kubeconfig=self._kubeconfig, namespaces=self._namespaces, log=self.log,
                election=asdict(self.election), patch=self._patch, workflows=self.lab.workflows,
            )  # fmt: skip
            self.codes.append(await asyncio.shield(self._operator.ended))
            self._proxy.forget_operator()

    async def _kill(self) -> None:
        if self._operator is not None:
            await self._operator.kill()

    async def _freeze(self) -> None:
        """The operator stands still until another one leads, and a little longer; returns at once."""
        if self._operator is not None:
            self._operator.freeze()
            self._thawing.append(asyncio.create_task(self._thaw(self._operator)))

    async def _thaw(self, operator: Operator) -> None:
        try:
            async with asyncio.timeout(self.election.lease_seconds + _TAKE_OVER_SECONDS):
                while await self.lab.holder(self.election.lease_name) in ("", self.election.identity):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            self.taken_over += 1
            await asyncio.sleep(random.random())  # the other is just beginning, or in the middle of it
        finally:
            operator.thaw()

    async def _end(self) -> None:
        self._is_ending = True
        await asyncio.gather(*self._thawing, return_exceptions=True)
        while self._supervisor is not None and not self._supervisor.done():
            await self._kill()
            await asyncio.wait([self._supervisor], timeout=0.05)  # it may just be starting one
        await self._proxy.stop()
