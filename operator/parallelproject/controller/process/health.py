"""``/healthz`` and ``/readyz``: whether the process works, and whether it has contact with the API server.

A standby operator is ready when it knows the leader. If the admission webhook is enabled, it must serve: the API server
calls any ready replica. A watch can die without an error; both probes notice it by the time since its last sign of
life. An API server that is down, a missing CRD or a missing right makes the operator not ready, but does not restart
it: a restart would not help.
"""

import asyncio
import time
from collections.abc import Sequence

from aiohttp import web

from parallelproject.controller.projects.project_source import ProjectWebhook
from parallelproject.kube.lease import Leader
from parallelproject.kube.reflector import SILENCE_SECONDS, Reflector

READY_SECONDS = SILENCE_SECONDS + 30
"""Ready if every watch had an answer within this time."""
ALIVE_SECONDS = 2 * SILENCE_SECONDS + 60
"""Alive if every watch had an answer or tried within this time."""


class Health:
    """Serves the two probes."""

    def __init__(
        self,
        leader: Leader,
        reflectors: Sequence[Reflector],
        kopf_runs: asyncio.Event,
        webhook: ProjectWebhook | None = None,
    ) -> None:
        self._leader = leader
        self._reflectors = reflectors
        self._kopf_runs = kopf_runs
        self._webhook = webhook

    async def serve(self, host: str | None, port: int) -> None:
        """Serves until cancelled."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        now = time.monotonic()
        tries = {"the election": self._leader.last_try}
        if self._leader.elected.is_set():
            tries |= {f"the watch of {reflector.path}": reflector.last_try for reflector in self._reflectors}
        dead = [what for what, last in tries.items() if now - last > ALIVE_SECONDS]
        return _answer([f"no sign of life of {what} for {ALIVE_SECONDS} s" for what in dead])

    async def _readyz(self, _: web.Request) -> web.Response:
        now, leader = time.monotonic(), self._leader
        webhook, troubles = self._webhook, list[str]()
        if webhook is not None and not webhook.serves.is_set():
            troubles.append(f"the admission webhook does not serve: {webhook.trouble}")
        if not leader.elected.is_set():
            troubles += [leader.trouble] if leader.trouble else []
            return _answer(troubles, f"standby: {leader.holder} leads")
        if not leader.is_leading:
            troubles.append(f"the Lease cannot be renewed: {leader.trouble}")
        if not self._kopf_runs.is_set():
            troubles.append("kopf's watch of ParallelProjects has not started")
        for reflector in self._reflectors:
            if not reflector.synced.is_set():
                troubles.append(
                    f"{reflector.path} is not listed yet" + (f": {reflector.trouble}" * bool(reflector.trouble))
                )
            elif reflector.is_refused:
                troubles.append(f"the watch of {reflector.path} is refused: {reflector.trouble}")
            elif now - reflector.last_contact > READY_SECONDS:
                troubles.append(f"the watch of {reflector.path} is silent for {now - reflector.last_contact:.0f} s")
        return _answer(troubles)


def _answer(troubles: list[str], well: str = "ok") -> web.Response:
    if troubles:
        return web.Response(status=503, text="\n".join(troubles) + "\n")
    return web.Response(text=f"{well}\n")
