"""Requests to a Kubernetes API server with plain dictionaries.

The official client finds the server and the credentials and keeps them fresh; the requests go straight
through its HTTP session, since typed models cost two to four times as much CPU.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, Self

import aiohttp
import orjson
import yaml
from kubernetes.aio import client, config
from kubernetes.aio.config import ConfigException
from yarl import URL

from parallelproject.kube.clock import ServerClock
from parallelproject.proxy_settings import proxy_for

Json = dict[str, Any]

REQUEST_SECONDS = 30
"""Time limit of one request."""
CONNECTIONS = 100
"""Maximum number of connections, including watches."""
HINT = "set KUBECONFIG or give --kubeconfig"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
"""Only of Kubernetes' own resources: a CRD's have none."""
APPLY_PATCH = "application/apply-patch+yaml"
_NOT_IN_YAML = re.compile("[\x7f-\x9f\ufffe\uffff]")
_LINE_MAX = 16 * 1024 * 1024
"""Maximum size of a watch event: an object is at most 3 MiB in etcd, and JSON escapes make it longer."""


class Media(NamedTuple):
    """Accept: the requested form of objects."""

    of_list: str = "application/json"
    of_object: str = "application/json"
    """Also of the events of a watch."""


JSON = Media()
METADATA = Media(*(f"application/json;as=PartialObjectMetadata{end};g=meta.k8s.io;v=v1" for end in ("List", "")))
"""Only the metadata of objects."""


class ApiError(Exception):
    """An answer of the API server that is an error, or no answer: then ``status`` is 0."""

    def __init__(
        self, status: int, reason: str, message: str, body: Json | None = None, retry_after: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        """Machine-readable, as in ``AlreadyExists``; empty if the server gave none."""
        self.body = body or {}
        self.retry_after = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
        """Seconds that the server asked to wait, by the header Retry-After; 0 if it did not."""

    @property
    def is_definite(self) -> bool:
        """Whether the request certainly had no effect: a refusal, not a network error."""
        return 400 <= self.status < 500 and self.status != 408


class NotSentError(aiohttp.ClientError):
    """The guard of an ``Api`` has blocked a request."""


class NoClusterError(Exception):
    """No cluster is configured, or its configuration cannot be read."""


class Api:
    """One API server; to be used as an async context manager."""

    def __init__(self, configuration: client.Configuration, namespace: str) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        # The environment is read once: a session that trusts it reads .netrc and proxies for every request, in threads.
        proxy = configuration.proxy or proxy_for(str(configuration.host))
        self.server = str(configuration.host).rstrip("/")
        configuration.client_session_kwargs = {
            "trust_env": False,
            "proxy": proxy,
            "request_class": self._request_class(),
        }
        self.guard: Callable[[str, str], None] = lambda method, path: None
        """Called with method and path of each request just before it is sent; raises NotSentError to block it. The path
        is relative to the address of the API server."""
        self.observe: Callable[[str, str, int, float | None], None] = lambda method, path, code, seconds: None
        """Observes each request that is over: method, path, HTTP code or 0, seconds or None for a watch."""
        self.clock = ServerClock()
        """The server's clock, derived from its answers."""
        self.namespace = namespace
        """The namespace of the context, used if none is given."""
        self._client = client.ApiClient(configuration)
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    async def connect(cls, kubeconfig: str | None = None, context: str | None = None) -> Self:
        """Finds the server as kubectl does: --kubeconfig, $KUBECONFIG, the default file, then the pod's own.

        Raises:
            NoClusterError: none is configured.
        """
        configuration = client.Configuration()
        in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and not os.environ.get("KUBECONFIG")
        try:
            if in_pod and not kubeconfig and not context:
                config.load_incluster_config(client_configuration=configuration)
                path = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
                return cls(configuration, await asyncio.to_thread(_read, path) or "default")
            await config.load_kube_config(config_file=kubeconfig, context=context, client_configuration=configuration)
            contexts, active = config.list_kube_config_contexts(config_file=kubeconfig)
            chosen = next((c for c in contexts if c["name"] == context), active)
            return cls(configuration, chosen["context"].get("namespace") or "default")
        except (TypeError, AttributeError, LookupError):  # what the client raises for a malformed file
            raise NoClusterError(f"no cluster is configured: the kubeconfig is malformed ({HINT})") from None
        except (ConfigException, OSError, ValueError, yaml.YAMLError) as error:
            raise NoClusterError(f"no cluster is configured: {error} ({HINT})") from None

    def _request_class(self) -> type[aiohttp.ClientRequest]:
        api, prefix = self, URL(self.server).raw_path.rstrip("/")

        class Guarded(aiohttp.ClientRequest):
            # Not earlier: a request may wait for a connection, and the process may be stopped while it waits.
            async def send(self, conn: Any) -> aiohttp.ClientResponse:
                api.guard(self.method, self.url.raw_path.removeprefix(prefix))
                return await super().send(conn)

        return Guarded

    async def __aenter__(self) -> Self:
        rest = self._client.rest_client
        self._session = rest.pool_manager = rest._create_pool_manager()  # created lazily by the client
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def token(self) -> str | None:
        """The current bearer token; None if a client certificate is used."""
        setting = (await self._client.configuration.auth_settings()).get("BearerToken")
        return str(setting["value"]).rpartition(" ")[2] if setting else None  # after "Bearer", or "bearer" in a pod

    @property
    def configuration(self) -> client.Configuration:
        """Server, certificates and credentials, for other clients."""
        found: client.Configuration = self._client.configuration
        return found

    async def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        seconds: float = REQUEST_SECONDS,
    ) -> Json:
        """One request and its answer.

        Raises:
            ApiError: the server refused, or could not be reached, or did not answer in time.
        """
        write = _encode_as_yaml if content_type == APPLY_PATCH else encode
        data = None if body is None else write(body)
        headers = {"Accept": accept, "Content-Type": content_type}
        timeout = aiohttp.ClientTimeout(total=seconds)
        began, status = time.monotonic(), 0
        try:
            async with await self._send(method, path, params, headers, data, timeout) as response:
                self.clock.observe(response.headers.get("Date"), began, time.monotonic())
                text = await response.read()
                status, retry_after = response.status, response.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            status = 0
            raise ApiError(0, "", f"{method} {path}: {error or type(error).__name__}") from error
        finally:
            self.observe(method, path, status, time.monotonic() - began)
        try:
            answer = _decode(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            message = f"{method} {path}: HTTP {status}, not JSON"
            raise ApiError(status if status >= 400 else 0, "", message, retry_after=retry_after)
        if status >= 400:
            reason = str(answer.get("reason") or "")
            raise ApiError(status, reason, str(answer.get("message") or f"HTTP {status}"), answer, retry_after)
        return answer

    async def watch(
        self,
        path: str,
        params: dict[str, str],
        silence_seconds: float,
        opened: Callable[[], None] = lambda: None,
        accept: str = JSON.of_object,
    ) -> AsyncIterator[Json]:
        """The events of a watch, until the server ends it.

        Args:
            silence_seconds: Maximum time without a byte; bookmarks come about once a minute.
            opened: Called when the server has opened the watch, which may be long before the first event.
            accept: The form of the objects.

        Raises:
            ApiError: refused, interrupted, or silent for too long.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=silence_seconds)
        headers = {"Accept": accept}
        try:
            async with await self._send("GET", path, {**params, "watch": "1"}, headers, None, timeout) as response:
                self.observe("GET", path, response.status, None)
                if response.status >= 400:
                    retry_after = response.headers.get("Retry-After")
                    raise ApiError(
                        response.status, "", f"watch {path}: HTTP {response.status}", retry_after=retry_after
                    )
                opened()
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > _LINE_MAX:
                        raise ApiError(0, "", f"watch {path}: an event of more than {_LINE_MAX} bytes")
                    for line in lines:
                        if line:
                            yield _decode(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(0, "", f"watch {path}: {error or type(error).__name__}") from error

    async def stream(self, path: str, params: dict[str, str]) -> AsyncIterator[bytes]:
        """The bytes of an answer as they come, until the server ends it: of a log that is followed.

        Raises:
            ApiError: refused, or broken off.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS)
        try:
            async with await self._send("GET", path, params, {"Accept": "*/*"}, None, timeout) as response:
                self.observe("GET", path, response.status, None)
                if response.status >= 400:
                    raise _refusal(response.status, await response.read())
                async for data in response.content.iter_any():
                    yield data
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, "", f"GET {path}: {error or type(error).__name__}") from error

    async def _send(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None,
        headers: dict[str, str],
        data: bytes | None,
        limits: aiohttp.ClientTimeout,
    ) -> Any:
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
        if self._session is None:
            raise RuntimeError("Api is used outside its context")
        return self._session.request(
            method, self.server + path, params=params, headers=headers, data=data, timeout=limits
        )


def _refusal(status: int, text: bytes) -> ApiError:
    """The error of an answer that is a Status, or that is none."""
    try:
        answer = _decode(text)
    except ValueError:
        answer = None
    body = answer if isinstance(answer, dict) else {}
    return ApiError(status, str(body.get("reason") or ""), str(body.get("message") or f"HTTP {status}"), body)


def collection(group: str, namespace: str, plural: str) -> str:
    """The path of all objects of a kind.

    Args:
        group: As in ``/apis/batch/v1``.
        namespace: The namespace; empty: all namespaces.
        plural: As in ``jobs``.
    """
    return f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"


def encode(body: Json) -> bytes:
    """Serialises as JSON."""
    try:
        return orjson.dumps(body)
    except TypeError:  # nested too deep, or text that is not Unicode
        return json.dumps(body, separators=(",", ":")).encode()


def _encode_as_yaml(body: Json) -> bytes:
    """Serialises as JSON that YAML reads the same: YAML has no surrogate pairs and not every raw character."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode(errors="replace")


def _decode(text: bytes) -> Any:
    """Parses JSON; raises ValueError if it is invalid."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # nested too deep, or invalid JSON
        return json.loads(text)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return ""
