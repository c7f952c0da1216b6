"""``pproj run --write-back``: marks what has succeeded as done in the task file, at the end of a run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.limited_process import run_limited
from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported
from parallelproject.sources.folder import done_status
from parallelproject.sources.load import BYTES_MAX
from parallelproject.sources.writeback import WRITABLE, NotWrittenError, marked, marked_front_matter

Read = Callable[[], Imported]
"""Reads the file again, as it was read."""

_BD_SECONDS = 120
_BD_IDS = 50
"""Issues of one call, so that its command line stays short."""


def check_writable(file: Path, imported: Imported) -> None:
    """Makes sure, before anything runs, that states can be written to a file.

    Raises:
        Failure: they cannot.
    """
    format = imported.report.format
    if str(file) == "-":
        raise Failure("--write-back: FILE is standard input, which cannot be written", hint="give a file", code=2)
    # Where a whole file is one task, its place names no line.
    if format is Format.GROUPS and any(place.endswith(".md") for place in imported.report.places.values()):
        found = f"--write-back: no states are written to stories, as in {file}: a review says when a story is done"
        raise Failure(found, hint="run without --write-back", code=2)
    if format not in WRITABLE:
        kinds = ", ".join(sorted(WRITABLE))
        raise Failure(f"--write-back: no states are written to {file} ({format}), only to {kinds}", code=2)


def write_back(file: Path, read: Read, succeeded: Sequence[str]) -> bool:
    """Marks tasks as done in their file, and says so; False where that was not possible, which is said too.

    The file is read again first: others may have changed it while the tasks ran.
    """
    if not succeeded:
        return True
    try:
        imported = read()
        ids = [id for id in succeeded if id in imported.report.places]
        if imported.report.format is Format.BACKLOG:
            changed = _backlog(file, imported, ids)
        elif imported.report.format is Format.BEADS and file.parent.name == ".beads" and shutil.which("bd"):
            changed = _bd(file, imported, ids)
        else:
            changed = _file(file, imported, ids)
    except (NotWrittenError, ProblemsError, OSError, ValueError) as error:
        terminal.error(f"--write-back: {file} is not written: {error}")
        return False
    if changed:
        terminal.say(f"marked as done in {file}: {changed} task{'' if changed == 1 else 's'}")
    return True


def _file(file: Path, imported: Imported, ids: Sequence[str]) -> int:
    with file.open("rb") as opened:
        text = opened.read(BYTES_MAX + 1).decode("utf-8")
    new = marked(text, imported.report, ids, datetime.now(UTC))
    _replace(file, text, new)
    return len(ids)


def _backlog(folder: Path, imported: Imported, ids: Sequence[str]) -> int:
    status = done_status(folder)
    for id in ids:
        path = Path(imported.report.places[id])
        text = path.read_bytes().decode("utf-8")
        _replace(path, text, marked_front_matter(text, status))
    return len(ids)


def _bd(file: Path, imported: Imported, ids: Sequence[str]) -> int:
    """Has Beads itself close its issues: its file is only an export of what it knows."""
    issues = [imported.report.renamed.get(id, id) for id in ids]
    for start in range(0, len(issues), _BD_IDS):
        command = ["bd", "close", *issues[start : start + _BD_IDS], "--reason", "done by pproj"]
        try:
            done = run_limited(command, _BD_SECONDS, folder=file.parent.parent)  # bd leaves a daemon
        except subprocess.TimeoutExpired:
            raise NotWrittenError(f"bd close did not end within {_BD_SECONDS} s") from None
        if done.returncode:
            printed = " ".join((done.stderr or done.stdout).decode(errors="replace").split())[-300:]
            raise NotWrittenError(f"bd close ended with {done.returncode}: {printed}")
    return len(issues)


def _replace(file: Path, old: str, new: str) -> None:
    """Puts a new file in the place of the old one at once, unless that has changed since it was read.

    Raises:
        NotWrittenError: it has changed.
        OSError: it cannot be written.
    """
    if new == old:
        return
    path = file.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(new.encode("utf-8"))
            opened.flush()
            os.fsync(opened.fileno())
        shutil.copymode(path, name)
        same = path.read_bytes() == old.encode("utf-8")
        if same:
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    if not same:
        raise NotWrittenError("another process is changing it; run again to write it")
