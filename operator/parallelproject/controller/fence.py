"""A write at the start of the process, after which nothing older may be read.

A list can be old: a cache behind, a restored or partitioned API server. An operator that restarts and plans on one
would take tasks at work for free slots. A write gets its revision from etcd itself, so lists that must not be older
than it show all that was there when this process began, whatever stands between.
"""

import asyncio
import logging
import socket
import uuid
from datetime import UTC, datetime

from parallelproject.kube.api import APPLY_PATCH, Api, ApiError

log = logging.getLogger(__name__)

LEASE = "parallelproject"
"""Name of the Lease that is written, in the operator's own namespace. It also tells who started last, and when."""


class Fence:
    """Called for the revision; writes once, however often it is called."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._writing = asyncio.Lock()
        self.revision = ""
        """The revision of the write; empty before it, and where it is not allowed."""
        self.passed = asyncio.Event()
        """Set when ``revision`` is known, or known not to be had."""

    async def __call__(self) -> str:
        """The revision that every first list must have reached; empty where there is none.

        Raises:
            ApiError: The API server cannot be reached, or has a fault: to be tried again.
        """
        async with self._writing:
            if not self.passed.is_set():
                self.revision = await self._write()
                self.passed.set()
        return self.revision

    async def _write(self) -> str:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE},
            "spec": {"holderIdentity": f"{socket.gethostname()}_{uuid.uuid4()}", "acquireTime": now, "renewTime": now},
        }
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self._api.namespace}/leases/{LEASE}"
        params = {"fieldManager": "parallelproject", "force": "true"}
        try:
            answer = await self._api.request("PATCH", path, lease, params=params, content_type=APPLY_PATCH)
        except ApiError as error:
            if error.status not in (403, 404):
                raise
            log.warning(
                "Lease %s/%s cannot be written (%s): an old list at the start would be taken for a new one; "
                "allow create and patch of leases there",
                self._api.namespace,
                LEASE,
                error,
            )
            return ""
        return str(answer["metadata"]["resourceVersion"])
