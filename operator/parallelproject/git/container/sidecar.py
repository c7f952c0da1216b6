"""The git container next to a task's: it waits until the command has ended, and lands or keeps what it left.

The two containers share a folder of their pod, ``SidecarFolder``. The task can write there, so its content is trusted
only for how the task ended. It cannot prove that the task has ended: a process that has credentials reads its work, and
a running task could put links to those in place of files that are being read. So the end is the release of the
wrapper's lock, on a file that was made before the task started and is identified by its inode. What to do is derived
from the private git directory alone.
"""

import fcntl
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from parallelproject.core.steps.step import StepVerdict
from parallelproject.git.container.agent import AgentVerdict, PodAgent
from parallelproject.git.container.asking import EndVerdict
from parallelproject.git.container.pod_step import (
    PRINTED_MAX,
    PodStep,
    StepEnded,
    end_without_command,
    is_done_before,
    keep_work,
    land_judged,
    rejected,
)
from parallelproject.git.landing.land import Landed, land
from parallelproject.git.landing.salvage import salvage
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import DeliveryError, Outcome
from parallelproject.git.workspace.prepare import Prepared, prepare, prepared_base
from parallelproject.plain_file import open_plain

WRAPPER = Path("/usr/local/bin/pproj-wrap")
"""What runs a task's command in its own container (operator/wrapper): linked statically, so that it needs nothing from
that container's image."""
STOPPED = 143
"""Exit code after a stop before the command had started."""
_POLL = 0.05
_CODE_MAX = 128
_LOCK = "state-lock"
"""In the private folder: the inode of the wrapper's lock."""
_TOKEN = "state-token"
"""In the private folder: the token that only the wrapper knows, see ``SidecarFolder.give_token``."""


@dataclass(frozen=True, slots=True)
class SidecarFolder:
    """The folder that the two containers share. The names in it are those of ``operator/wrapper/main.go``."""

    folder: Path

    def skip(self) -> None:
        """Prevents the command from running: there is nothing left to do for it."""
        (self.folder / "skip").touch()

    def has_started(self) -> bool:
        """Whether the lock was taken."""
        return os.path.lexists(self.folder / "started")

    def was_stopped(self) -> bool:
        """Whether SIGTERM came to the command's container while the command ran: how it ended then is no verdict."""
        return os.path.lexists(self.folder / "stopped")

    def make_lock(self) -> int:
        """Creates the file that the wrapper locks, unless it exists; returns its inode, which no other file has as long
        as the wrapper runs."""
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            return os.fstat(lock).st_ino
        finally:
            os.close(lock)

    def give_token(self, token: str) -> None:
        """Gives the wrapper a token, which it removes before it starts the command, and adds to the exit code.

        A command that kills its wrapper cannot write an end of its own.
        """
        (self.folder / "token").write_text(token, encoding="utf-8")

    @property
    def output(self) -> Path:
        """The file with what the command has printed, if ``keep_output`` was asked for."""
        return self.folder / "output"

    def keep_output(self) -> None:
        """Lets the wrapper write to a file what the command prints."""
        self.output.touch(0o666)

    def printed(self, most: int) -> str:
        """The end of what the command has printed, of at most so many bytes; empty unless it was kept."""
        file = open_plain(self.output)
        if file is None:
            return ""
        try:
            size = os.fstat(file).st_size
            found = os.pread(file, most, max(0, size - most))
        finally:
            os.close(file)
        return found.decode(errors="replace")

    def wait_end(self, inode: int) -> tuple[int | None, str]:
        """Waits until the lock is free; returns the command's exit code and the token that was written with it.

        The exit code is None if the command was killed with its wrapper.

        Args:
            inode: The result of ``make_lock``.

        Raises:
            ReplacedError: the task has replaced the lock, so its end is not known.
        """
        lock = open_plain(self.folder / "lock")
        if lock is None:
            raise ReplacedError
        try:
            if os.fstat(lock).st_ino != inode:
                raise ReplacedError
            fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            os.close(lock)
        code = open_plain(self.folder / "code")
        if code is None:
            return None, ""
        try:
            text, _, token = os.read(code, _CODE_MAX).decode(errors="replace").partition("\n")
        finally:
            os.close(code)
        return int(text) if text.isascii() and text.isdigit() else None, token.strip()


@dataclass(frozen=True, slots=True)
class Failed:
    """The command failed."""

    outcome: Outcome
    """``COMMAND_FAILED``."""
    exit_code: int | None = None
    """None: it was killed from outside, for example for lack of memory, or its result could not be read."""
    ref: str | None = None
    """The ref of the work that it left."""
    kept: tuple[str, ...] = ()
    """Work outside of the files of the workspace, and where each piece is kept."""
    message: str = ""
    """Why it could not be kept."""


class StoppedError(Exception):
    """It was stopped before there was anything to do."""


class ReplacedError(Exception):
    """The task has removed the lock that shows when it has ended."""


def prepare_pod(
    delivery: Delivery,
    place: Place,
    state: SidecarFolder,
    tools: Path,
    wrapper: Path = WRAPPER,
    agent: PodAgent | None = None,
    step: PodStep | None = None,
) -> Prepared:
    """Prepares the workspace, and what the task's container needs to run its command.

    Args:
        delivery: The delivery.
        place: Where.
        state: The folder that the two containers share.
        tools: The folder that the wrapper is copied to.
        wrapper: The wrapper.
        agent: The coding agent that the command starts, if it does.
        step: The step of the task that it is at, where the task has steps.

    Raises:
        DeliveryError: with what it means for the task.
    """
    equip(place, state, tools, wrapper)
    if step and is_done_before(delivery, place, step):
        state.skip()
        return Prepared(Outcome.LAND_ONLY)
    prepared = prepare(delivery, place)
    if prepared.outcome is not Outcome.PREPARED:
        state.skip()
        return prepared
    if agent or (step and step.gate):
        state.keep_output()
    if agent:
        agent.write_prompt(place.workspace)
    return prepared


def equip(place: Place, state: SidecarFolder, tools: Path, wrapper: Path) -> None:
    """Makes what a container needs to run its command, and to show its end; arguments as of ``prepare_pod``."""
    os.umask(0)  # the task's container may run as another user
    tools.mkdir(exist_ok=True)
    shutil.copyfile(wrapper, tools / WRAPPER.name)
    (tools / WRAPPER.name).chmod(0o755)
    place.private.mkdir(parents=True, exist_ok=True)
    (place.private / _LOCK).write_text(str(state.make_lock()), encoding="utf-8")
    token = secrets.token_hex()
    (place.private / _TOKEN).write_text(token, encoding="utf-8")
    state.give_token(token)


def wait_for_end(place: Place, state: SidecarFolder, is_stopping: Callable[[], bool]) -> tuple[int | None, str]:
    """Waits for the start and the end of the command; returns what ``SidecarFolder.wait_end`` does.

    Args:
        place: What ``equip`` was called with.
        state: The folder that the containers share.
        is_stopping: Whether SIGTERM came.

    Raises:
        StoppedError: SIGTERM came before the command had started.
        ReplacedError: the end is not known.
    """
    while not state.has_started():
        if is_stopping():
            raise StoppedError
        time.sleep(_POLL)
    return state.wait_end(int((place.private / _LOCK).read_text(encoding="utf-8")))


class Stopping:
    """Notes SIGTERM from now on, and does not end by it: stopping half-way has no benefit, since work that is not safe
    yet would be lost."""

    def __init__(self) -> None:
        self.is_asked = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True


Judge = Callable[[Path, int], EndVerdict | None]
"""Gives the verdict on a command, by the file with its output and its exit code; None: the exit code is the verdict."""


def judged_end(
    place: Place, state: SidecarFolder, stopping: Stopping, *, is_init: bool = True, judge: Judge | None = None
) -> tuple[int | None, EndVerdict | None] | Failed:
    """Waits for the end of the command; its exit code as the verdict has it, None if it is not known, and the verdict.

    Args:
        place: What ``equip`` was called with.
        state: The folder that the two containers share.
        stopping: Whether the container was asked to end.
        is_init: Whether the wrapper is the first process of its container. If it is, nothing of the task outlives it.
        judge: Gives the verdict, if there is one beyond the exit code.

    Raises:
        StoppedError: SIGTERM came before the command had started.
    """
    try:
        code, token = wait_for_end(place, state, lambda: stopping.is_asked)
    except ReplacedError:
        # It may still run: nothing of it is read.
        lost = "the task removed its lock, so its end cannot be detected; nothing of its work is kept"
        return Failed(Outcome.COMMAND_FAILED, message=lost)
    if not is_init and token != (place.private / _TOKEN).read_text(encoding="utf-8"):
        lost = "the wrapper was killed, and processes of the task may still run; nothing of its work is kept"
        return Failed(Outcome.COMMAND_FAILED, message=lost)
    if state.was_stopped():
        stopping.is_asked = True  # the signal to this container may come later than that to the command's
    verdict = judge(state.output, code) if judge and code is not None else None
    if verdict:
        if stopping.is_asked:
            verdict.note_stop()
        code = verdict.exit_code
    return code, verdict


def deliver(
    delivery: Delivery,
    place: Place,
    state: SidecarFolder,
    *,
    is_init: bool = True,
    judge: Judge | None = None,
    step: PodStep | None = None,
    outputs: Path | None = None,
) -> Landed | Failed | StepEnded:
    """Waits for the end of the command, then lands its work, or keeps it if the command failed.

    Args:
        delivery: The delivery.
        place: Where.
        state: The folder that the two containers share.
        is_init: Whether the wrapper is the first process of its container. If it is, nothing of the task outlives it.
        judge: Gives the verdict on the command, if there is one beyond its exit code.
        step: The step of the task that it is at, where the task has steps: then its work may be held, and judged.
        outputs: The folder of its outputs, if that is known.

    Raises:
        StoppedError: SIGTERM came before the command had started.
        DeliveryError: it did not land.
    """
    stopping = Stopping()
    if prepared_base(place) is None:
        return end_without_command(delivery, place, step) if step else land(delivery, place)
    found = judged_end(place, state, stopping, is_init=is_init, judge=judge)
    if isinstance(found, Failed):
        return found
    code, verdict = found

    def may_change_nothing() -> bool:
        if verdict:
            verdict.note_no_change()
        return verdict is None or not verdict.exit_code

    if step and step.gate:
        return _judged(delivery, place, state, step, None if stopping.is_asked else code, verdict, outputs)
    if code == 0:
        landed = keep_work(delivery, place, step, may_change_nothing) if step else land(delivery, place)
        if not isinstance(landed, Landed):
            return landed or Failed(Outcome.COMMAND_FAILED, verdict.exit_code if verdict else code)
        if verdict is None or landed.outcome is not Outcome.NO_CHANGE or landed.kept:
            return landed
        verdict.note_no_change()
        return Failed(Outcome.COMMAND_FAILED, verdict.exit_code) if verdict.exit_code else landed
    try:
        kept = salvage(delivery, place)
        return Failed(Outcome.COMMAND_FAILED, code, kept.ref, tuple(map(str, kept.kept)))
    except DeliveryError as error:  # how the task ended is reported by its own container
        return Failed(Outcome.COMMAND_FAILED, code, message=f"what it left could not be kept: {error}")


def _judged(
    delivery: Delivery,
    place: Place,
    state: SidecarFolder,
    gate: PodStep,
    code: int | None,
    verdict: EndVerdict | None,
    outputs: Path | None,
) -> Landed | Failed | StepEnded:
    """How a gate has ended; what it left in its workspace is no work.

    Args:
        delivery: The delivery.
        place: Where.
        state: The folder that the two containers share.
        gate: The gate.
        code: The exit code of its attempt; None: it did not come to its own end, which says nothing about the work.
        verdict: What is known of its attempt beyond the exit code of its command.
        outputs: The folder of its outputs.

    Raises:
        DeliveryError: the work that it has accepted did not land.
    """
    if code is None:
        return Failed(Outcome.COMMAND_FAILED, message=f"{gate.name} was stopped before its end, so there is no verdict")
    by_agent = isinstance(verdict, AgentVerdict)
    printed = "" if by_agent else state.printed(PRINTED_MAX)
    ended = rejected(delivery, gate, verdict.reason if verdict else "", code, outputs, printed, by_agent=by_agent)
    if ended is not None:
        return ended
    if code:
        return Failed(Outcome.COMMAND_FAILED, code)
    return land_judged(delivery, place) if gate.last else StepEnded(StepVerdict.PASSED)
