"""The ParallelProjects that there are: kopf's watch brings them, a comparer says which are there. One sink takes both.

Only ``on.event`` of kopf is used. Changing handlers would copy the whole spec into an annotation, whose limit is
reached at some 1,400 tasks, and their stores cost ten times the time of the event itself.

What kopf's watch does not do is done next to it, by a reflector of the projects' metadata:

- After a gap (410, a restart) kopf lists again and hands on what is there; nobody hears of what is not. The reflector
  compares each list with what is known, and reports the rest as gone.
- kopf looks once, at its start, whether the CRD is there, and ends with an error when it goes. kopf is started when the
  reflector has listed the projects, and again when it has ended.
- kopf says neither when it was last heard nor that it hears nothing. The reflector does; and whatever it knows to be
  newer than what kopf has brought, a short time later, is read.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import kopf

from parallelproject.controller.projects.fresh_read import Verifier
from parallelproject.kube.client import METADATA, REQUEST_SECONDS, Api, ApiError, collection
from parallelproject.kube.lease import Leader
from parallelproject.kube.reflector import SILENCE_SECONDS, WATCH_SECONDS, Reflector
from parallelproject.model import names

log = logging.getLogger(__name__)

Body = Mapping[str, Any]

FRESH_SECONDS = 5.0
"""A project's attempts are started without another look at it while its watch was heard within so long."""
_KOPF_SECONDS = 1.0
"""How long kopf may take to bring what the reflector has observed."""
_DEAF_SECONDS = 10.0
"""A kopf that has brought nothing for so long, while there was something to bring, is started again."""
_PAUSE_SECONDS = 1.0
_KNOWN_SECONDS = 30
"""Longest wait at the start for projects that are listed and cannot be read."""
_POLL_SECONDS = 0.05
_GONE_MAX = 10_000
"""So many uids are remembered of projects that are gone: an event of kopf's may come later than the reflector's."""


class Sink(Protocol):
    """Who takes what is observed of projects."""

    def take(self, body: Body) -> None:
        """A project is there, in this state, or in a newer one that is known already."""

    def read(self, body: Body) -> None:
        """The same, of one that was just read from the API server."""

    def gone(self, namespace: str, name: str, uid: str) -> None:
        """A project is not there any more, whether or not it was known."""

    def known(self, namespace: str, name: str) -> tuple[str, int] | None:
        """The uid and the resourceVersion of the project that has this name; None where none is known."""


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
            leader: Says when to start, and how old a list may be.
            namespaces: Where to look; empty: everywhere.
            sink: Takes what is observed.
            kopf_ended: Is called when kopf has ended by itself; it is started again.
            missed: Is called when kopf has not brought a state of a project, which is read then.
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
        self._forgotten: OrderedDict[str, None] = OrderedDict()  # uids of those that are gone
        self._late: dict[str, Mapping[str, Any]] = {}  # by uid, the newest metadata of what kopf is to bring
        self._kopf_heard = 0.0
        self._kopf_is_deaf = asyncio.Event()
        self.kopf_runs = asyncio.Event()
        """Set while kopf's start-up handlers have run and it has not ended."""
        self.on_kopf_start: Callable[[], None] = lambda: None
        """Called after kopf was started: it sets signal handlers of its own."""

    @property
    def reflectors(self) -> list[Reflector]:
        """The watches by which projects are known to be there."""
        return list(self._comparers.values())

    def is_current(self, namespace: str) -> bool:
        """Whether a deletion of a project in a namespace would be known, but for FRESH_SECONDS."""
        comparer = self._comparers.get(namespace) or self._comparers.get("")
        return comparer is not None and comparer.is_current(FRESH_SECONDS)

    def confirm(self, namespace: str, name: str, uid: str) -> None:
        """Reads a project, so that it is current or known to be gone."""
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
        """Waits until every project is known that there is: what is active of one counts for the limits of others, and
        one of them may go first."""
        for comparer in self._comparers.values():
            await comparer.synced.wait()
        deadline = time.monotonic() + _KNOWN_SECONDS
        while not self._verifier.is_idle:
            if time.monotonic() > deadline:
                log.error("some projects cannot be read for %d s, and are not counted for limits", _KNOWN_SECONDS)
                return
            await asyncio.sleep(_POLL_SECONDS)

    # What the reflector says.

    def seen(self, item: Body) -> None:
        """The metadata of a project that is there."""
        metadata = item["metadata"]
        uid = metadata["uid"]
        self._forgotten.pop(uid, None)
        if not self._is_behind(metadata):
            return
        comparer = self._comparers.get(metadata["namespace"]) or self._comparers[""]
        if not comparer.synced.is_set():
            self._verifier.check(metadata)  # kopf has not begun
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
        """Reads what kopf has not brought in time."""
        uid = metadata["uid"]
        newest = self._late.get(uid)
        if newest is not None and newest is not metadata and not self._is_behind(metadata):
            asyncio.get_running_loop().call_later(_KOPF_SECONDS, self._catch_up, newest)
            return
        self._late.pop(uid, None)
        if newest is None or self._verifier.is_checking(uid) or not self._is_behind(newest):
            return  # it is gone, or here
        self._missed()
        self._verifier.check(newest)
        if time.monotonic() - self._kopf_heard > _DEAF_SECONDS:
            self._kopf_is_deaf.set()

    # What kopf brings.

    def event(self, kind: str | None, body: Body) -> None:
        """An event of kopf's watch; ``kind`` as the server gives it, None for a list."""
        self._kopf_heard = time.monotonic()
        metadata = body["metadata"]
        revision, uid = int(metadata["resourceVersion"]), metadata["uid"]
        is_news = kind is not None and revision > max(self._newest, int(self._leader.revision or 0))
        self._newest = max(self._newest, revision)
        if kind == "DELETED":
            self._gone(metadata["namespace"], metadata["name"], uid)
        elif uid in self._forgotten:
            pass  # late: the reflector has said that it is gone
        else:
            known = self._sink.known(metadata["namespace"], metadata["name"])
            if known is not None and known[0] != uid and revision < known[1]:
                pass  # late news of one that had the name before
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
        """Runs kopf whenever projects can be listed, and starts it again when it ends."""
        while True:
            for comparer in self._comparers.values():
                await comparer.synced.wait()
            if not await self._is_discovered():  # later than it is served; kopf would find nothing, and look no more
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                await self._run_kopf()
                log.warning("kopf brings no projects; it is started again")
            except Exception as error:
                log.warning("kopf's watch of projects ended: %s; it is started again", error)
            self._kopf_ended()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _is_discovered(self) -> bool:
        """Whether the API server lists the resource where kopf looks for it."""
        try:
            groups = await self._api.request("GET", "/apis")
            found = await self._api.request("GET", f"/apis/{names.API_VERSION}")
        except ApiError as error:
            log.warning("looking for the CRD: %s", error)
            return False
        is_grouped = any(group["name"] == names.GROUP for group in groups.get("groups") or ())
        return is_grouped and any(each["name"] == names.PLURAL for each in found.get("resources") or ())

    async def _run_kopf(self) -> None:
        """Runs kopf until it ends by an error, which is raised, or brings nothing."""
        self._kopf_is_deaf.clear()
        self._kopf_heard = began = time.monotonic()
        tasks: set[asyncio.Task[Any]] = set()
        deaf = asyncio.create_task(self._kopf_is_deaf.wait())
        try:
            # kopf.run_tasks would do the same, and then cancel every task of the process that it does not know.
            tasks = set(
                await kopf.spawn_tasks(
                    registry=self._registry(),
                    settings=_settings(),
                    standalone=True,
                    clusterwide=not self._namespaces,
                    namespaces=self._namespaces,
                )
            )
            self.on_kopf_start()
            done: set[asyncio.Task[Any]] = set()
            while not done:
                done, _ = await asyncio.wait({*tasks, deaf}, timeout=_DEAF_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not done and self._kopf_heard == began and any(each.names for each in self.reflectors):
                    return  # there are projects, and it has not even listed them
            for task in done:
                task.result()
        finally:
            self.kopf_runs.clear()
            for task in (*tasks, deaf):
                task.cancel()
            await asyncio.gather(*tasks, deaf, return_exceptions=True)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.ConnectionInfo:
            found = self._api.configuration
            return kopf.ConnectionInfo(
                server=self._api.server,
                ca_path=found.ssl_ca_cert,
                ca_data=found.ca_cert_data,
                insecure=not found.verify_ssl,
                token=await self._api.token(),
                certificate_path=found.cert_file,
                private_key_path=found.key_file,
                expiration=datetime.now(UTC) + timedelta(minutes=5),  # tokens of pods are renewed
            )

        @kopf.on.startup(registry=registry)
        async def started(**_: Any) -> None:
            self.kopf_runs.set()

        @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
        async def project_event(type: str | None, body: kopf.Body, **_: Any) -> None:
            self.event(type, body)

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
    settings.networking.error_backoffs = (1, 2, 5, *[10] * 1000)  # as patient as our own watches: it never gives up
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
        """The essence of an object, for comparisons that nobody makes."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Finds nothing."""

    def store(self, **_: Any) -> None:
        """Stores nothing."""
