"""``spec.workspace.setup`` in the process of an attempt: run in the new workspace, or replaced by what it made before.

It is no work of the task: what it makes is noted as added, and files of the branch are put back. Standard library only,
to start fast.
"""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import TransientError
from parallelproject.git.workspace.added import UNDONE, note_made
from parallelproject.git.workspace.beyond_branch import committed
from parallelproject.git.workspace.setup_cache import SetupCache, key_of
from parallelproject.local.delivery.result import FAILED, DeliveryResult
from parallelproject.local.workspace.setup_failure import SetupFailures, in_words
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.problem import listed

_SETUP_FAILED = "SetupFailed"
"""A reason, as in ``model.status``, which would be slow to load."""
_SHOWN = 5
_RUNNING = "setting-up"
FOLDER = "setup"
"""In the state directory: what setup has made, and that it has failed."""

RunCommand = Callable[[Sequence[str], float | None], DeliveryResult | None]
"""Runs a command in the workspace, and says how it failed, if it did."""
Say = Callable[[str], None]


def was_setting_up(place: Place) -> bool:
    """Whether an attempt was cut off in its setup: nothing in its workspace is work."""
    return (place.private / _RUNNING).exists()


class SetupStep:
    """The setup of one attempt."""

    def __init__(
        self, asked: Mapping[str, Any], state: Path, delivery: Delivery, place: Place, is_stopping: Callable[[], bool]
    ) -> None:
        """Describes it.

        Args:
            asked: The settings of the workspace: ``setup``, ``cache_key``, ``known_failure``, and
                ``reports_failure``: whether its failure is that of all attempts.
            state: The state directory of the run.
            delivery: The attempt.
            place: Where it works.
            is_stopping: Whether the attempt was asked to end.
        """
        self._argv: Sequence[str] = asked["setup"]
        self._patterns: Sequence[str] = asked["cache_key"]
        self._delivery, self._place = delivery, place
        self._is_stopping = is_stopping
        self._failures = SetupFailures(state / FOLDER, asked["known_failure"])
        self._reports_failure: bool = asked["reports_failure"]
        self._cache = SetupCache(state / FOLDER)

    def run(self, command: RunCommand, deadline: float | None, say: Say) -> DeliveryResult | None:
        """Sets the workspace up; how that failed, if it did. Where the attempt was asked to end, it may not be done.

        Args:
            command: Runs the command of it.
            deadline: Seconds that it may take.
            say: Writes a line to the task's log.

        Raises:
            DeliveryError: the workspace or the cache cannot be read or written.
        """
        marker = self._place.private / _RUNNING
        try:
            marker.touch()
            failed = self._done(command, deadline, say)
            if failed is None and not self._is_stopping():
                marker.unlink()
        except OSError as error:
            raise TransientError("Setup", f"what setup made cannot be kept or copied: {error}") from None
        return failed

    def _done(self, command: RunCommand, deadline: float | None, say: Say) -> DeliveryResult | None:
        files = committed(self._delivery, self._place, self._patterns) if self._patterns else []
        if self._patterns and not files:
            say(f"nothing on the branch fits cacheKey ({listed(self._patterns, _SHOWN)}), so setup is not cached")
        if not files:
            return self._made(command, deadline, say)[0]
        key = key_of(self._argv, files)
        until = time.monotonic() + deadline if deadline else float("inf")

        def is_over() -> bool:
            return self._is_stopping() or time.monotonic() > until or self._failures.elsewhere is not None

        with self._cache.turn(key, is_over) as is_ours:
            if other := self._failures.elsewhere:
                return self._failed_in(other, say)
            if self._is_stopping():
                return None
            if not is_ours:
                say("setup of another task took as long as this attempt may take")
                return DeliveryResult(FAILED, "DeadlineExceeded", exit_code=124)
            place = self._place
            found = self._cache.restore(key, place.private, place.workspace)
            if found is not None:
                of = listed([path for path, _ in files], _SHOWN)
                say(f"setup: copied {listed(found, _SHOWN) or 'nothing'}, made before for the same {of}")
                return None
            left = max(0.001, until - time.monotonic()) if deadline else None
            failed, paths = self._made(command, left, say)
            if failed is None and not self._is_stopping():
                self._cache.save(key, place.workspace, paths)
            return failed

    def _made(
        self, command: RunCommand, deadline: float | None, say: Say
    ) -> tuple[DeliveryResult | None, Sequence[str]]:
        """How the command failed, if it did, and the paths that it has made."""
        text = shlex.join(self._argv)
        say(f"setup: {text}")
        began = time.monotonic()
        failed = command(self._argv, deadline)
        if self._is_stopping() or (failed and failed.reason == "DeadlineExceeded"):
            return failed, ()
        if failed:
            return self._failed(failed, text, say), ()
        changed, paths = note_made(self._delivery, self._place)
        if changed:
            say(f"{UNDONE}: {listed(changed, _SHOWN)}")
        say(f"setup took {time.monotonic() - began:.1f} s")
        return None, paths

    def _failed(self, failed: DeliveryResult, text: str, say: Say) -> DeliveryResult:
        found = f"setup failed with exit code {failed.exit_code}: {text}"
        say(found)
        if self._delivery.continues:  # it may be that work that breaks it, which no other task has
            return failed._replace(message=found)
        if failed.exit_code != EX_TEMPFAIL and self._reports_failure:
            other = self._failures.report(in_words(self._delivery.task, self._delivery.attempt))
            if other:
                return self._failed_in(other, say)
        return failed._replace(reason=_SETUP_FAILED, message=found)

    def _failed_in(self, other: str, say: Say) -> DeliveryResult:
        """The end of an attempt that does not report the failure: it costs nothing."""
        found = f"setup failed in {other} as well, which reports it"
        say(found)
        return DeliveryResult(FAILED, _SETUP_FAILED, found, EX_TEMPFAIL)
