"""Leader election: of several operators, the one that holds the Lease is active.

Election as in client-go: the Lease names its holder, every change of it is a compare-and-swap, and another
operator takes it over when it has seen it unchanged for its whole duration, by its own clock. Two things differ.

- A holder that cannot renew does not exit. After two thirds of the duration it writes nothing, so that its last
requests
  have a third to arrive in. If the Lease is unchanged when the API server is back, no other operator can have been
  active, and it continues. An API server that is down causes no restart of the operator.
- The write that takes the Lease over is a fence. A list can be old: from a cache, a restored or a partitioned API
server. A
  plan from an old list treats slots of running tasks as free. A write gets its revision from etcd itself, so lists that
  must not be older than that show everything that the previous holder did.
"""

import asyncio
import logging
import math
import time
from datetime import UTC, datetime
from typing import Any

from parallelproject.kube.client import Api, ApiError, NotSentError

log = logging.getLogger(__name__)

Json = dict[str, Any]

LEASE = "parallelproject"
"""Name of the Lease, in the operator's own namespace, unless the operator is configured with another one."""
SECONDS = 15
"""How long a Lease is valid after it was renewed."""
_RELEASED = 1
"""Duration of a released Lease, which has no holder."""
_POLL_SECONDS = 1.0
"""Maximum time between two checks of a standby operator, or two retries of one that could not renew."""


class LostLeaseError(Exception):
    """Another operator holds the Lease now."""


class Leader:
    """This operator's part in the election; calling it returns the revision of the fence."""

    def __init__(self, api: Api, identity: str, name: str = LEASE, seconds: int = SECONDS) -> None:
        """Prepares it; ``run`` takes part.

        Args:
            api: An open connection. From now on it sends writes only while this operator leads.
            identity: The identity: no two operators at once have the same. One that restarts with the same identity
                need not wait.
            name: Of the Lease, in the namespace of ``api``.
            seconds: How long it is valid.
        """
        self._api = api
        self._identity = identity
        self._name = name
        self._seconds = seconds
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{api.namespace}/leases"
        self._path = f"{self._collection}/{name}"
        self._lease: Json = {}
        self._seen_at = 0.0
        """Since when it is unchanged, by our clock."""
        self._other_seen_at = -math.inf
        """When another holder was last observed, by our clock."""
        self._acquired = ""
        self._sent = self._good_until = 0.0
        self.revision = ""
        """The revision of the write that took the Lease over; empty before it."""
        self.elected = asyncio.Event()
        """Set when this operator has become the leader."""
        self.trouble = "the Lease has not been read"
        """Why this operator cannot take part in the election; empty if it can."""
        self.last_try = time.monotonic()
        """Monotonic time of its last activity."""
        api.guard = self._allow

    async def __call__(self) -> str:
        """The revision that every first list must have reached, once this operator leads."""
        await self.elected.wait()
        return self.revision

    @property
    def is_leading(self) -> bool:
        """Whether this operator may write now."""
        return self.elected.is_set() and _now() < self._good_until

    @property
    def holder(self) -> str:
        """The holder of the Lease, as last observed."""
        return str((self._lease.get("spec") or {}).get("holderIdentity") or "")

    async def run(self) -> None:
        """Takes the Lease over when it is free, and renews it from then on.

        Raises:
            LostLeaseError: this operator led, and another one has the Lease now. What was known is no longer valid.
        """
        while True:
            self.last_try = time.monotonic()
            try:
                await (self._renew() if self.elected.is_set() else self._stand_by())
                self.trouble = ""
            except LostLeaseError:
                self._good_until = 0.0
                raise
            except ApiError as error:
                if str(error) != self.trouble:
                    log.warning("Lease %s/%s: %s", self._api.namespace, self._name, error)
                self.trouble = str(error)
            await asyncio.sleep(self._pause())

    async def release(self) -> None:
        """Releases the Lease, so that the next operator need not wait. To be called when no request is in progress."""
        if not self.is_leading:
            return
        self._good_until = 0.0  # whether or not the write succeeds
        try:
            self._see(await self._reread())
            await self._put({"holderIdentity": "", "leaseDurationSeconds": _RELEASED})
        except (ApiError, LostLeaseError) as error:
            log.warning("Lease %s/%s was not released: %s", self._api.namespace, self._name, error)

    def _pause(self) -> float:
        """From the last renewal to the next, even if its answer took long."""
        if not self.is_leading or self.trouble:
            return min(_POLL_SECONDS, self._seconds / 5)
        return max(0.0, self._sent + self._seconds / 3 - _now())

    def _allow(self, method: str, path: str) -> None:
        """Called just before a request is sent: after a pause of any kind, it must not be sent."""
        if method not in ("GET", "HEAD") and not path.startswith(self._collection) and not self.is_leading:
            raise NotSentError("not sent: this operator does not hold the Lease")

    async def _stand_by(self) -> None:
        """Reads the Lease, and takes it if it is free."""
        try:
            self._see(await self._api.request("GET", self._path))
        except ApiError as error:
            if error.status != 404:
                raise
            self._see({})
        spec = self._lease.get("spec") or {}
        good_for = float(spec.get("leaseDurationSeconds") or self._seconds)
        if self.holder not in ("", self._identity):
            self._other_seen_at = _now()
            if _now() < self._seen_at + good_for:
                return
        elif self.holder != self._identity and good_for != _RELEASED and _now() < self._other_seen_at + self._seconds:
            return  # deleted, or cleared by hand: the holder may not know it
        before, now = self.holder, _iso()
        transitions = int(spec.get("leaseTransitions") or 0) + 1
        asked = {"holderIdentity": self._identity, "acquireTime": now, "leaseTransitions": transitions}
        sent = _now()
        try:
            await self._put({**asked, "leaseDurationSeconds": self._seconds})
        except ApiError as error:
            if error.status == 409:
                return  # another operator was faster
            raise
        self._acquired, self.revision = now, self._lease["metadata"]["resourceVersion"]
        self._renewed(sent)
        self.elected.set()
        log.info("this operator leads", extra={"lease": self._name, "holder": self._identity, "before": before})

    async def _renew(self) -> None:
        ours, sent = {"leaseDurationSeconds": self._seconds}, _now()
        try:
            await self._put(ours)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            # Our own renewal whose answer was lost, or a changed label: only the holder counts.
            sent = _now()
            self._see(await self._reread())
            await self._put(ours)
        self._renewed(sent)

    def _renewed(self, sent: float) -> None:
        self._sent, self._good_until = sent, sent + self._seconds * 2 / 3

    async def _reread(self) -> Json:
        """The current Lease, which must be the one that this operator took over."""
        try:
            found = await self._api.request("GET", self._path)
        except ApiError as error:
            if error.status == 404:
                raise LostLeaseError(f"Lease {self._name} was deleted") from None
            raise
        spec = found.get("spec") or {}
        if (spec.get("holderIdentity"), spec.get("acquireTime")) != (self._identity, self._acquired):
            holder = spec.get("holderIdentity") or "nobody"
            raise LostLeaseError(f"Lease {self._name} is held by {holder} now") from None
        return found

    async def _put(self, changes: Json) -> None:
        """Writes the Lease with changes, if it is still as it was read."""
        spec = {**(self._lease.get("spec") or {}), "renewTime": _iso(), **changes}
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, **(self._lease.get("metadata") or {})},
            "spec": spec,
        }
        limit = max(1.0, self._seconds / 3)
        if self._lease:
            self._see(await self._api.request("PUT", self._path, body, seconds=limit))
        else:
            self._see(await self._api.request("POST", self._collection, body, seconds=limit))

    def _see(self, lease: Json) -> None:
        def version(of: Json) -> object:
            return (of.get("metadata") or {}).get("resourceVersion")

        if version(lease) != version(self._lease):
            self._seen_at = _now()
        self._lease = lease


def _now() -> float:
    """A clock that continues while the machine sleeps, if the system has one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _iso() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
