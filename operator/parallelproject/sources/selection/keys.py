"""Accounts for the keys of a file's tasks: which name dependencies, and which are not read at all. Pure.

A key that nobody reads is most harmless where its tool writes it for itself, and most harmful where it is a misspelt
``dependencies``. So keys that a format is known to have are counted, and all others are warned of.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from parallelproject.model.problem import listed, quoted
from parallelproject.sources.text.findings import Findings

_DEPENDENCIES = frozenset(
    {
        "after", "blockedby", "blockers", "dependencies", "dependency", "dependencyids", "depends", "dependson",
        "dependsonids", "deps", "needs", "predecessors", "prereqs", "prerequisites", "requires", "waitfor", "waitsfor",
    }
)  # fmt: skip
"""Keys that name what must be done before, without case, ``_`` and ``-``: ``depends_on`` is ``dependsOn``."""
_REVERSED = frozenset({"blocking", "blocks", "dependents", "enables", "unblocks", "requiredby"})
"""Keys that name what must wait; read from the wrong side they would make cycles."""
_DISTINCT_MAX = 1_000  # a file with more has data for keys
_LISTED = 10
_SEPARATORS = re.compile(r"[-_ ]")


def is_dependencies(key: str) -> bool:
    """Whether a key names what must be done before a task."""
    return _plain(key) in _DEPENDENCIES


def _plain(key: str) -> str:
    return _SEPARATORS.sub("", key).lower()


@dataclass
class Keys:
    """Takes note of the keys of a file's tasks that are not read."""

    read: Collection[str]
    """Keys that are read, in addition to those for dependencies."""
    known: Collection[str]
    """Keys that tools of the format write, and that say nothing of how tasks run."""
    _known_found: dict[str, int] = field(default_factory=dict)
    _unknown: dict[str, tuple[str, int]] = field(default_factory=dict)  # by key: the first place, and how many

    def note(self, entry: Mapping[str, object], place: str) -> None:
        """Takes note of one object's keys; those without a value say nothing."""
        for key, value in entry.items():
            if key in self.read or value is None or value in ("", [], {}) or is_dependencies(key):
                continue
            if key in self.known:
                self._known_found[key] = self._known_found.get(key, 0) + 1
            elif key in self._unknown or len(self._unknown) < _DISTINCT_MAX:
                first, count = self._unknown.get(key, (place, 0))
                self._unknown[key] = (first, count + 1)

    def tell(self, findings: Findings) -> dict[str, int]:
        """Warns of the keys that are not known, the doubtful ones by themselves; how often each known one is there."""
        others = []
        for key, (place, count) in self._unknown.items():
            more = f", here and in {count - 1:,} more" if count > 1 else ""
            if _plain(key) in _REVERSED:
                fix = "name it in the dependencies of the task that waits"
            else:
                fix = findings.did_you_mean(key, [*self.read, "dependencies"])
            if fix:
                findings.warn(place, f"{quoted(key, 40)} is not read{more}", fix)
            else:
                others.append(quoted(key, 40))
        if others:
            findings.warn(findings.file, f"unknown keys, not read: {listed(others, _LISTED)}")
        return dict(sorted(self._known_found.items()))
