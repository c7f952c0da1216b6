"""Gitea and Forgejo (docs.gitea.com/api; where it is not precise, its source, routers/api/v1/repo/pull.go)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from parallelproject.forge.clients.answer import AnswerError, LostAnswerError
from parallelproject.forge.clients.authors import WRITERS, Authors, author, permission, text_of
from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.comments import say_once
from parallelproject.forge.clients.gitea_review import RESULT
from parallelproject.forge.clients.protocol import (
    Checks,
    ForgePullRequest,
    Merge,
    Merging,
    PullState,
    TextLimits,
    Words,
    missing_labels,
    same_text,
)
from parallelproject.forge.clients.server import Server, segment
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.forge.clients.titles import new_title, titled, without_prefix
from parallelproject.forge.clients.verdict import verdict
from parallelproject.git.plumbing.outcome import AuthOrProtectedError

_PREFIX = "WIP:"
# A server may return fewer rows than requested: only an empty page is certainly the last.
_FULL, _PAGE = 1, 50
_WHOLE = 1_000_000
"""Of a list without pages."""
_NEWEST_ENDED = 200
_METHODS = (
    ("allow_merge_commits", "merge"),
    ("allow_rebase", "rebase"),
    ("allow_fast_forward_only_merge", "fast-forward-only"),
    ("allow_squash_merge", "squash"),
)
_COLOUR = "#ededed"
_DUPLICATE = "<!-- parallelproject: duplicate -->"


class Gitea:
    """One repository on Gitea or Forgejo; its session is an async context manager."""

    # The title's column has 255, and "WIP:" comes before it. A body of MySQL's TEXT has no more than this.
    limits = TextLimits(title=240, body=65_535)
    has_checks = True
    needs_base = False

    def __init__(self, server: Server, clock: RetryClock) -> None:
        self.session = ForgeSession(server, lambda token: f"token {token}", clock)
        self._repository = f"/repos/{segment(server.project, '/')}"
        self.authors = Authors(self.session, self._may_write)
        self._assignees: frozenset[str] | None = None
        self._method: str | None = None

    async def find(self, head: str, base: str) -> ForgePullRequest | None:
        """See ``Forge``.

        There is an endpoint for a base and a head, but it returns any of several (GetPullRequestByBaseHeadInfo), so it
        only shows that none exists, or an open one. Not every proxy passes a base with a slash.
        """
        if "/" not in base:
            path = f"{self._repository}/pulls/{segment(base)}/{segment(head, '/')}"
            try:
                first = _pull(await self.session.get(path))
            except AnswerError as error:
                if error.status == 404:
                    return None
                raise
            if first.state is PullState.OPEN and (first.head, first.base) == (head, base):
                return first
        return await self._listed("open", head, base) or await self._listed("closed", head, base, _NEWEST_ENDED)

    async def read(self, pull: ForgePullRequest) -> ForgePullRequest:
        """See ``Forge``."""
        return await self._with_head(_pull(await self.session.get(self._path(pull))))

    async def create(self, head: str, base: str, words: Words) -> ForgePullRequest | None:
        """See ``Forge``. 409: an open one exists for this base and head.

        Gitea checks for one and then opens one, without a lock (CreatePullRequest): two requests at the same time open
        two. Their numbers are assigned in order, so the later one is closed.
        """
        body = {"title": titled(words, _PREFIX), "body": words.body, "head": head, "base": base}
        made = await self.session.create(f"{self._repository}/pulls", body, lambda error: error.status == 409)
        if made is None:
            return None
        pull = _pull(made)
        rows = await self.session.get(f"{self._repository}/pulls", state="open", base_branch=base, limit=_PAGE, page=1)
        first = min((row["number"] for row in _fitting(rows, head, base)), default=pull.number)
        if first < pull.number:
            closed = {"state": "closed", "body": f"Opened at the same time as #{first}.\n\n{_DUPLICATE}"}
            await self.session.call("PATCH", self._path(pull), closed)
            return None
        return pull

    async def update(self, pull: ForgePullRequest, words: Words) -> None:
        """See ``Forge``."""
        body = new_title(pull.words, words, _PREFIX)
        if not same_text(pull.words.body, words.body):
            body["body"] = words.body
        if body:
            await self.session.call("PATCH", self._path(pull), body)
        if labels := missing_labels(pull, words):
            ids = [await self._label(label) for label in labels]
            await self.session.call("POST", f"{self._repository}/issues/{pull.number}/labels", {"labels": ids})

    async def checks(self, pull: ForgePullRequest, sha: str) -> Checks:
        """See ``Forge``. The required checks of the base are patterns, and visible to everyone who can read it."""
        found: dict[str, Checks] = {}
        path = f"{self._repository}/commits/{sha}/status"
        async for row in self.session.rows(path, {"limit": _PAGE}, full=_FULL, key="statuses"):
            found[row["context"]] = RESULT.get(row["status"], Checks.FAILED)
        branch = await self.session.get(f"{self._repository}/branches/{segment(pull.base, '/')}")
        required = branch.get("status_check_contexts") or [] if branch.get("enable_status_check") else []
        return verdict(found, required, fnmatchcase)

    async def merge(self, pull: ForgePullRequest, sha: str) -> Merging:
        """See ``Forge``.

        404: closed meanwhile, or not visible for us, which the next read shows; 405: merged already, a draft, not
        ready, or "Please try again later" while it looks for conflicts; 409: the head is not ``head_commit_id`` ("head
        out of date"), the base moved ("merge push out of date"), a conflict, or a push that a hook refused
        (MergePullRequest).
        """
        body = {"Do": await self._merge_method(), "head_commit_id": sha, "delete_branch_after_merge": False}
        try:
            await self.session.call("POST", f"{self._path(pull)}/merge", body, once=True)
        except LostAnswerError:
            return Merging(Merge.LOST)
        except AnswerError as error:
            if error.status == 405 and "not allowed to merge" in error.detail:
                raise AuthOrProtectedError("ForgeRefused", f"this token may not merge: {error}") from None
            if error.status == 404 or (error.status == 409 and "out of date" in error.detail):
                return Merging(Merge.MOVED, error.detail)
            if error.status in (405, 409):
                behind = "behind the base" in error.detail
                return Merging(Merge.BEHIND if behind else Merge.BLOCKED, error.detail)
            raise
        return Merging(Merge.DONE)

    async def comment(self, pull: ForgePullRequest, text: str, key: str) -> None:
        """See ``Forge``."""
        path = f"{self._repository}/issues/{pull.number}/comments"
        await say_once(self.session, self.authors, path, text, key, {}, full=_WHOLE)

    async def _may_write(self, row: dict[str, Any]) -> bool:
        """Only administrators of a repository may ask for the permission of others (GetRepoPermissions)."""
        name = author(row)
        try:
            return await permission(self.session, self._repository, segment(name)) in WRITERS
        except AnswerError as error:
            if error.status != 403:
                raise
        return name in await self._writers_by_assignees()

    async def _writers_by_assignees(self) -> frozenset[str]:
        """Those to whom an issue can be assigned, in the repository of a user: its owner and those who may write.

        In that of an organisation these are also members of teams that may only read, so it says nothing.
        """
        if self._assignees is None:
            found: list[Any] = []
            try:
                await self.session.get(f"/orgs/{segment(self.session.server.owner)}")
            except AnswerError as error:
                if error.status == 404:
                    found = await self.session.get(f"{self._repository}/assignees") or []
                elif error.status != 403:
                    raise
            self._assignees = frozenset(filter(None, (text_of(row, "login") for row in found)))
        return self._assignees

    async def _listed(self, state: str, head: str, base: str, most: int = 10_000) -> ForgePullRequest | None:
        """The newest of this state."""
        # In the order in which they were opened: it is stable across pages.
        query: dict[str, str | int] = {"state": state, "base_branch": base, "limit": _PAGE}
        rows = self.session.rows(f"{self._repository}/pulls", query, full=_FULL)
        seen = 0
        async for row in rows:
            for fitting in _fitting([row], head, base):
                return await self._with_head(_pull(fitting))
            if (seen := seen + 1) >= most:
                break
        return None

    async def _with_head(self, pull: ForgePullRequest) -> ForgePullRequest:
        """With the last head of one that has ended: it shows that of the branch, which may have moved since.

        (services/convert/pull.go: ``head.sha`` is the branch's as long as the branch exists.)
        """
        if pull.state is PullState.OPEN:
            return pull
        ref = f"refs/pull/{pull.number}/head"
        try:
            found = await self.session.get(f"{self._repository}/git/{ref}")
        except AnswerError as error:
            if error.status != 404:
                raise
            found = []
        rows = found if isinstance(found, list) else [found]
        sha = next((row["object"]["sha"] for row in rows if row["ref"] == ref), "")
        return replace(pull, sha=sha)

    async def _label(self, name: str) -> int:
        """The number of a label, of the repository or its organisation; created if it does not exist.

        Gitea silently creates a second one of the same name. Of labels created at the same time the first counts.
        """
        for _ in range(2):
            if (known := await self._known_labels()).get(name.casefold()):
                return known[name.casefold()]
            label = {"name": name, "color": _COLOUR}
            try:
                made = int((await self.session.call("POST", f"{self._repository}/labels", label, once=True)).body["id"])
            except LostAnswerError:
                await self.session.clock.back_off(1)
                continue
            first = (await self._known_labels()).get(name.casefold(), made)
            if first != made:
                await self.session.call("DELETE", f"{self._repository}/labels/{made}")
            return first
        raise AnswerError(500, f"the label {name!r} could not be created", "")

    async def _known_labels(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for path in (f"/orgs/{segment(self.session.server.owner)}/labels", f"{self._repository}/labels"):
            try:
                async for row in self.session.rows(path, {"limit": _PAGE}, full=_FULL):
                    key, number = row["name"].casefold(), int(row["id"])
                    found[key] = min(number, found.get(key, number))
            except AnswerError as error:
                if error.status not in (403, 404):  # it belongs to a user, who has no labels
                    raise
        return found

    async def _merge_method(self) -> str:
        if self._method is None:
            repository = await self.session.get(self._repository)
            self._method = next((method for field, method in _METHODS if repository.get(field)), "merge")
        return self._method

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._repository}/pulls/{pull.number}"


def _fitting(rows: Iterable[dict[str, Any]], head: str, base: str) -> Iterator[dict[str, Any]]:
    """Those for this head and base, without those of forks, and without those that were closed as duplicates."""
    for row in rows:
        own = row["head"]["repo_id"] == row["base"]["repo_id"]
        if (
            own
            and (row["head"]["label"], row["base"]["label"]) == (head, base)
            and _DUPLICATE not in (row["body"] or "")
        ):
            yield row


def _pull(row: dict[str, Any]) -> ForgePullRequest:
    title, draft = without_prefix(row["title"])
    merged = bool(row["merged"])
    return ForgePullRequest(
        number=row["number"],
        url=row["html_url"],
        state=PullState.MERGED if merged else PullState(row["state"]),
        # "label" is the branch's name; "ref" becomes refs/pull/N/head when the branch is deleted.
        head=row["head"]["label"],
        base=row["base"]["label"],
        sha=row["head"]["sha"],
        words=Words(title, row["body"] or "", tuple(label["name"] for label in row["labels"] or ()), draft),
        merge_commit=row.get("merge_commit_sha") if merged else None,
    )
