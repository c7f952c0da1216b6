"""Operator processes that start in a tenth of a second, and are killed for real."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Operator:
    """One process."""

    def __init__(self, pid: int, ended: asyncio.Future[int]) -> None:
        self.pid = pid
        self.ended = ended
        """Its exit code, once it has ended; negative for a signal."""

    async def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        self._signal(signal.SIGKILL)
        await asyncio.shield(self.ended)

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM; returns when it has ended."""
        self._signal(signal.SIGTERM)
        await asyncio.shield(self.ended)

    def _signal(self, number: signal.Signals) -> None:
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Operators:
    """Starts them, by a zygote."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting: list[asyncio.Future[Operator]] = []
        self._running: dict[int, Operator] = {}

    async def open(self) -> None:
        """Loads the operator's code; returns when it is loaded."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing here is to be taken for a library
            str(Path(__file__).with_name("zygote.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise RuntimeError("the zygote did not start")
        self._reader = asyncio.create_task(self._read(self._process.stdout))

    async def close(self) -> None:
        """Ends the zygote, and with it all operators."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def start(
        self,
        *,
        kubeconfig: Path,
        namespaces: Sequence[str],
        log: Path,
        election: dict[str, Any],
        patch: str = "",
        workflows: bool = False,
    ) -> Operator:
        """Starts one.

        Args:
            kubeconfig: Where its API server is.
            namespaces: Where it works; empty: everywhere.
            log: A file that its log is appended to.
            election: Options of the operator that are about it.
            patch: Python statements that are executed in it before it starts.
            workflows: Whether projects may have the executor Workflow.
        """
        wanted: dict[str, Any] = {
            "kubeconfig": str(kubeconfig),
            "namespaces": list(namespaces),
            "log": str(log),
            "election": election,
            "patch": patch,
            "workflows": workflows,
        }
        started: asyncio.Future[Operator] = asyncio.get_running_loop().create_future()
        self._starting.append(started)
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        return await started

    async def _read(self, answers: asyncio.StreamReader) -> None:
        async for line in answers:
            told = json.loads(line)
            if "started" in told:
                operator = Operator(told["started"], asyncio.get_running_loop().create_future())
                self._running[operator.pid] = operator
                self._starting.pop(0).set_result(operator)
            else:
                self._running.pop(told["ended"]).ended.set_result(told["code"])
