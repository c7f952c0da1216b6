"""The one operator running, of several that stand by: who holds the Lease.

Election as in client-go: the Lease names its holder, every change of it is a compare-and-swap, and another one takes
it over that has seen it unchanged for its whole duration, by a clock of its own. Two things are different.

- A holder that cannot renew is not done for. It writes nothing from two thirds of the duration on, so that what it has
  sent has a third to arrive in; but if the Lease is still as it left it when the API server is back, nobody can have
  been running in between, and it goes on. An API server that is away gets no operator restarted.
- The write that takes it over is a fence. A list can be old: a cache behind, a restored or partitioned API server. Who
  plans on one takes running tasks for free slots. A write gets its revision from etcd itself, so lists that must not be
  older than that show all that the holder before has done, whatever stands between.
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
"""Name of the Lease, in the operator's own namespace, where the operator is told no other."""
SECONDS = 15
"""How long a Lease is good for after it was renewed."""
_RELEASED = 1
"""Duration of a Lease that was given back; nobody holds it then."""
_POLL_SECONDS = 1.0
"""How often one that stands by looks, or one that could not renew tries again, at the latest."""


class LostLeaseError(Exception):
    """Somebody else holds the Lease now."""


class Leader:
    """This operator's part in the election; called for the revision of the fence."""

    def __init__(self, api: Api, identity: str, name: str = LEASE, seconds: int = SECONDS) -> None:
        """Prepares it; ``run`` takes part.

        Args:
            api: An open connection. From now on it sends no write of anybody but while this one leads.
            identity: Who this is: no two at once have the same. Who comes back under the same one need not wait.
            name: Of the Lease, in the namespace of ``api``.
            seconds: How long it is good for.
        """
        self._api = api
        self._identity = identity
        self._name = name
        self._seconds = seconds
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{api.namespace}/leases"
        self._path = f"{self._collection}/{name}"
        self._lease: Json = {}
        self._seen_at = 0.0
        """Since when it is as it is, by our clock."""
        self._other_seen_at = -math.inf
        """When another holder was last seen, by our clock."""
        self._acquired = ""
        self._sent = self._good_until = 0.0
        self.revision = ""
        """The revision of the write that took the Lease over; empty before it."""
        self.elected = asyncio.Event()
        """Set when this operator has become the leader."""
        self.trouble = "the Lease has not been looked at"
        """Why this one may not take part as it should; empty where it does."""
        self.last_try = time.monotonic()
        """Monotonic time when it last did anything."""
        api.guard = self._allow

    async def __call__(self) -> str:
        """The revision that every first list must have reached, once this operator leads."""
        await self.elected.wait()
        return self.revision

    @property
    def is_leading(self) -> bool:
        """Whether this one may write now."""
        return self.elected.is_set() and _now() < self._good_until

    @property
    def holder(self) -> str:
        """Who holds the Lease, as seen last."""
        return str((self._lease.get("spec") or {}).get("holderIdentity") or "")

    async def run(self) -> None:
        """Takes the Lease over when it is free, and renews it from then on.

        Raises:
            LostLeaseError: this one led, and another one has it now. Nothing may go on from what was known.
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
        """Gives the Lease back, so that the next one need not wait. To be called when nothing is under way any more."""
        if not self.is_leading:
            return
        self._good_until = 0.0  # whatever becomes of it
        try:
            self._see(await self._reread())
            await self._put({"holderIdentity": "", "leaseDurationSeconds": _RELEASED})
        except (ApiError, LostLeaseError) as error:
            log.warning("Lease %s/%s was not given back: %s", self._api.namespace, self._name, error)

    def _pause(self) -> float:
        """From the renewal that was sent last to the next, however long its answer took."""
        if not self.is_leading or self.trouble:
            return min(_POLL_SECONDS, self._seconds / 5)
        return max(0.0, self._sent + self._seconds / 3 - _now())

    def _allow(self, method: str, path: str) -> None:
        """Asked as a request is about to leave: after a pause of whatever kind, it must not."""
        if method not in ("GET", "HEAD") and not path.startswith(self._collection) and not self.is_leading:
            raise NotSentError("not sent: this operator does not hold the Lease")

    async def _stand_by(self) -> None:
        """Looks at the Lease, and takes it where it is free."""
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
            return  # deleted, or emptied by hand: who held it may not have heard
        before, now = self.holder, _iso()
        transitions = int(spec.get("leaseTransitions") or 0) + 1
        asked = {"holderIdentity": self._identity, "acquireTime": now, "leaseTransitions": transitions}
        sent = _now()
        try:
            await self._put({**asked, "leaseDurationSeconds": self._seconds})
        except ApiError as error:
            if error.status == 409:
                return  # another one was quicker
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
            # Our own renewal whose answer was lost, or somebody's label: what counts is whose it is.
            sent = _now()
            self._see(await self._reread())
            await self._put(ours)
        self._renewed(sent)

    def _renewed(self, sent: float) -> None:
        self._sent, self._good_until = sent, sent + self._seconds * 2 / 3

    async def _reread(self) -> Json:
        """The Lease as it is now, which must be the very one that this operator took over."""
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
        """Writes the Lease as it was seen, with changes, if it is still as it was seen."""
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
    """A clock that goes on while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _iso() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
