"""Everything that kopf does for the operator: it delivers ParallelProjects, and answers the API server about them.

``ProjectSource``, in the leader: kopf's watch delivers the projects, a comparer reports which exist. One sink receives
both. Of kopf's handlers only ``on.event`` is used. Changing handlers would copy the whole spec into an annotation,
whose limit is reached at about 1,400 tasks, and their stores cost ten times the time of the event itself.

``ProjectWebhook``, in every replica: kopf's webhook server and ``on.validate``. It watches nothing.

A reflector of the projects' metadata adds what kopf's watch does not do:

- After a gap (410, a restart) kopf lists again and delivers what exists, but does not report deletions. The reflector
  compares each list with what is known, and reports the rest as deleted.
- kopf checks once, at its start, whether the CRD exists, and ends with an error when it is deleted. kopf is started
when
  the reflector has listed the projects, and restarted when it has ended.
- kopf does not report when it last had contact, or that it has none. The reflector does. A state that it knows to be
  newer than kopf's is read after a short time.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import kopf
from aiohttp import web
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from parallelproject.controller.projects.fresh_read import Verifier
from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.review import refusal
from parallelproject.executors.base.acceptance import Check
from parallelproject.kube.client import METADATA, REQUEST_SECONDS, Api, ApiError, collection
from parallelproject.kube.lease import Leader
from parallelproject.kube.reflector import SILENCE_SECONDS, WATCH_SECONDS, Reflector
from parallelproject.model import names

log = logging.getLogger(__name__)

Body = Mapping[str, Any]

FRESH_SECONDS = 5.0
"""A project's attempts are started without reading it again if its watch had contact within this time."""
_KOPF_SECONDS = 1.0
"""How long kopf may take to deliver what the reflector has observed."""
_DEAF_SECONDS = 10.0
"""After this time without a delivery, while there was something to deliver, kopf is restarted."""
_PAUSE_SECONDS = 1.0
_KNOWN_SECONDS = 30
"""Maximum wait at the start for projects that are listed and cannot be read."""
_POLL_SECONDS = 0.05
_GONE_MAX = 10_000
"""Maximum number of remembered uids of deleted projects: an event of kopf may come after that of the reflector."""
WEBHOOK = "projects"
"""The webhook's name, which is also its path: ``https://HOST/projects``."""
CERTIFICATE, KEY = "tls.crt", "tls.key"
"""The files of a Secret of the type ``kubernetes.io/tls``, where it is mounted."""
_CERTIFICATE_SECONDS = 10.0
"""How often they are read, in case they were renewed."""
_REVIEW_BYTES = 16 * 1024 * 1024
"""Maximum size of a request of the API server: two states of a project, each of up to 3 MB as JSON."""
_REFUSED = 422
"""The HTTP code of a refusal, as of what the CRD's schema refuses."""


class Sink(Protocol):
    """The consumer of observed projects."""

    def take(self, body: Body) -> None:
        """A project exists, in this state, or in a newer one that is known already."""

    def read(self, body: Body) -> None:
        """The same, of one that was just read from the API server."""

    def gone(self, namespace: str, name: str, uid: str) -> None:
        """A project was deleted, whether or not it was known."""

    def known(self, namespace: str, name: str) -> tuple[str, int] | None:
        """The uid and the resourceVersion of the project with this name; None if none is known."""


class ProjectSource:
    """Watches ParallelProjects; ``run`` starts it."""

    def __init__(
        self,
        api: Api,
        leader: Leader,
        namespaces: Sequence[str],
        sink: Sink,
        kopf_ended: Callable[[], None] = lambda: None,
        missed: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            leader: Decides when to start, and how old a list may be.
            namespaces: The namespaces to watch; empty: all.
            sink: Receives what is observed.
            kopf_ended: Called when kopf has ended by itself; it is restarted.
            missed: Called when kopf has not delivered a state of a project, which is read then.
        """
        self._api = api
        self._leader = leader
        self._namespaces = tuple(namespaces)
        self._sink = sink
        self._kopf_ended = kopf_ended
        self._missed = missed
        self._verifier = Verifier(api, self._read, self._gone)
        self._comparers = {
            namespace: Reflector(api, _path(namespace), "", self, leader, METADATA, is_custom=True)
            for namespace in self._namespaces or ("",)
        }
        self._newest = 0  # revision of the newest event of kopf's
        self._forgotten: OrderedDict[str, None] = OrderedDict()  # uids of deleted projects
        self._late: dict[str, Mapping[str, Any]] = {}  # by uid, the newest metadata of what kopf should deliver
        self._kopf_contact = 0.0
        self._kopf_is_deaf = asyncio.Event()
        self.kopf_runs = asyncio.Event()
        """Set while kopf's start-up handlers have run and it has not ended."""
        self.on_kopf_start: Callable[[], None] = lambda: None
        """Called after kopf was started: kopf sets its own signal handlers."""

    @property
    def reflectors(self) -> list[Reflector]:
        """The watches that show which projects exist."""
        return list(self._comparers.values())

    def is_current(self, namespace: str) -> bool:
        """Whether a deletion of a project in a namespace would be known, but for FRESH_SECONDS."""
        comparer = self._comparers.get(namespace) or self._comparers.get("")
        return comparer is not None and comparer.is_current(FRESH_SECONDS)

    def is_surely_there(self, project: Project) -> bool:
        """Whether a project is known to exist: nothing starts for it before. If it is not known, it is read.

        A process that was paused wakes up with expired timers, and gets deletions only after that.
        """
        owner = project.owner
        if self.is_current(owner.namespace) or time.monotonic() - project.confirmed < FRESH_SECONDS:
            return True
        self.confirm(owner.namespace, owner.name, owner.uid)
        return False

    def confirm(self, namespace: str, name: str, uid: str) -> None:
        """Reads a project, so that it is current or known to be deleted."""
        self._verifier.check({"namespace": namespace, "name": name, "uid": uid})

    async def run(self) -> None:
        """Watches until cancelled, once this operator leads."""
        await self._leader.elected.wait()
        try:
            async with asyncio.TaskGroup() as group:
                for comparer in self._comparers.values():
                    group.create_task(comparer.run())
                group.create_task(self._keep_kopf())
        finally:
            await self._verifier.close()

    async def known(self) -> None:
        """Waits until every existing project is known: active tasks of one count for the limits of others, and one of
        them may suspend others."""
        for comparer in self._comparers.values():
            await comparer.synced.wait()
        deadline = time.monotonic() + _KNOWN_SECONDS
        while not self._verifier.is_idle:
            if time.monotonic() > deadline:
                log.error("some projects cannot be read for %d s, and are not counted for limits", _KNOWN_SECONDS)
                return
            await asyncio.sleep(_POLL_SECONDS)

    # Reports of the reflector.

    def seen(self, item: Body) -> None:
        """The metadata of an existing project."""
        metadata = item["metadata"]
        uid = metadata["uid"]
        self._forgotten.pop(uid, None)
        if not self._is_behind(metadata):
            return
        comparer = self._comparers.get(metadata["namespace"]) or self._comparers[""]
        if not comparer.synced.is_set():
            self._verifier.check(metadata)  # kopf has not started
        else:
            is_waiting = uid in self._late
            self._late[uid] = metadata
            if not is_waiting:
                asyncio.get_running_loop().call_later(_KOPF_SECONDS, self._catch_up, metadata)

    def gone(self, item: Body) -> None:
        """A project was deleted."""
        metadata = item["metadata"]
        self._gone(metadata["namespace"], metadata["name"], metadata["uid"])

    def _is_behind(self, metadata: Mapping[str, Any]) -> bool:
        known = self._sink.known(metadata["namespace"], metadata["name"])
        return known is None or known[0] != metadata["uid"] or known[1] < int(metadata["resourceVersion"])

    def _catch_up(self, metadata: Mapping[str, Any]) -> None:
        """Reads what kopf has not delivered in time."""
        uid = metadata["uid"]
        newest = self._late.get(uid)
        if newest is not None and newest is not metadata and not self._is_behind(metadata):
            asyncio.get_running_loop().call_later(_KOPF_SECONDS, self._catch_up, newest)
            return
        self._late.pop(uid, None)
        if newest is None or self._verifier.is_checking(uid) or not self._is_behind(newest):
            return  # it was deleted, or is current
        self._missed()
        self._verifier.check(newest)
        if time.monotonic() - self._kopf_contact > _DEAF_SECONDS:
            self._kopf_is_deaf.set()

    # Events of kopf.

    def event(self, kind: str | None, body: Body) -> None:
        """An event of kopf's watch; ``kind`` as the server gives it, None for a list."""
        self._kopf_contact = time.monotonic()
        metadata = body["metadata"]
        revision, uid = int(metadata["resourceVersion"]), metadata["uid"]
        is_news = kind is not None and revision > max(self._newest, int(self._leader.revision or 0))
        self._newest = max(self._newest, revision)
        if kind == "DELETED":
            self._gone(metadata["namespace"], metadata["name"], uid)
        elif uid in self._forgotten:
            pass  # late: the reflector has reported its deletion
        else:
            known = self._sink.known(metadata["namespace"], metadata["name"])
            if known is not None and known[0] != uid and revision < known[1]:
                pass  # a late event of an earlier project of this name
            elif (known is not None and known[0] == uid) or (is_news and not self._verifier.is_checking(uid)):
                self._sink.take(body)
            else:
                self._verifier.check(metadata, body)

    def _read(self, body: Body) -> None:
        self._forgotten.pop(body["metadata"]["uid"], None)
        self._sink.read(body)

    def _gone(self, namespace: str, name: str, uid: str) -> None:
        self._verifier.drop(uid)
        self._late.pop(uid, None)
        self._forgotten[uid] = None
        if len(self._forgotten) > _GONE_MAX:
            self._forgotten.popitem(last=False)
        self._sink.gone(namespace, name, uid)

    # kopf.

    async def _keep_kopf(self) -> None:
        """Runs kopf whenever projects can be listed, and restarts it when it ends."""
        while True:
            for comparer in self._comparers.values():
                await comparer.synced.wait()
            # Not before it is served. kopf checks once, and would find nothing.
            if not await _is_discovered(self._api):
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                await self._run_kopf()
                log.warning("kopf delivers no projects; it is restarted")
            except Exception as error:
                log.warning("kopf's watch of projects ended: %s; it is restarted", error)
            self._kopf_ended()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _run_kopf(self) -> None:
        """Runs kopf until it ends by an error, which is raised, or delivers nothing."""
        self._kopf_is_deaf.clear()
        self._kopf_contact = began = time.monotonic()
        deaf = asyncio.create_task(self._kopf_is_deaf.wait())
        try:
            async with _kopf(self._registry(), _settings(), self._namespaces, self.on_kopf_start) as tasks:
                done: set[asyncio.Task[Any]] = set()
                while not done:
                    waiting = {*tasks, deaf}
                    done, _ = await asyncio.wait(waiting, timeout=_DEAF_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                    if not done and self._kopf_contact == began and any(each.names for each in self.reflectors):
                        return  # there are projects, and it has not even listed them
                for task in done:
                    task.result()
        finally:
            self.kopf_runs.clear()
            deaf.cancel()

    def _registry(self) -> kopf.OperatorRegistry:
        registry = _registry(self._api, self.kopf_runs.set)

        @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
        async def project_event(type: str | None, body: kopf.Body, **_: Any) -> None:
            self.event(type, body)

        return registry


class ProjectWebhook:
    """Refuses projects that the operator would not accept, before they are stored; ``run`` serves.

    Every replica answers, whether or not it leads: the answer depends only on the object.
    """

    def __init__(self, api: Api, check: Check, folder: Path, host: str | None, port: int) -> None:
        """Prepares it.

        Args:
            api: An open connection: kopf looks for the CRD.
            check: The problems that keep a valid spec from running.
            folder: Has the certificate and its key, as CERTIFICATE and KEY; they may be renewed at any time.
            host: The address to listen on; None: all.
            port: The port.
        """
        self._api = api
        self._check = check
        self._server = _Server(
            addr=host,
            port=port,
            certfile=folder / CERTIFICATE,
            pkeyfile=folder / KEY,
            file_check_interval=_CERTIFICATE_SECONDS,
        )
        self.serves = asyncio.Event()
        """Set while it listens."""
        self.trouble = "it has not started"
        """Why it does not serve; not defined if it does."""
        self.on_kopf_start: Callable[[], None] = lambda: None
        """Called after kopf was started: kopf sets its own signal handlers."""

    async def run(self) -> None:
        """Serves until cancelled."""
        while True:
            try:
                if await _is_discovered(self._api):
                    await self._run_kopf()
                    self.trouble = "kopf ended"
                else:
                    self.trouble = "the API server does not serve ParallelProjects: is the CRD installed?"
            except Exception as error:
                self.trouble = f"{type(error).__name__}: {error}"
                log.warning("the admission webhook ended: %s; it is restarted", self.trouble)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _run_kopf(self) -> None:
        settings = _settings()
        settings.admission.server = self._serve
        registry = _registry(self._api, lambda: None)

        @kopf.on.validate(names.GROUP, names.VERSION, names.PLURAL, id=WEBHOOK, registry=registry)
        async def project_review(new: kopf.Body | None = None, old: kopf.Body | None = None, **_: Any) -> None:
            if new is not None and (why := refusal(new, old, self._check)):
                about = {"namespace": new.metadata.namespace, "project": new.metadata.name}
                log.info("project refused: %s", why.partition("\n")[0], extra=about)
                raise kopf.AdmissionError(why, code=_REFUSED)

        async with _kopf(registry, settings, (), self.on_kopf_start, _Forgetful()) as tasks:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _serve(self, answer: kopf.WebhookFn) -> AsyncIterator[kopf.WebhookClientConfig]:
        """kopf's server, and whether it listens."""
        try:
            async for configuration in self._server(answer):
                self.serves.set()
                log.info("the admission webhook listens", extra={"url": configuration.get("url")})
                yield configuration
        finally:
            self.serves.clear()


class _Server(kopf.WebhookServer):
    """kopf's server; it reads no more than 1 MiB, and the API server sends two states of a project."""

    @staticmethod
    async def _serve(fn: kopf.WebhookFn, request: web.Request) -> web.Response:
        return await kopf.WebhookServer._serve(fn, request.clone(client_max_size=_REVIEW_BYTES))


class _Forgetful(ResourceMemories):
    """Remembers nothing of an object: kopf would until its watch reports the deletion, and here it watches nothing."""

    async def recall(self, raw_body: Any, **options: Any) -> ResourceMemory:
        """What is remembered of an object."""
        return await super().recall(raw_body, **{**options, "ephemeral": True})


async def _is_discovered(api: Api) -> bool:
    """Whether the API server lists the resource where kopf looks for it."""
    try:
        groups = await api.request("GET", "/apis")
        found = await api.request("GET", f"/apis/{names.API_VERSION}")
    except ApiError as error:
        log.warning("looking for the CRD: %s", error)
        return False
    is_grouped = any(group["name"] == names.GROUP for group in groups.get("groups") or ())
    return is_grouped and any(each["name"] == names.PLURAL for each in found.get("resources") or ())


@contextlib.asynccontextmanager
async def _kopf(
    registry: kopf.OperatorRegistry,
    settings: kopf.OperatorSettings,
    namespaces: Sequence[str],
    started: Callable[[], None],
    memories: ResourceMemories | None = None,
) -> AsyncIterator[set[asyncio.Task[Any]]]:
    """Runs kopf; yields its tasks, none of which ends in normal operation."""
    # kopf.run_tasks would do the same, and then cancel every task of the process that it does not know.
    tasks = set(
        await kopf.spawn_tasks(
            registry=registry,
            settings=settings,
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            memories=memories,
        )
    )
    try:
        started()
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _registry(api: Api, started: Callable[[], None]) -> kopf.OperatorRegistry:
    """Login with the credentials of our connection, and the callback for the start of kopf."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        found = api.configuration
        return kopf.ConnectionInfo(
            server=api.server,
            ca_path=found.ssl_ca_cert,
            ca_data=found.ca_cert_data,
            insecure=not found.verify_ssl,
            token=await api.token(),
            certificate_path=found.cert_file,
            private_key_path=found.key_file,
            expiration=datetime.now(UTC) + timedelta(minutes=5),  # tokens of pods are renewed
        )

    @kopf.on.startup(registry=registry)
    async def note_start(**_: Any) -> None:
        started()

    return registry


def _path(namespace: str) -> str:
    return collection(f"/apis/{names.API_VERSION}", namespace, names.PLURAL)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None  # kopf ends alone, and not with the process
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + 10
    settings.watching.inactivity_timeout = SILENCE_SECONDS
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.error_backoffs = (1, 2, 5, *[10] * 1000)  # like our own watches: it never gives up
    settings.persistence.finalizer = ""  # kopf would remove its own where a user has set it; none has this name
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDiffBase()
    return settings


class _NoProgress(kopf.ProgressStorage):
    """Keeps nothing: without changing handlers there is no progress."""

    def fetch(self, **_: Any) -> None:
        """Finds nothing."""

    def store(self, **_: Any) -> None:
        """Stores nothing."""

    def purge(self, **_: Any) -> None:
        """Removes nothing."""

    def touch(self, **_: Any) -> None:
        """Touches nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Leaves the object as it is."""
        return essence


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no copy of the spec."""

    def build(self, *, body: Any, **_: Any) -> Any:
        """The essence of an object, for comparisons that are never made."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Finds nothing."""

    def store(self, **_: Any) -> None:
        """Stores nothing."""
