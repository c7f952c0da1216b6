"""Reads GitHub's issues as JSON: ``gh issue list --json number,title,body,labels,state,blockedBy``, or GitHub's API.

An issue's number is its id. It waits for what blocks it: by the fields ``blockedBy`` and ``blocked_by``, by "Blocked by
#12" and "Depends on #12" in its body, by a list below such a heading, for its sub-issues, and for the issues of a task
list. One with the label ``epic`` only contains its sub-issues. Closed as completed is done; closed for another
reason is skipped, and what needs it runs all the same.
"""

import re
from collections.abc import Iterator
from typing import Any

from parallelproject.model.problem import quoted
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.build import build
from parallelproject.sources.selection.choose import choose
from parallelproject.sources.selection.item import Item, ItemState, Need
from parallelproject.sources.selection.keys import Keys
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import as_id
from parallelproject.sources.text.texts import as_text, clean, one_line, without_comments

_READ = frozenset(
    {"number", "title", "body", "labels", "state", "stateReason", "state_reason", "parent", "subIssues", "sub_issues",
     "blockedBy", "blocked_by", "url", "html_url", "pull_request", "isPullRequest"}
)  # fmt: skip
_KNOWN = frozenset(
    {
        "active_lock_reason", "assignee", "assignees", "author", "author_association", "blocking", "closed",
        "closedAt", "closedByPullRequestsReferences", "closed_at", "closed_by", "comments", "comments_url",
        "createdAt", "created_at", "draft", "events_url", "id", "isPinned", "issueType", "issue_dependencies_summary",
        "labels_url", "locked", "milestone", "node_id", "performed_via_github_app", "projectCards", "projectItems",
        "reactionGroups", "reactions", "repository", "repository_url", "subIssuesSummary", "sub_issues_summary",
        "timeline_url", "type", "updatedAt", "updated_at", "user",
    }
)  # fmt: skip
_CONTAINERS = frozenset({"epic", "type: epic", "type:epic", "kind/epic", "tracking", "meta"})
_ABSENT = "export closed issues too with gh issue list --state all --limit 1000, or drop it with --dangling warn"
_NAME = r"[\w.-]{1,100}/[\w.-]{1,100}"
_REFERENCE = rf"(?:https://github\.com/({_NAME})/(?:issues|pull)/|({_NAME})?\#|\bGH-)(\d{{1,9}})\b"
"""A reference to an issue: its repository as a link or a name has it, and its number."""
_ONE = re.compile(_REFERENCE)
_WORDS = r"(?:blocked\s{1,9}(?:by|on)|depend(?:s|ing)\s{1,9}(?:up)?on|wait(?:s|ing)?\s{1,9}(?:for|on)|requires|needs)"
_SENTENCE = re.compile(
    rf"(?P<before>[^\n]{{0,20}})\b{_WORDS}(?P<list>(?:(?:[\s:*_,&+()\[\]<>]|and\b){{0,20}}{_REFERENCE})+)",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"(?:\bnot|\bno longer|n't|~~)\W*(?:be|being)?\W*$", re.IGNORECASE)
_HEADING = re.compile(
    rf"^\s*(?:\#{{1,6}}\s*|\*\*){_WORDS}\b|^\s*\#{{1,6}}\s*(?:dependencies|blockers)\b", re.IGNORECASE
)
_ANY_HEADING = re.compile(r"^\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?P<rest>.*)$")
_BOX = re.compile(rf"^\s*(?:[-*+]|\d+[.)])\s+\[[ xX]\]\s+{_REFERENCE}")
_FENCE = re.compile(r"^\s*(```|~~~)")
_PRIORITY = re.compile(
    r"^(?:prio(?:rity)?\s*[:/ -]?\s*)?(p[0-4]|critical|urgent|high|medium|low)(?:\s*[-:/ ]?\s*prio(?:rity)?)?$",
    re.IGNORECASE,
)
_PRIORITIES = {"p0": 100, "critical": 100, "urgent": 100, "p1": 75, "high": 75, "p2": 50, "medium": 50, "p3": 25,
               "low": 25, "p4": 0}  # fmt: skip


def is_github(data: Any) -> bool:
    """Whether data is an issue, or a list of them: they have a number and a title."""
    entries = data if isinstance(data, list) else [data]
    return any(
        isinstance(entry, dict)
        and fields.number_of(entry.get("number")) is not None
        and ("title" in entry or "body" in entry)
        and not isinstance(entry.get("tasks"), list)
        for entry in entries
    )


def read_github(data: Any, findings: Findings, options: Options, name: str) -> Imported:
    """Reads the issues of a list, or one.

    Raises:
        ProblemsError: everything wrong with them.
    """
    entries = data if isinstance(data, list) else [data]
    fields.bound(entries, findings)
    keys = Keys(_READ, _KNOWN)
    reader = _Reader(findings, options)
    for index, entry in enumerate(entries):
        path = f"[{index}]" if isinstance(data, list) else ""
        reader.take(entry, findings.at(path))
        if isinstance(entry, dict):
            keys.note(entry, findings.at(path))
    items = fields.refuse_duplicates(reader.items, findings)
    reader.link({item.id: item for item in items})
    selection = choose(items, options, findings)
    return build(selection, Format.GITHUB, name, options, findings, unread=keys.tell(findings))


class _Reader:
    """Takes in issues one by one, then links them."""

    def __init__(self, findings: Findings, options: Options) -> None:
        self.items: list[Item] = []
        self._findings = findings
        self._options = options
        self._within: list[tuple[str, str, str]] = []  # (issue, its sub-issue, place)

    def take(self, entry: object, place: str) -> None:
        """Takes in one issue."""
        if not isinstance(entry, dict):
            self._findings.error(place, f"{quoted(entry)} is not an issue", "write gh's JSON, with number and title")
            return
        id = _number(entry.get("number"))
        if id is None:
            found = f"{quoted(entry['number'])} is not a number" if entry.get("number") is not None else "has no number"
            self._findings.error(f"{place}.number", found, "export it: gh issue list --json number,title,body,…")
            return
        labels = fields.labels_of(entry)
        body = clean(as_text(entry.get("body")))
        item = Item(
            id=id,
            place=place,
            title=one_line(entry.get("title")) or f"Issue {id}",
            container=not _CONTAINERS.isdisjoint(label.lower() for label in labels),
            sections=[("", body)],
            labels=labels,
            priority=_priority(labels),
        )
        self._set_state(item, entry)
        home = _home(entry)
        for key in ("blockedBy", "blocked_by"):
            for number in self._numbers(entry.get(key), f"{place}.{key}"):
                item.needs.append(Need(number, f"{place}.{key}", _ABSENT))
        self._add(item, _blockers(body), home, f"{place}.body")
        for number in self._of_home(item, _boxes(body), home, f"{place}.body"):
            self._within.append((id, number, f"{place}.body"))
        for key in ("subIssues", "sub_issues"):
            self._within += [
                (id, number, f"{place}.{key}") for number in self._numbers(entry.get(key), f"{place}.{key}")
            ]
        for parent in self._numbers(entry.get("parent"), f"{place}.parent"):
            self._within.append((parent, id, f"{place}.parent"))
        self.items.append(item)

    def link(self, known: dict[str, Item]) -> None:
        """Makes issues parts of epics; other issues wait for their sub-issues."""
        for owner, part, place in self._within:
            if owner not in known or owner == part:
                continue
            if not known[owner].container:
                known[owner].needs.append(Need(part, place, _ABSENT))
            elif part in known:
                known[part].parents = tuple(dict.fromkeys((*known[part].parents, owner)))
        for item in known.values():
            unique = {need.target: need for need in reversed(item.needs) if need.target != item.id}
            item.needs = list(reversed(unique.values()))

    def _add(self, item: Item, found: Iterator[re.Match[str]], home: str, place: str) -> None:
        for number in self._of_home(item, found, home, place):
            item.needs.append(Need(number, place, _ABSENT))

    def _of_home(self, item: Item, found: Iterator[re.Match[str]], home: str, place: str) -> Iterator[str]:
        """The numbers of references to issues of the same repository; others cannot be waited for."""
        for reference in found:
            home_there, repo, number = reference.groups()[-3:]
            other = home_there or repo
            if other and home and other.lower() != home.lower():
                text = quoted(f"{other}#{number}")
                self._findings.warn(place, f"{text} is in another repository; #{item.id} does not wait for it")
            elif str(int(number)) != item.id:
                yield str(int(number))

    def _numbers(self, value: object, place: str) -> list[str]:
        """The numbers of issues in a field of gh's JSON: numbers, issues, or GraphQL's ``{"nodes": […]}``."""
        if isinstance(value, dict) and isinstance(value.get("nodes"), list):
            value = value["nodes"]
        found = []
        for part in value if isinstance(value, list) else [value]:
            if part in (None, "", 0) or (isinstance(part, dict) and not part):
                continue
            number = _number(part.get("number") if isinstance(part, dict) else part)
            if number is None:
                self._findings.warn(place, f"{quoted(part)} is not an issue; ignored", "give its number")
            elif not (isinstance(part, dict) and str(part.get("state")).lower() == "closed"):
                found.append(number)
        return found

    def _set_state(self, item: Item, entry: dict[str, Any]) -> None:
        state = as_text(entry.get("state")).lower()
        reason = as_text(entry.get("stateReason") or entry.get("state_reason")).lower().replace("_", " ")
        if entry.get("pull_request") or entry.get("isPullRequest") is True:
            item.state, item.why, item.satisfies = ItemState.SKIPPED, "pull request", state != "open"
        elif state == "closed" and reason in ("not planned", "duplicate"):
            item.state, item.why, item.satisfies = ItemState.SKIPPED, reason, self._options.cancelled_satisfies
        elif state in ("closed", "merged"):
            item.state = ItemState.DONE
        elif state not in ("open", ""):
            self._findings.warn(f"{item.place}.state", f"{quoted(state)} is not a known state; the task will run")


def _number(value: object) -> str | None:
    text = as_id(value)
    text = text.removeprefix("#") if text else ""
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _home(entry: dict[str, Any]) -> str:
    """The repository of an issue, as ``owner/name``; empty where it is not given."""
    for key in ("url", "html_url"):
        found = re.match(r"https://[^/]+/(?:repos/)?([\w.-]+/[\w.-]+)/(?:issues|pull)/", as_text(entry.get(key)))
        if found:
            return found[1]
    return ""


def _priority(labels: tuple[str, ...]) -> int:
    found = [_PRIORITIES[match[1].lower()] for label in labels if (match := _PRIORITY.match(label.strip()))]
    return max(found, default=fields.PRIORITIES["medium"])


def _lines(body: str) -> Iterator[str]:
    """The lines outside of fenced code and quotations."""
    fenced = False
    for line in without_comments(body).split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.lstrip().startswith(">"):
            yield line


def _blockers(body: str) -> Iterator[re.Match[str]]:
    """The references to what blocks an issue: in sentences, and in lists below a heading that says so."""
    below = False
    for line in _lines(body):
        for sentence in _SENTENCE.finditer(line):
            if not _NEGATED.search(sentence["before"]):
                yield from _ONE.finditer(sentence["list"])
        if _HEADING.match(line):
            below = True
        elif _ANY_HEADING.match(line):
            below = False
        elif below and (item := _ITEM.match(line)) and not item["rest"].startswith("~~"):
            yield from _ONE.finditer(item["rest"])


def _boxes(body: str) -> Iterator[re.Match[str]]:
    """The issues of task lists: ``- [ ] #12``."""
    return (found for line in _lines(body) if (found := _BOX.match(line)))
