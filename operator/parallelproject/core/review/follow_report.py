"""What a process that has followed a pull request reports to the operator: a few KiB of plain data. Pure.

The operator decides from it, by the same rules as the process. What does not fit is found again by the next process.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from parallelproject.core.review.state import FindingKind, IncomingBranch, ReviewFinding, read_finding
from parallelproject.core.verification.packed_lines import pack, unpack

Json = dict[str, Any]

_TEXTS = (16_000, 8_000, 4_000, 2_000, 1_000, 500, 200)
"""Maximum characters of the text of a finding, tried in turn until all fit."""
_ANSWERED_MAX, _ANSWERED_BYTES = 50, 900
_WAITING_MAX, _WAITING_SHOWN, _URL_MAX = 5, 100, 300
_NAME_MAX, _FINDINGS_MAX = 100, 200
"""Bounds of what is read: anyone who may write the status of a pod may write any report."""
_PATHS_MAX = 100
"""Files of one conflict; of one with more, people are asked."""


class FollowEnd(StrEnum):
    """Why a process has ended that follows a pull request."""

    FEEDBACK = "Feedback"
    """Tasks have something to act on."""
    QUIET = "Quiet"
    """Nothing is new. Another one looks later."""
    PEOPLE = "WaitingForPeople"
    """Only people can continue."""
    APPROVED = "Approved"
    """All is done, and a person merges it."""
    MERGED = "Merged"
    CLOSED = "Closed"
    NONE = "NoPullRequest"
    """The branch has no pull request."""

    @property
    def is_last(self) -> bool:
        """Whether it is not followed any more."""
        return self in (FollowEnd.APPROVED, FollowEnd.MERGED, FollowEnd.CLOSED, FollowEnd.NONE)


class FollowReport(NamedTuple):
    """The report."""

    end: FollowEnd
    url: str = ""
    """Of the pull request."""
    state: str = ""
    """Of the pull request, a ``PullState``."""
    sha: str = ""
    """The commit at its head."""
    findings: tuple[ReviewFinding, ...] = ()
    """New ones, also those that no task acts on."""
    onto: tuple[tuple[str, str], ...] = ()
    """Commits that it conflicts with, and their names; the findings have the files."""
    answered: tuple[str, ...] = ()
    """Keys of the findings whose reply is sent."""
    waiting: tuple[str, ...] = ()
    """What only people can solve, in words."""
    is_pending: bool = False
    """Whether a check has not ended, so that there will be news soon."""

    @property
    def incoming(self) -> tuple[IncomingBranch, ...]:
        """What tasks have to work on top of."""
        found = []
        for commit, name in self.onto:
            branch = IncomingBranch(commit, name)
            paths = [path for one in self.findings if one.group == branch.group for path in one.paths]
            found.append(branch._replace(paths=tuple(paths)))
        return tuple(found)

    def to_json(self, most: int) -> Json:
        """The report as plain data of at most so many bytes."""
        fields: Json = {"end": self.end.value, "url": self.url[:_URL_MAX], "state": self.state, "sha": self.sha}
        if self.is_pending:
            fields["pending"] = True
        if self.answered:
            fields["answered"] = _first(self.answered[:_ANSWERED_MAX], _ANSWERED_BYTES)
        if waiting := [text[:_WAITING_SHOWN] for text in self.waiting[:_WAITING_MAX]]:
            fields["waiting"] = waiting
        if self.onto:
            fields["onto"] = [list(each) for each in self.onto]
        if not self.findings:
            return fields
        room = most - len(json.dumps(fields)) - len(', "findings": ""')
        packed = packed_findings(self.findings, room)
        if not packed and self.end is FollowEnd.FEEDBACK:
            return fields | {"end": FollowEnd.PEOPLE.value, "waiting": ["there is more feedback than can be reported"]}
        return fields | {"findings": packed}

    @classmethod
    def read(cls, found: object) -> "FollowReport | None":
        """The report in plain data; None: it has another form."""
        if not isinstance(found, Mapping):
            return None
        try:
            return cls(
                FollowEnd(found["end"]),
                str(found["url"])[:_URL_MAX],
                str(found["state"])[:_NAME_MAX],
                str(found["sha"])[:_NAME_MAX],
                tuple(islice(_read(str(found.get("findings") or "")), _FINDINGS_MAX)),
                tuple((str(commit)[:_NAME_MAX], str(name)[:_URL_MAX]) for commit, name in found.get("onto", ())[:1]),
                tuple(str(key)[:_NAME_MAX] for key in found.get("answered", ())[:_ANSWERED_MAX]),
                tuple(str(text)[:_WAITING_SHOWN] for text in found.get("waiting", ())[:_WAITING_MAX]),
                found.get("pending") is True,
            )
        except (KeyError, TypeError, ValueError, RecursionError):
            return None


def packed_findings(findings: Sequence[ReviewFinding], most: int) -> str:
    """As many findings as fit, of conflicts all or none; their texts are cut before any is dropped."""
    too_large = {one.group for one in findings if len(one.paths) > _PATHS_MAX}
    usable = [one for one in findings if one.group not in too_large]
    if not usable:
        return ""
    ordered = sorted(usable, key=lambda one: one.kind is not FindingKind.CONFLICT)
    for length in _TEXTS:
        text = _packed(ordered, length)
        if len(text) <= most:
            return text
    conflicts = [one for one in ordered if one.kind is FindingKind.CONFLICT]
    others = ordered[len(conflicts) :]
    if conflicts and len(_packed(conflicts, _TEXTS[-1])) > most:
        conflicts = []
    while others and len(_packed([*conflicts, *others], _TEXTS[-1])) > most:
        others.pop()
    chosen = [*conflicts, *others]
    return _packed(chosen, _TEXTS[-1]) if chosen else ""


def cut_middle(text: str, most: int) -> str:
    """A text of at most about so many characters: its start, which says what it is about, and its end."""
    if len(text) <= most:
        return text
    start = most // 3
    return f"{text[:start]}\n[…]\n{text[-(most - start) :]}"


def _packed(findings: Iterable[ReviewFinding], length: int) -> str:
    rows = (
        one._replace(text=cut_middle(one.text, length), title=one.title[: min(length, _URL_MAX)]) for one in findings
    )
    return pack("".join(f"{json.dumps(row._asdict())}\n" for row in rows))


def _read(packed: str) -> Iterable[ReviewFinding]:
    for line in unpack(packed).split("\n") if packed else ():
        if line:
            one = read_finding(json.loads(line))
            yield one._replace(
                key=one.key[:_URL_MAX], task=one.task[:_NAME_MAX], title=one.title[:_URL_MAX],
                text=cut_middle(one.text, _TEXTS[0]), thread=one.thread[:_NAME_MAX], paths=one.paths[:_PATHS_MAX],
            )  # fmt: skip


def _first(texts: Iterable[str], most: int) -> list[str]:
    """The first texts that have no more bytes together."""
    found: list[str] = []
    for text in texts:
        most -= len(json.dumps(text)) + 2
        if most < 0:
            break
        found.append(text)
    return found
