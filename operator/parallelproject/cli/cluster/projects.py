"""The projects of a cluster, as the commands need them; every error as what it means and what to do about it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.logs import PodLogs
from parallelproject.cli.cluster.next_steps import next_commands
from parallelproject.cli.cluster.queue_words import with_words
from parallelproject.cli.cluster.target import ClusterTarget, missing_kubeconfig
from parallelproject.cli.output.failure import Failure, NoClusterFailure
from parallelproject.cli.output.program import typed
from parallelproject.cli.reader import RequestAnswer
from parallelproject.kube.client import APPLY_PATCH, MERGE_PATCH, Api, ApiError, NoClusterError
from parallelproject.local.read import runs_below
from parallelproject.model.names import API_VERSION, CRD_NAME, PLURAL
from parallelproject.model.suggest import did_you_mean

if TYPE_CHECKING:
    from parallelproject.core.report.why.answer import Why

Json = dict[str, Any]

MANAGER = "pproj"
"""Our name as a field manager."""
_PAGE = 200
_TRIES = 10
_WATCH_SECONDS = 240
_SILENCE_SECONDS = 300
_RETRY_SECONDS = 120
"""How long a lost connection is tried again while a project is followed."""
_INSTALL = f"kubectl apply --server-side -f crds/{CRD_NAME}.yaml installs it"

_UNKNOWN = re.compile(r'unknown field "([^"]+)"')
"""What the API server says of a field that its CRD lacks, where it validates strictly."""


class Cluster:
    """One namespace of a cluster. Every method may raise ``Failure``."""

    def __init__(self, api: Api, namespace: str | None) -> None:
        self._api = api
        self.namespace = namespace or api.namespace
        self.namespace_was_given = namespace is not None

    @property
    def options(self) -> str:
        """What a command line needs to mean the same namespace; it starts with a blank.

        Where local runs are in this folder, a command that names no namespace may mean one of them.
        """
        is_meant = self.namespace == self._api.namespace and not runs_below(Path())
        return "" if is_meant else f" -n {self.namespace}"

    @classmethod
    @asynccontextmanager
    async def connect(cls, target: ClusterTarget) -> AsyncIterator["Cluster"]:
        """The cluster that the options and the kubeconfig mean."""
        missing = await asyncio.to_thread(missing_kubeconfig, target.kubeconfig)
        if missing and target.kubeconfig:
            raise Failure(f"--kubeconfig {target.kubeconfig}: there is no such file")
        if missing:
            hint = "set KUBECONFIG or give --kubeconfig"
            raise NoClusterFailure(f"no cluster is configured: there is no file {missing}", hint=hint)
        try:
            api = await Api.connect(target.kubeconfig, target.context)
        except NoClusterError as error:
            raise Failure(str(error)) from None
        except Exception as error:  # the client library raises anything for a kubeconfig that is none
            found = str(error) or type(error).__name__
            raise Failure(f"no cluster is configured: {found}", hint="see the kubeconfig file") from None
        async with api:
            yield cls(api, target.namespace)

    planner = "the operator"

    def command_to_continue(self, project: Json) -> str:
        """The command line that continues a stopped project."""
        return f"{typed()} retry{self.options} {project['metadata']['name']}"

    def start_again(self, project: Json) -> Sequence[str]:
        """None: the operator runs it."""
        return ()

    def is_attended(self, project: Json) -> bool:
        """It counts as that: the operator looks at every project."""
        return True

    async def logs(
        self, name: str, tasks: list[str] | None, *, follow: bool, container: str | None
    ) -> AsyncIterator[tuple[str, bytes]]:
        """What the pods of the latest attempts print."""
        found = PodLogs(self._api, self, name, container)
        async for piece in found.followed(tasks) if follow else found.written(tasks or []):
            yield piece

    def question_before_deletion(self, project: Json) -> str:
        """Nothing, as kubectl does."""
        return ""

    async def taken_up(self, name: str) -> RequestAnswer:
        """At once: the API server has it, and the operator takes up what that has."""
        return RequestAnswer.APPLIED

    @property
    def nothing_found(self) -> str:
        """Where nothing is."""
        return f" in namespace {self.namespace}"

    def place_of(self, project: Json) -> tuple[str, str]:
        """The namespace."""
        return "Namespace", project["metadata"]["namespace"]

    async def explained(self, found: Sequence["Why"], project: Json) -> Sequence["Why"]:
        """Answers with the words of Kueue where a Job waits for it; the others are in the words of a cluster."""
        return await with_words(self._api, project, found)

    def next_commands(self, found: "Why", project: Json) -> Sequence[str]:
        """What to type next."""
        is_suspended = project["spec"].get("suspend") is True
        return next_commands(found, project["metadata"]["name"], self.options, is_suspended)

    def now(self) -> float:
        """Seconds since the epoch by the API server's clock, whose times the answers have."""
        return self._api.clock.now()

    async def get(self, name: str) -> Json:
        """One project."""
        try:
            return await self._api.request("GET", self._path(name))
        except ApiError as error:
            raise await self._failure(error, name) from None

    async def list(self, *, all_namespaces: bool = False) -> list[Json]:
        """The projects of the namespace, or of all."""
        path = f"/apis/{API_VERSION}/{PLURAL}" if all_namespaces else self._path()
        found: list[Json] = []
        params = {"limit": str(_PAGE)}
        while True:
            try:
                page = await self._api.request("GET", path, params=params)
            except ApiError as error:
                raise await self._failure(error) from None
            kinds = {"apiVersion": page.get("apiVersion"), "kind": str(page.get("kind")).removesuffix("List")}
            found += [kinds | item for item in page.get("items") or ()]
            more = (page.get("metadata") or {}).get("continue")
            if not more:
                return found
            params["continue"] = more

    async def apply(self, manifest: Json) -> Json:
        """Applies a manifest on the server; fields that we set ourselves before (as by suspend) are taken over."""
        name = str(manifest["metadata"].get("name") or "")
        params = {"fieldManager": MANAGER, "fieldValidation": "Strict"}
        try:
            try:
                return await self._api.request(
                    "PATCH", self._path(name), manifest, params=params, content_type=APPLY_PATCH
                )
            except ApiError as error:
                if not _is_conflict_with_ourselves(error):
                    raise
                return await self._api.request(
                    "PATCH", self._path(name), manifest, params=params | {"force": "true"}, content_type=APPLY_PATCH
                )
        except ApiError as error:
            raise await self._failure(error) from None

    async def patch(self, name: str, body: Json) -> Json | None:
        """Applies a merge patch; None when the resourceVersion in it is no longer the current one."""
        params = {"fieldManager": MANAGER, "fieldValidation": "Strict"}
        try:
            return await self._api.request("PATCH", self._path(name), body, params=params, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status == 409 and "resourceVersion" in body.get("metadata", {}):
                return None
            raise await self._failure(error, name) from None

    def refuse_rerun(self, project: Json) -> None:
        """Where its work lands in git.

        Raises:
            Failure: it does.
        """
        name = project["metadata"]["name"]
        if project["spec"].get("git"):
            raise Failure(
                f"{name} lands its work in git, and what has landed is never done again",
                hint=f"{typed()} retry {name} runs failed tasks again; to run all again, submit the file with another "
                "--name and --set spec.git.branch=BRANCH",
            )

    def skipped_for_once(self, project: Json) -> frozenset[str]:
        """None: what a project skips is in its spec."""
        return frozenset()

    async def change(
        self, name: str, patch_of: Callable[[Json], Json | None], tasks: Callable[[], Sequence[str]] = tuple
    ) -> bool:
        """Changes a project as it is: where somebody else changes it meanwhile, the patch is made again.

        Args:
            name: The project.
            patch_of: The merge patch for a project, with its resourceVersion; None: there is nothing to change.
            tasks: The tasks that it is about; the patch says enough of them.

        Returns:
            Whether it was changed.
        """
        for _ in range(_TRIES):
            body = patch_of(await self.get(name))
            if body is None:
                return False
            if await self.patch(name, body) is not None:
                return True
        raise Failure(
            f"{name} was changed by another client during each of {_TRIES} tries", hint="run the command again"
        )

    async def delete(self, name: str, uid: str | None = None) -> None:
        """Deletes a project; what belongs to it goes with it."""
        body: Json = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self._api.request("DELETE", self._path(name), body)
        except ApiError as error:
            raise await self._failure(error, name) from None

    async def until_gone(self, name: str, uid: str) -> None:
        """Waits until a project is no longer there."""
        while True:
            try:
                found = await self._api.request("GET", self._path(name))
            except ApiError as error:
                if error.status == 404:
                    return
                raise await self._failure(error, name) from None
            if found["metadata"]["uid"] != uid:
                return
            await asyncio.sleep(0.2)

    async def follow(self, name: str) -> AsyncIterator[Json | None]:
        """A project now, and again at every change; None at last, when it was deleted.

        A watch that breaks off is taken up again; only a server that stays away for two minutes ends it.
        """
        current = await self.get(name)
        uid = current["metadata"]["uid"]
        yield current
        last_contact = time.monotonic()
        failures = 0
        while True:
            params = {
                "fieldSelector": f"metadata.name={name}",
                "resourceVersion": current["metadata"]["resourceVersion"],
                "timeoutSeconds": str(_WATCH_SECONDS),
            }
            try:
                async for event in self._api.watch(self._path(), params, _SILENCE_SECONDS):
                    last_contact, failures = time.monotonic(), 0
                    if event.get("type") == "ERROR":
                        break
                    seen = event.get("object") or {}
                    if event.get("type") == "DELETED" or seen.get("metadata", {}).get("uid") != uid:
                        yield None
                        return
                    current = seen
                    yield current
                else:
                    continue
            except ApiError as error:
                if error.status in (401, 403):
                    raise await self._failure(error, name) from None
            failures += 1
            await asyncio.sleep(min(5.0, 0.1 * 2**failures))
            # The watch cannot continue from there: look at the object as it is now.
            try:
                now = await self._api.request("GET", self._path(name))
            except ApiError as error:
                if error.status == 404:
                    yield None
                    return
                if error.is_definite or time.monotonic() - last_contact > _RETRY_SECONDS:
                    raise await self._failure(error, name) from None
                continue
            last_contact = time.monotonic()
            if now["metadata"]["uid"] != uid:
                yield None
                return
            if now["metadata"]["resourceVersion"] != current["metadata"]["resourceVersion"]:
                current = now
                yield current

    def _path(self, name: str = "") -> str:
        path = f"/apis/{API_VERSION}/namespaces/{self.namespace}/{PLURAL}"
        return f"{path}/{name}" if name else path

    async def _failure(self, error: ApiError, name: str = "") -> Failure:
        """What an error of the server means."""
        server = self._api.server
        if error.status == 0:
            cause = error.__cause__ or error
            what = "no answer in time" if isinstance(cause, TimeoutError) else str(cause) or type(cause).__name__
            return Failure(
                f"cannot reach the cluster at {server}: {what}", hint="is it running, and is the context right?"
            )
        if error.status == 401:
            return Failure(f"the cluster at {server} does not accept the credentials", hint="log in again")
        if error.status == 403:
            return Failure(str(error), hint=f"ask for the right on {PLURAL}.{API_VERSION.split('/')[0]}")
        if error.status == 404:
            return await self._not_found(error, name)
        if error.status == 409:
            return _conflict(error)
        if unknown := _UNKNOWN.findall(str(error)):
            found = f"{CRD_NAME} of the cluster at {server} does not have the field {', '.join(unknown)}"
            return Failure(found, hint=f"where this pproj is newer than the CRD, {_INSTALL}")
        causes = (error.body.get("details") or {}).get("causes") or []
        lines = [f"{cause.get('field')}: {cause.get('message')}" for cause in causes if cause.get("message")]
        if error.status in (400, 422) and lines:
            return Failure(
                *lines[:20], hint="the cluster refused it" if len(lines) <= 20 else f"and {len(lines) - 20} more"
            )
        return Failure(f"{server}: {error}")

    async def _not_found(self, error: ApiError, name: str) -> Failure:
        details = error.body.get("details") or {}
        if details.get("kind") == "namespaces":
            return Failure(f"there is no namespace {self.namespace}", hint=f"kubectl create namespace {self.namespace}")
        if not details.get("name"):
            return Failure(f"the cluster at {self._api.server} has no {CRD_NAME}", hint=_INSTALL)
        try:
            names = [item["metadata"]["name"] for item in (await self._api.request("GET", self._path()))["items"]]
        except ApiError:
            names = []
        hint = did_you_mean(name, names) or f"{typed()} list -A shows the projects of all namespaces"
        return Failure(f"there is no project {name} in namespace {self.namespace}", hint=hint)


def _is_conflict_with_ourselves(error: ApiError) -> bool:
    """Whether only our own earlier writes, by another operation, stand against what is applied."""
    causes = (error.body.get("details") or {}).get("causes") or []
    return error.status == 409 and bool(causes) and all(_manager(cause) == MANAGER for cause in causes)


def _conflict(error: ApiError) -> Failure:
    causes = (error.body.get("details") or {}).get("causes") or []
    lines = [f"{cause.get('field', '').lstrip('.')} was set by {_manager(cause)}" for cause in causes]
    if not lines:
        return Failure(str(error), hint="try again")
    hint = "leave these fields out, or take them over with kubectl apply --server-side --force-conflicts"
    return Failure(*lines[:20], hint=hint)


def _manager(cause: Json) -> str:
    """The field manager that a cause names: ``conflict with "kubectl" using …``."""
    parts = str(cause.get("message") or "").split('"')
    return parts[1] if len(parts) > 1 else "another"


def without_managed_fields(data: Any) -> Any:
    """An object, or a list of them, without what only the server needs."""
    if isinstance(data, list):
        return [without_managed_fields(item) for item in data]
    if isinstance(data, dict) and isinstance(data.get("metadata"), dict):
        metadata = {key: value for key, value in data["metadata"].items() if key != "managedFields"}
        return {**data, "metadata": metadata}
    return data
