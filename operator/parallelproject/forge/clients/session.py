"""Requests to a forge: with its token, within its limits, with retries where that is safe.

The token is read from its file for each try, is sent to the configured origin only, and is in no message.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from parallelproject.forge.clients.answer import Answer, AnswerError, LostAnswerError
from parallelproject.forge.clients.clock import RetryClock, backoff
from parallelproject.forge.clients.rate_limit import Pace
from parallelproject.forge.clients.server import Server
from parallelproject.git.plumbing.failure import clean
from parallelproject.git.plumbing.outcome import AuthOrProtectedError, TransientError

SECONDS = 60.0
"""Maximum time of one request."""
PATIENCE = 900.0
"""Maximum time of retries of a request, in seconds."""
_TRIES = 8
"""Maximum number of tries of a request that gets no answer."""
_REDIRECTS = 3
_PAGES = 40
_KNOWN_MAX = 200
"""Answers that are kept for conditional requests."""
_IN_TROUBLE = (408, 500, 502, 503, 504)


class ForgeSession:
    """One forge's API; to be used as an async context manager.

    What was read before is asked for with its ``ETag`` (RFC 9110, 13.1.2): an answer that has not changed is not sent
    again, and GitHub does not count it ("Best practices for using the REST API", Use conditional requests).
    """

    def __init__(
        self,
        server: Server,
        authorization: Callable[[str], str],
        clock: RetryClock,
        headers: Mapping[str, str] | None = None,
        limits: tuple[tuple[int, float], ...] = (),
        patience: float = PATIENCE,
    ) -> None:
        self.server = server
        self.clock = clock
        self._authorization = authorization
        self._headers = {"Accept": "application/json", "User-Agent": "parallelproject", **(headers or {})}
        self._pace = Pace(clock, *limits)
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None
        self._known: OrderedDict[str, tuple[str, Answer]] = OrderedDict()
        self.spent = 0
        """Number of requests that count for the forge's limits: those whose answer was not known before."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # Without the environment: a session that trusts it takes passwords from .netrc.
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            connector=aiohttp.TCPConnector(ssl=self.server.context),
            middlewares=(_sent_once,),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    async def get(self, path: str, **params: str | int) -> Any:
        """Reads something.

        Raises:
            AnswerError: the forge refuses.
            DeliveryError: it is not reachable.
        """
        return (await self.call("GET", path, params=params)).body

    async def rows(self, path: str, params: Mapping[str, str | int], *, full: int, key: str = "") -> AsyncIterator[Any]:
        """Yields the rows of a list, of at most ``_PAGES`` pages.

        Args:
            path: Of the list.
            params: The query.
            full: A page with fewer rows is the last.
            key: Where an answer has its rows; an answer is a list without it.
        """
        for page in range(1, _PAGES + 1):
            body = await self.get(path, **params, page=page)
            rows = (body.get(key) if key else body) or []
            for row in rows:
                yield row
            if len(rows) < full:
                return

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str | int] | None = None,
        once: bool = False,
        is_text: bool = False,
    ) -> Answer:
        """One request, retried while the forge is not reachable or asks us to wait.

        Args:
            method: Of HTTP.
            path: Below the API's address, quoted; or a whole address of the same origin.
            body: What is sent, as JSON.
            params: The query.
            is_text: Whether the answer is text, not JSON.
            once: Never retried if it may have been executed: creating and merging.

        Raises:
            AnswerError: the forge refuses.
            LostAnswerError: ``once``, and it may have been executed.
            TransientError: it failed, or asked us to wait, for too long.
            AuthOrProtectedError: no token, or a redirect to another host.
        """
        deadline = self.clock.monotonic() + self._patience
        limited = troubled = 0
        while True:
            if method != "GET":
                waited = self.clock.monotonic()
                await self._pace.turn()
                deadline += self.clock.monotonic() - waited
            answer, trouble = await self._try(method, path, body, params)
            if answer is None or answer.status in _IN_TROUBLE:
                wait = answer.wait(self.clock.now(), limited) if answer else None
                # Refused before it was sent, or limited: it had no effect.
                if once and wait is None and trouble is not _NOT_SENT:
                    raise LostAnswerError(f"{method} {_shown(path)}: {trouble or (answer and answer.status)}")
                wait, troubled = backoff(troubled) if wait is None else wait, troubled + 1
                if troubled >= _TRIES:
                    found = f"{method} {_shown(path)}: {f'HTTP {answer.status}' if answer else trouble}"
                    raise TransientError("ForgeUnreachable", f"{found}, {troubled} times")
            elif (asked := answer.wait(self.clock.now(), limited)) is not None:
                wait, limited = asked, limited + 1
            elif answer.status >= 300:
                detail = await self._cleaned(answer.detail)
                raise AnswerError(answer.status, f"{method} {_shown(path)}: HTTP {answer.status}: {detail}", detail)
            elif answer.content.strip() and answer.body is None and not is_text:
                raise AnswerError(502, f"{method} {_shown(path)}: HTTP {answer.status}, but no JSON", "")
            else:
                return answer
            if self.clock.monotonic() + wait > deadline:
                found = f"{method} {_shown(path)}: the forge asks to wait {wait:.0f} s more"
                raise TransientError("RateLimited" if limited else "ForgeUnreachable", found)
            await self.clock.sleep(wait)

    async def create(self, path: str, body: Any, is_there: Callable[[AnswerError], bool]) -> Any:
        """Creates something, once; None if it may exist already, and has to be looked up.

        Args:
            path: Where.
            body: What, as JSON.
            is_there: Whether a refusal says that it exists.

        Raises:
            AnswerError: the forge refuses.
            DeliveryError: it is not reachable.
        """
        try:
            return (await self.call("POST", path, body, once=True)).body
        except LostAnswerError:
            return None
        except AnswerError as error:
            if is_there(error):
                return None
            raise

    async def _try(
        self, method: str, path: str, body: Any, params: Mapping[str, str | int] | None
    ) -> tuple[Answer | None, str]:
        """One try: an answer, or the error."""
        url = path if path.startswith(self.server.origin + "/") else self.server.api + path
        assert self._session
        for _ in range(_REDIRECTS):
            token = await asyncio.to_thread(self.server.read_token)
            asked = str(URL(url, encoded=True).update_query(params or {})) if method == "GET" else ""
            tag, known = self._known.get(asked, ("", None))
            condition = {"If-None-Match": tag} if tag else {}
            try:
                async with self._session.request(
                    method, URL(url, encoded=True), json=body, params=params, proxy=self.server.proxy,
                    headers={**self._headers, "Authorization": self._authorization(token), **condition},
                    allow_redirects=False,
                ) as response:  # fmt: skip
                    answer = Answer(response.status, response.headers, await response.read())
            except aiohttp.ClientConnectorCertificateError:
                found = f"{self.server.origin} is not trusted: its certificate cannot be verified"
                raise AuthOrProtectedError("CertificateRefused", found) from None
            except aiohttp.ClientConnectorError:
                return None, _NOT_SENT
            except (_BrokenError, aiohttp.ClientError, TimeoutError, OSError) as error:
                return None, type(error.__cause__ or error).__name__
            if answer.status == 304 and known:
                self._known.move_to_end(asked)
                return known, ""
            self.spent += 1
            if asked and answer.status == 200 and (tag := answer.headers.get("ETag", "")):
                self._known[asked] = (tag, answer)
                if len(self._known) > _KNOWN_MAX:
                    self._known.popitem(last=False)
            target = answer.headers.get("Location")
            if answer.status not in (301, 302, 307, 308) or not target:
                return answer, ""
            url, params = urljoin(url, target), None
            if not url.startswith(self.server.origin + "/") or (method != "GET" and answer.status < 307):
                host = urlsplit(url).hostname
                found = f"{method} {_shown(path)}: it has moved to {host}: configure its new address"
                raise AuthOrProtectedError("Redirected", await self._cleaned(found))
        return answer, ""

    async def _cleaned(self, text: str) -> str:
        """A message of the forge without the token, in case it repeats it."""
        try:
            token = await asyncio.to_thread(self.server.read_token)
        except AuthOrProtectedError:
            token = ""
        return clean(text.encode(), [token] if token else [])


_NOT_SENT = "no connection"


class _BrokenError(Exception):
    """The connection broke during a request."""


async def _sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Hides a broken connection from aiohttp, which would send a PUT a second time; that may be a merge."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenError from error


def _shown(path: str) -> str:
    return urlsplit(path).path
