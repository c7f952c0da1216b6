"""The runs of this machine, read as projects of a cluster are."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from parallelproject.cli.local.next_steps import explained, next_commands
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.core.report.why.answer import Why
from parallelproject.local.read import read_run, version_of

Json = dict[str, Any]

_POLL_SECONDS = 0.1


class LocalRuns:
    """Some state directories. Every method may raise ``Failure``."""

    planner = "the run"
    nothing_found = " here"

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = directories

    @property
    def note(self) -> str:
        """Says which runs these are."""
        if len(self._directories) == 1:
            return f"local run {short(self._directories[0])}"
        return f"local runs below {short(self._directories[0].parent)}"

    def now(self) -> float:
        """By this machine's clock."""
        return time.time()

    def only(self) -> str:
        """The name of the only run.

        Raises:
            Failure: there are several.
        """
        if len(self._directories) > 1:
            names = ", ".join(path.name for path in self._directories)
            raise Failure(f"there are several local runs: {names}", hint="give the NAME of one", code=2)
        return str(_read(self._directories[0])["metadata"]["name"])

    async def get(self, name: str) -> Json:
        """The run of this name, or the only one."""
        return _read(self._directory(name))

    async def list(self, *, all_namespaces: bool = False) -> list[Json]:
        """All of them; those of an older version have nothing to read."""
        return [found for found in map(read_run, self._directories) if found is not None]

    async def follow(self, name: str) -> AsyncIterator[Json | None]:
        """A run now, and again at every change, also when it is cut off; None when its state was removed."""
        directory = self._directory(name)
        version: tuple[object, ...] | None = None
        while True:
            found = version_of(directory)
            if found != version:
                project = read_run(directory)
                is_active = bool(found[0])
                if project is not None or not is_active:  # one that starts over has nothing for a moment
                    version = found
                    yield project
                    if project is None:
                        return
            await asyncio.sleep(_POLL_SECONDS)

    def place_of(self, project: Json) -> tuple[str, str]:
        """The state directory."""
        return "Local run", short(self._directory(project["metadata"]["name"]))

    def explained(self, found: Why, project: Json) -> Why:
        """An answer in the words of a run."""
        return explained(found)

    def next_commands(self, found: Why, project: Json) -> Sequence[str]:
        """What to type next."""
        return next_commands(found, project, short(self._directory(project["metadata"]["name"])))

    def _directory(self, name: str) -> Path:
        if len(self._directories) == 1:
            return self._directories[0]
        named = [path for path in self._directories if (read_run(path) or {}).get("metadata", {}).get("name") == name]
        if not named:
            raise Failure(f"there is no local run {name}", hint=f"{typed()} list shows all")
        return named[0]


def _read(directory: Path) -> Json:
    found = read_run(directory)
    if found is None:
        raise Failure(
            f"the state in {short(directory)} has nothing to show: it is of an older version, or of a run that has not "
            "begun",
            hint=f"{typed()} run FILE goes on with it",
        )
    return found


def short(path: Path) -> str:
    """A path as one would type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
