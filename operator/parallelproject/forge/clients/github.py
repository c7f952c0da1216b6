"""GitHub, and GitHub Enterprise Server (docs.github.com/rest, version 2022-11-28)."""

from collections.abc import Mapping
from typing import Any

from parallelproject.forge.clients.answer import AnswerError, LostAnswerError
from parallelproject.forge.clients.authors import WRITERS, Authors, author, permission, text_of
from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.comments import say_once
from parallelproject.forge.clients.github_review import CONCLUSION, STATUS
from parallelproject.forge.clients.protocol import (
    Checks,
    ForgePullRequest,
    Merge,
    Merging,
    PullState,
    TextLimits,
    Words,
    chosen,
    missing_labels,
    same_text,
)
from parallelproject.forge.clients.server import Server, segment
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.forge.clients.verdict import verdict, worst

# "no more than 80 content-generating requests per minute and no more than 500 content-generating requests per hour"
# (docs.github.com/rest, "Rate limits for the REST API", About secondary rate limits)
_LIMITS = ((80, 60.0), (500, 3600.0))
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_FULL = 100
_PAGED = {"per_page": _FULL}
_METHODS = (("allow_merge_commit", "merge"), ("allow_rebase_merge", "rebase"), ("allow_squash_merge", "squash"))
# REST cannot change the draft state of an existing pull request; these mutations of GraphQL can.
_DRAFT = "mutation($id:ID!){convertPullRequestToDraft(input:{pullRequestId:$id}){clientMutationId}}"
_READY = "mutation($id:ID!){markPullRequestReadyForReview(input:{pullRequestId:$id}){clientMutationId}}"


class GitHub:
    """One repository on GitHub; its session is an async context manager."""

    limits = TextLimits(title=256, body=65_536)  # "body is too long (maximum is 65536 characters)", as its answer says
    has_checks = True
    needs_base = False

    def __init__(self, server: Server, clock: RetryClock) -> None:
        self.session = ForgeSession(server, lambda token: f"Bearer {token}", clock, _HEADERS, _LIMITS)
        self._repository = f"/repos/{segment(server.project, '/')}"
        self.authors = Authors(self.session, self._may_write, self._own_name)
        self._method: str | None = None

    async def find(self, head: str, base: str) -> ForgePullRequest | None:
        """See ``Forge``."""
        owner = self.session.server.owner
        rows = await self.session.get(
            f"{self._repository}/pulls", state="all", head=f"{owner}:{head}", base=base,
            sort="created", direction="desc", per_page=_FULL,
        )  # fmt: skip
        return chosen(map(_pull, rows), head, base)

    async def read(self, pull: ForgePullRequest) -> ForgePullRequest:
        """See ``Forge``."""
        return _pull(await self.session.get(self._path(pull)))

    async def create(self, head: str, base: str, words: Words) -> ForgePullRequest | None:
        """See ``Forge``."""
        body = {"title": words.title, "body": words.body, "head": head, "base": base, "draft": words.draft}
        made = await self.session.create(f"{self._repository}/pulls", body, _says_it_is_there)
        return None if made is None else _pull(made)

    async def update(self, pull: ForgePullRequest, words: Words) -> None:
        """See ``Forge``."""
        if pull.words.title != words.title or not same_text(pull.words.body, words.body):
            await self.session.call("PATCH", self._path(pull), {"title": words.title, "body": words.body})
        if pull.words.draft != words.draft:
            query = {"query": _DRAFT if words.draft else _READY, "variables": {"id": pull.handle}}
            answer = (await self.session.call("POST", self._graphql(), query)).body
            if isinstance(answer, dict) and answer.get("errors"):
                detail = str(answer["errors"][0].get("message", ""))
                raise AnswerError(422, f"the draft state of #{pull.number} cannot be changed: {detail}", detail)
        if labels := missing_labels(pull, words):
            await self.session.call(
                "POST", f"{self._repository}/issues/{pull.number}/labels", {"labels": labels}
            )  # a missing label is created; adding one twice does nothing

    async def checks(self, pull: ForgePullRequest, sha: str) -> Checks:
        """See ``Forge``. Statuses and check runs are two lists, and either may be required."""
        found: dict[str, list[Checks]] = {}
        commit = f"{self._repository}/commits/{sha}"
        async for row in self.session.rows(f"{commit}/status", _PAGED, full=_FULL, key="statuses"):
            found.setdefault(row["context"], []).append(STATUS.get(row["state"], Checks.FAILED))
        async for row in self.session.rows(f"{commit}/check-runs", _PAGED, full=_FULL, key="check_runs"):
            done = row["status"] == "completed"
            result = CONCLUSION.get(row["conclusion"], Checks.FAILED) if done else Checks.PENDING
            found.setdefault(row["name"], []).append(result)
        return verdict({name: worst(several) for name, several in found.items()}, await self._required(pull.base))

    async def merge(self, pull: ForgePullRequest, sha: str) -> Merging:
        """See ``Forge``.

        405: the base was modified, or something is missing; 409: the head is not ``sha`` (docs.github.com/rest,
        "Merge a pull request"). The message of a 405 distinguishes the two: "Base branch was modified. Review and try
        the merge again.".
        """
        body = {"sha": sha, "merge_method": await self._merge_method()}
        try:
            await self.session.call("PUT", f"{self._path(pull)}/merge", body, once=True)
        except LostAnswerError:
            return Merging(Merge.LOST)
        except AnswerError as error:
            if error.status == 409 or (error.status == 405 and "was modified" in error.detail):
                return Merging(Merge.MOVED, error.detail)
            if error.status in (405, 422):
                now = await self.session.get(self._path(pull))
                behind = now.get("mergeable_state") == "behind"
                return Merging(Merge.BEHIND if behind else Merge.BLOCKED, error.detail)
            raise
        return Merging(Merge.DONE)

    async def comment(self, pull: ForgePullRequest, text: str, key: str) -> None:
        """See ``Forge``."""
        path = f"{self._repository}/issues/{pull.number}/comments"
        await say_once(self.session, self.authors, path, text, key, _PAGED, full=_FULL)

    async def _required(self, base: str) -> list[str]:
        """The checks that the base requires, by its protection and by rule sets: both can be read without admin rights.

        Not every plan and version has them: then no check is known to be required.
        """
        branch = segment(base, "/")
        names: list[str] = []
        protection = await self._where_there(f"{self._repository}/branches/{branch}")
        if isinstance(protection, Mapping):
            status = (protection.get("protection") or {}).get("required_status_checks") or {}
            names += status.get("contexts") or []
        rules = await self._where_there(f"{self._repository}/rules/branches/{branch}")
        for rule in rules if isinstance(rules, list) else []:
            if rule.get("type") == "required_status_checks":
                names += [check["context"] for check in rule["parameters"]["required_status_checks"]]
        return list(dict.fromkeys(names))

    async def _where_there(self, path: str) -> Any:
        try:
            return await self.session.get(path)
        except AnswerError as error:
            if error.status in (403, 404):
                return None
            raise

    async def _merge_method(self) -> str:
        """The allowed merge method of this repository; preferably a merge commit, which keeps the tested commit."""
        if self._method is None:
            repository = await self.session.get(self._repository)
            # Only visible with push rights; otherwise the answer to the merge decides.
            self._method = next((method for field, method in _METHODS if repository.get(field, True)), "merge")
        return self._method

    async def _may_write(self, row: dict[str, Any]) -> bool:
        return await permission(self.session, self._repository, segment(author(row))) in WRITERS

    async def _own_name(self) -> str:
        """The token of an app may not ask for its user, but GraphQL says who it is."""
        if found := text_of(await self._where_there("/user"), "login"):
            return found
        try:
            answer = (await self.session.call("POST", self._graphql(), {"query": "query { viewer { login } }"})).body
        except AnswerError:
            return ""
        data = answer.get("data") if isinstance(answer, dict) else None
        return text_of(data.get("viewer"), "login") if isinstance(data, dict) else ""

    def _graphql(self) -> str:
        api = self.session.server.api
        return f"{api.removesuffix('/v3')}/graphql"  # /api/v3 and /api/graphql on a server, /graphql in the cloud

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._repository}/pulls/{pull.number}"


def _says_it_is_there(error: AnswerError) -> bool:
    return error.status == 422 and "already exists" in error.detail


def _pull(row: dict[str, Any]) -> ForgePullRequest:
    merged = bool(row.get("merged_at"))
    return ForgePullRequest(
        number=row["number"],
        url=row["html_url"],
        state=PullState.MERGED if merged else PullState(row["state"]),
        head=row["head"]["ref"],
        base=row["base"]["ref"],
        sha=row["head"]["sha"],
        words=Words(
            row["title"],
            row["body"] or "",
            tuple(label["name"] for label in row["labels"]),
            bool(row.get("draft")),
        ),
        # For an open one it names a trial merge.
        merge_commit=row.get("merge_commit_sha") if merged else None,
        handle=row["node_id"],
    )
