"""The files that an attempt leaves: the output of its agent, and what it declares. Their content is the task's: none is
followed as a link, read without a bound, or waited for."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from parallelproject.agents.judge import Ending
from parallelproject.agents.preset import Preset
from parallelproject.agents.record import Facts
from parallelproject.model.names import NEEDS_INPUT, NO_CHANGE, RESERVED_OUTPUTS
from parallelproject.plain_file import open_plain

_CHUNK = 2**20
_DECLARED_MAX = 4096
"""Bytes that are read of what an agent declares."""
_NAMED_MAX = 64
"""Characters of a unit and its amount."""


def facts_of(preset: Preset, output: Path, offset: int, now: float) -> Facts:
    """What an agent has printed.

    Args:
        preset: The agent.
        output: The file with its output. Without one there is no final event, which is an error of its own.
        offset: Where that begins in the file.
        now: When it ended, in seconds since the epoch.
    """
    reader = preset.reader(now)
    file = _opened(output)
    if file is not None:
        with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor
            left = os.fstat(file).st_size - offset  # what it left running may print on and on
            opened.seek(offset)
            while left > 0 and (data := opened.read(min(_CHUNK, left))):
                reader.feed(data)
                left -= len(data)
    return reader.close()


def ending_of(
    outputs: Path, exit_code: int, now: float, *, changed: bool | None = None, may_change_nothing: bool = False
) -> Ending:
    """What is known of an end beyond the output. Outputs are a result, too: with one, something has changed.

    Args:
        outputs: The folder of the attempt's outputs.
        exit_code: Of its command.
        now: When it ended, in seconds since the epoch.
        changed: As in ``Ending``.
        may_change_nothing: As in ``Ending``.
    """
    if changed is False and _has_outputs(outputs):
        changed = True
    declared, question = _declared(outputs / NO_CHANGE), question_in(outputs)
    return Ending(exit_code, now, changed, declared, question, may_change_nothing)


def question_in(outputs: Path) -> str | None:
    """What an attempt asks a person, by the folder of its outputs; None: nothing."""
    return _declared(outputs / NEEDS_INPUT)


class UsageReport(NamedTuple):
    """What a ``usage.json`` says."""

    amounts: Mapping[str, str] = MappingProxyType({})
    """By unit, the amount as it is written."""
    unusable: str = ""
    """Why all of it does not count, as the end of a sentence about the file."""
    ignored: tuple[str, ...] = ()
    """The units whose amount is none."""


def usage_of(path: Path) -> UsageReport:
    """The report of an attempt of what it has used; nothing without the file."""
    file = _opened(path)
    if file is None:
        return UsageReport(unusable="is not a plain file that can be read" if os.path.lexists(path) else "")
    with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor
        text = opened.read(_DECLARED_MAX + 1)
    if len(text) > _DECLARED_MAX:
        return UsageReport(unusable=f"is larger than {_DECLARED_MAX:,} bytes")
    try:
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return UsageReport(unusable="is not JSON")
    if not isinstance(found, dict):
        return UsageReport(unusable="is not a JSON object")
    counts = {name: isinstance(each, str) and len(name) + len(each) <= _NAMED_MAX for name, each in found.items()}
    amounts = {name: amount for name, amount in found.items() if counts[name]}
    return UsageReport(amounts, ignored=tuple(name for name in found if not counts[name]))


def _declared(path: Path) -> str | None:
    """What a file says; None without such a file."""
    file = _opened(path)
    if file is None:
        return None
    with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor
        return opened.read(_DECLARED_MAX).decode(errors="replace").strip()


def _has_outputs(folder: Path) -> bool:
    try:
        return any(entry.name not in RESERVED_OUTPUTS for entry in folder.iterdir())
    except OSError:
        return False


def _opened(path: Path) -> int | None:
    try:
        return open_plain(path)
    except OSError:
        return None
