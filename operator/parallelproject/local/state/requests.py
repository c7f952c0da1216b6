"""What people have asked of a run, next to what its file says: fields of its spec, whose values here count instead, and
entries of its lists, which count as well.

``pproj suspend``, ``resume``, ``stop``, ``retry``, ``skip``, ``approve`` and ``answer`` write it, whether or not
anything of the run is running. A run reads it when it starts and whenever it has changed. It says what is to hold
(``suspend: true``, two failures of ``a`` forgiven), not what is to be done: to apply it again changes nothing, and a
run that is killed loses nothing.
"""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from parallelproject.local.errors import RunError
from parallelproject.local.state.asked_entries import LISTS, checked, with_asked
from parallelproject.whole_file import write_whole

Json = dict[str, Any]

FIELDS = ("suspend", "stop", *LISTS)
"""Fields of the spec that can be asked for. The values of the first ones count instead of the spec's."""
SKIP = "skip"
"""Another such field. It is asked for by single tasks: ``--only`` and ``--skip`` add to the spec's list, and count for
their session alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """All that was asked for so far."""

    version: int = 0
    """How many requests there were."""
    applied: int = 0
    """The version that a session has applied."""
    spec: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Fields of the spec as a manifest has them; of ``LISTS`` only the entries that were asked for."""
    stopped: int = 0
    """The version with which ``stop`` was asked for last."""
    skip: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    """By task: whether it is skipped, whatever the spec says."""

    def over(self, spec: Mapping[str, Any]) -> Json:
        """A spec with what was asked for."""
        lists = {name: with_asked(name, spec.get(name) or (), self.spec[name]) for name in LISTS if name in self.spec}
        found = {**spec, **self.spec, **lists}
        return found | {SKIP: self.skipped(spec.get(SKIP) or ())} if self.skip else found

    def skipped(self, listed: Sequence[str]) -> list[str]:
        """The tasks that are skipped, where the spec lists these."""
        left = [task for task in listed if self.skip.get(task, True)]
        return [*left, *(task for task, is_skipped in self.skip.items() if is_skipped and task not in left)]


class RunRequests:
    """The file. Every change is one replacement of it, by one process at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.path = directory / "requests.json"

    def read(self) -> Asked:
        """What was asked for.

        Raises:
            RunError: the file cannot be read, or is not of this tool.
        """
        try:
            content = json.loads(self.path.read_bytes())
            spec = {key: value for key, value in content["spec"].items() if key in FIELDS}
            spec |= {key: checked(key, spec[key]) for key in LISTS if key in spec}
            skip = {str(task): bool(value) for task, value in content.get(SKIP, {}).items()}
            return Asked(int(content["version"]), int(content["applied"]), spec, int(content["stopped"]), skip)
        except FileNotFoundError:
            return Asked()
        except (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise RunError(
                f"{self.path} cannot be read: {error}", "remove it; what it asked for is forgotten"
            ) from None

    def ask(self, change: Callable[[Asked], Mapping[str, Any] | None]) -> Asked | None:
        """Asks for something.

        Args:
            change: Is given what was asked for so far, and gives further fields (``skip`` by task, as in ``Asked``);
                None: there is nothing to ask for.

        Returns:
            All that is asked for then; None where nothing was changed.

        Raises:
            RunError: the file cannot be read.
            OSError: it cannot be written.
        """
        with self._alone():
            now = self.read()
            fields = change(now)
            if fields is None:
                return None
            version = now.version + 1
            stopped = version if fields.get("stop") else now.stopped
            spec = {**now.spec, **{key: value for key, value in fields.items() if key != SKIP}}
            asked = Asked(version, now.applied, spec, stopped, {**now.skip, **fields.get(SKIP, {})})
            self._write(asked)
            return asked

    def begin(self, skip: Collection[str] = ()) -> Asked:
        """What counts for a session that starts: a stop that an earlier one has carried out is over.

        Args:
            skip: Tasks that this session is to skip: an earlier retry of one of them counts no more.

        Raises:
            RunError: the file cannot be read.
            OSError: it cannot be written.
        """
        with self._alone():
            found = asked = self.read()
            if asked.spec.get("stop") and asked.applied >= asked.stopped:
                asked = replace(asked, spec={key: value for key, value in asked.spec.items() if key != "stop"})
            if any(not asked.skip.get(task, True) for task in skip):
                asked = replace(
                    asked, skip={key: value for key, value in asked.skip.items() if value or key not in skip}
                )
            if asked != found:
                self._write(asked)
            return asked

    def applied(self, version: int) -> bool:
        """Notes that a session has applied a version; False where that cannot be done now. It waits for nobody."""
        with suppress(OSError, RunError), self._alone(fcntl.LOCK_NB):
            now = self.read()
            if now.applied < version:
                self._write(replace(now, applied=version))
            return True
        return False

    def stamp(self) -> tuple[int, int]:
        """What is another after each change of the file."""
        try:
            found = self.path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    @contextmanager
    def _alone(self, how: int = 0) -> Iterator[None]:
        folder = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | how)
            yield
        finally:
            os.close(folder)

    def _write(self, asked: Asked) -> None:
        content: Json = {"version": asked.version, "applied": asked.applied, "stopped": asked.stopped}
        content |= {"spec": dict(asked.spec), SKIP: dict(asked.skip)}
        write_whole(self.path, json.dumps(content), is_synced=True)
