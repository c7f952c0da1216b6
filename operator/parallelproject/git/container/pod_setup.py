"""``spec.workspace.setup`` in a pod: what our containers do before and after the one that runs its command.

The command runs in a container with the image of the task. It has ended when the next one starts, so nothing of it runs
while the workspace is read and written here.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from parallelproject.git.container.sidecar import SidecarFolder
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import DeliveryError, Outcome, TransientError
from parallelproject.git.workspace.added import UNDONE, added, note_made
from parallelproject.git.workspace.beyond_branch import committed
from parallelproject.git.workspace.prepare import Prepared, prepared_base
from parallelproject.git.workspace.setup_cache import SetupCache, key_of
from parallelproject.model.problem import listed

_DONE = "setup-restored"
"""In the private folder: what setup makes was copied from the cache."""
_SHOWN = 5
_TURN_SECONDS = 60.0
"""How long to wait for others that read or write the cache. They copy files; without it, setup runs."""


@dataclass(frozen=True, slots=True)
class PodSetup:
    """The setup of an attempt, as the instruction names it."""

    command: tuple[str, ...]
    state: Path
    """The folder of the wrapper that runs it."""
    image: str = ""
    """Of the container that it runs in."""
    cache_key: tuple[str, ...] = ()
    """Patterns of the committed files that what it makes depends on."""
    cache: Path | None = None
    """The volume for what it has made; None: nothing is kept."""

    def begin(self, delivery: Delivery, place: Place) -> tuple[str, ...]:
        """Lets it run in a workspace that is prepared, unless what it makes is kept for the same key files: that is
        copied. Where nothing is checked out, it does not run.

        Returns:
            Lines for people.
        """
        was_copied = (place.private / _DONE).exists()  # by a run of this container that was interrupted
        if was_copied or prepared_base(place) is None:
            SidecarFolder(self.state).skip()
            return ()
        try:
            found = self._key(delivery, place)
            if found is None:
                return ()
            key, files = found
            with self._cache(delivery).turn(key, _until(_TURN_SECONDS)) as is_ours:
                made = self._cache(delivery).restore(key, place.private, place.workspace) if is_ours else None
            if made is None:
                return ()
            _open(place.workspace / path for path in made)
            (place.private / _DONE).touch()
        except (OSError, DeliveryError) as error:
            return (f"setup runs, since what it made before cannot be copied: {error}",)
        SidecarFolder(self.state).skip()
        return (f"setup: copied {listed(made, _SHOWN) or 'nothing'}, made before for the same {listed(files, _SHOWN)}",)

    def note(self, delivery: Delivery, place: Place) -> Prepared:
        """Takes the workspace as it is for what setup has left, and keeps that for later attempts.

        Raises:
            DeliveryError: the workspace cannot be read or written.
        """
        base = prepared_base(place)
        if base is None:
            return Prepared(Outcome.LAND_ONLY)
        if (place.private / _DONE).exists():
            return Prepared(Outcome.PREPARED, base)
        is_first = not added(place.private)  # else an earlier run of this container has noted a part of what was made
        try:
            changed, made = note_made(delivery, place)
        except OSError as error:
            raise TransientError("Setup", f"what setup made cannot be noted: {error}") from None
        notes = [f"{UNDONE}: {listed(changed, _SHOWN)}"] if changed else []
        try:
            # Work between two steps is not judged yet: what it makes of the key files is not for other tasks.
            if is_first and not delivery.continues and (found := self._key(delivery, place)):
                with self._cache(delivery).turn(found[0], _until(_TURN_SECONDS)) as is_ours:
                    if is_ours:
                        self._cache(delivery).save(found[0], place.workspace, made)
        except OSError as error:
            notes.append(f"what setup made cannot be kept: {error}")
        return Prepared(Outcome.PREPARED, base, notes=tuple(notes))

    def _key(self, delivery: Delivery, place: Place) -> tuple[str, list[str]] | None:
        """The key of what it makes, and the files of that; None: nothing is kept."""
        files = committed(delivery, place, self.cache_key) if self.cache and self.cache_key else []
        return (key_of(self.command, files), [path for path, _ in files]) if files else None

    def _cache(self, delivery: Delivery) -> SetupCache:
        """That of this command in this image: other ones on the same volume have folders of their own."""
        assert self.cache
        name = hashlib.sha256(json.dumps([delivery.url, self.image, self.command]).encode()).hexdigest()[:16]
        return SetupCache(self.cache / name)


def _until(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _open(paths: Iterable[Path]) -> None:
    """Lets the task's container write to copies, as to the checkout: it may run as another user."""
    waiting = [*paths]
    while waiting:
        path = waiting.pop()
        if path.is_symlink():
            continue
        if path.is_dir():
            waiting += path.iterdir()
        mode = path.stat().st_mode
        path.chmod((mode | 0o666 | (0o111 if path.is_dir() or mode & 0o111 else 0)) & 0o7777)
