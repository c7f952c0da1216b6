"""The runs of this machine, read as projects of a cluster are."""

import asyncio
import builtins
import os
import shlex
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from parallelproject.cli.local.logs import LogReader
from parallelproject.cli.local.next_steps import explained, next_commands
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.cli.reader import RequestAnswer
from parallelproject.core.report.why.answer import Why
from parallelproject.local.errors import RunError
from parallelproject.local.read import command_of, is_active, read_run, skipped_for_once, version_of
from parallelproject.local.state.asked_entries import LISTS, asked_with
from parallelproject.local.state.directory import FOLDER, StateDirectory
from parallelproject.local.state.requests import FIELDS, SKIP, Asked

Json = dict[str, Any]

_POLL_SECONDS = 0.1
_FRESH_SECONDS = 1.2
"""Longest time that what a run says of itself is behind, as a rule."""
_ANSWER_SECONDS = 5.0
"""Longest wait for a run to take up what was asked of it."""


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

    @property
    def directory(self) -> Path:
        """The state directory of the only one."""
        return self._directories[0]

    @property
    def options(self) -> str:
        """What a command line needs to mean the same run, in addition to its name; it starts with a blank."""
        return options_of(self._directories[0]) if len(self._directories) == 1 else ""

    def tasks_of_only(self) -> frozenset[str]:
        """The tasks of the only run; none where there are several, or where it cannot be read."""
        found = read_run(self._directories[0]) if len(self._directories) == 1 else None
        return frozenset(task["id"] for task in (found or {}).get("spec", {}).get("tasks") or ())

    def is_named(self, name: str) -> bool:
        """Whether the only run has this name."""
        found = read_run(self._directories[0]) if len(self._directories) == 1 else None
        return found is not None and found["metadata"]["name"] == name

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

    async def explained(self, found: Sequence[Why], project: Json) -> Sequence[Why]:
        """Answers in the words of a run."""
        return [explained(each) for each in found]

    def next_commands(self, found: Why, project: Json) -> Sequence[str]:
        """What to type next."""
        directory = self._directory(project["metadata"]["name"])
        return next_commands(found, project, options_of(directory), is_active(directory))

    def command_to_continue(self, project: Json) -> str:
        """The command line that continues a stopped run."""
        return command_of(project) or f"{typed()} run FILE"

    def start_again(self, project: Json) -> Sequence[str]:
        """None where it was started elsewhere, or from standard input: the same words would mean another run."""
        words = shlex.split(command_of(project))
        is_elsewhere = bool(options_of(self._directory(project["metadata"]["name"])))
        return () if is_elsewhere or "-" in words else words

    def refuse_rerun(self, project: Json) -> None:
        """Always: work that has landed would not be done again, and without git ``--fresh`` is the same.

        Raises:
            Failure: always.
        """
        name = project["metadata"]["name"]
        fresh = f"{self.command_to_continue(project)} --fresh"
        raise Failure(
            f"{name} is a local run, which starts over as a whole",
            hint=f"{fresh} does that, and work that has landed stays on its branch; "
            f"{typed()} retry{self.options} {name} runs failed and skipped tasks again",
        )

    def skipped_for_once(self, project: Json) -> frozenset[str]:
        """Those that only the last session skips, by ``--only``, ``--from`` or ``--skip``."""
        return skipped_for_once(project)

    def is_attended(self, project: Json) -> bool:
        """Whether anything of the run is running."""
        return is_active(self._directory(project["metadata"]["name"]))

    async def change(
        self, name: str, patch_of: Callable[[Json], Json | None], tasks: Callable[[], Sequence[str]] = tuple
    ) -> bool:
        """Asks something of a run: it is recorded, for the session that is running or for the next one.

        What a run says of its tasks may be a second old. So where the patch cannot be made by it, it is tried again
        until the run has said more.
        """
        state = StateDirectory(self._directory(name))
        deadline = time.monotonic() + _FRESH_SECONDS
        while True:
            try:
                return await asyncio.to_thread(_ask, state, patch_of, tasks) is not None
            except Failure:
                if not is_active(state.path) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_POLL_SECONDS)

    async def taken_up(self, name: str) -> RequestAnswer:
        """Waits a moment for the run to take up what was asked for; how that went."""
        directory = self._directory(name)
        requests = StateDirectory(directory).requests
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            runs = is_active(directory)
            asked = requests.read()
            if asked.applied >= asked.version:
                return RequestAnswer.APPLIED
            if not runs:
                return RequestAnswer.RECORDED
            if time.monotonic() > deadline:
                return RequestAnswer.OPEN
            await asyncio.sleep(_POLL_SECONDS)

    async def logs(
        self, name: str, tasks: "builtins.list[str] | None", *, follow: bool, container: str | None
    ) -> AsyncIterator[tuple[str, bytes]]:
        """What the processes of the latest attempts print."""
        if container:
            raise Failure(
                "--container selects a container of a pod, but a local run has no pods", hint="omit it", code=2
            )
        async for piece in LogReader(self._directory(name)).logs(tasks, follow=follow):
            yield piece

    def question_before_deletion(self, project: Json) -> str:
        """Whether it is all to be removed.

        Raises:
            Failure: something of it is running.
        """
        name = project["metadata"]["name"]
        directory = self._directory(name)
        if is_active(directory):
            hint = f"{typed()} stop {name}{self.options} stops it"
            raise Failure(f"{name} is running: it is not deleted", hint=hint)
        return f"Delete the local run {name} with its logs, workspaces and results ({short(directory)})?"

    async def delete(self, name: str, uid: str | None = None) -> None:
        """Removes the state of a run, its workspaces and its refs. Branches stay."""
        from parallelproject.local.removal import delete_run  # here, because few commands need it

        directory = self._directory(name)
        try:
            await asyncio.to_thread(delete_run, directory)
        except RunError as error:
            raise Failure(str(error)) from None
        except OSError as error:
            raise Failure(f"cannot remove {error.filename or directory}: {error.strerror}") from None

    async def until_gone(self, name: str, uid: str) -> None:
        """Returns at once: it is gone when ``delete`` returns."""

    def _directory(self, name: str) -> Path:
        if len(self._directories) == 1:
            return self._directories[0]
        named = [path for path in self._directories if (read_run(path) or {}).get("metadata", {}).get("name") == name]
        if not named:
            raise Failure(f"there is no local run {name}", hint=f"{typed()} list shows all")
        return named[0]


def _ask(
    state: StateDirectory, patch_of: Callable[[Json], Json | None], tasks: Callable[[], Sequence[str]]
) -> Asked | None:
    def fields(now: Asked) -> Json | None:
        project = _read(state.path)
        patch = patch_of(project)
        if patch is None:
            return None
        fields: Json = {key: value for key, value in patch["spec"].items() if key in (*FIELDS, SKIP)}  # not recheck
        if SKIP in fields:  # only what is changed: the rest may be skipped for this session alone
            before, after = set(project["spec"].get(SKIP) or ()), set(fields[SKIP])
            asked = (before ^ after) | (after & set(tasks()))
            fields[SKIP] = {task: task in after for task in sorted(asked)}
        for name in LISTS:
            if name in fields:
                shown = project["spec"].get(name) or ()
                fields[name] = asked_with(name, now.spec.get(name) or (), shown, fields[name])
        return fields

    try:
        return state.requests.ask(fields)
    except RunError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot write {state.requests.path}: {error.strerror}") from None


def _read(directory: Path) -> Json:
    found = read_run(directory)
    if found is None:
        raise Failure(
            f"the state in {short(directory)} has nothing to show: it is of an older version, or of a run that has not "
            "started",
            hint=f"{typed()} run FILE continues it",
        )
    return found


def options_of(directory: Path) -> str:
    """What means a run in addition to its name: nothing where it is below this folder."""
    is_here = directory.parent == Path.cwd() / FOLDER
    return "" if is_here else f" --state-dir {shlex.quote(short(directory))}"


def short(path: Path) -> str:
    """A path as one would type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
