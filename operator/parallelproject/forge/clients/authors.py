"""Who has written something on a forge: whose text reaches tasks, and whose marks count as ours."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from parallelproject.core.review.observed import marks_in
from parallelproject.forge.clients.answer import AnswerError
from parallelproject.forge.clients.session import ForgeSession

WRITERS = frozenset({"write", "maintain", "admin", "owner"})
"""Permissions with which one may push."""


class Authors:
    """The people of one repository. Each is asked of the forge once."""

    def __init__(
        self,
        session: ForgeSession,
        may_write: Callable[[dict[str, Any]], Awaitable[bool]],
        own_name: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        """Asks nothing yet.

        Args:
            session: The forge.
            may_write: Asks whether the author of a row may write to the repository.
            own_name: Asks for the name of the token's user; empty: the forge does not say.
        """
        self._session, self._ask = session, may_write
        self._own_name = own_name or self._user
        self._writers: dict[str, bool] = {}
        self._own: str | None = None

    async def may_write(self, row: dict[str, Any]) -> bool:
        """Whether the author of a row may write to the repository."""
        name = author(row)
        if name and name not in self._writers:
            self._writers[name] = await self._ask(row)
        return bool(name) and self._writers[name]

    async def marks(self, rows: Iterable[dict[str, Any]]) -> frozenset[str]:
        """The marks in some rows that count: of the token's user, and of people who may write."""
        found: set[str] = set()
        for row in rows:
            keys = marks_in(text_of(row, "body"))
            if keys and await self.counts(row):
                found.update(keys)
        return frozenset(found)

    async def counts(self, row: dict[str, Any]) -> bool:
        """Whether a row with a mark may be ours: it is of the token's user, or of somebody who may write."""
        return author(row) == await self._me() or await self.may_write(row)

    async def _me(self) -> str:
        if self._own is None:
            self._own = await self._own_name()
        return self._own or "\0"  # which is no name

    async def _user(self) -> str:
        """Not every token may ask for its user."""
        try:
            row = await self._session.get("/user")
        except AnswerError as error:
            if error.status not in (401, 403, 404):
                raise
            return ""
        return author({"user": row})


async def permission(session: ForgeSession, repository: str, name: str) -> str:
    """The permission of a person in a repository on GitHub or Gitea.

    Raises:
        AnswerError: the forge refuses.
    """
    try:
        row = await session.get(f"{repository}/collaborators/{name}/permission")
    except AnswerError as error:
        if error.status != 404:
            raise
        return "none"
    return text_of(row, "permission")


def author(row: dict[str, Any]) -> str:
    """The name of the author of a row; empty: none."""
    user = row.get("user") or row.get("author")
    return text_of(user, "login") or text_of(user, "username")


def text_of(row: Any, name: str) -> str:
    """A text of a row; empty where it has none."""
    found = row.get(name) if isinstance(row, dict) else None
    return found if isinstance(found, str) else ""


def number_of(row: dict[str, Any], name: str) -> int:
    """A number of a row; 0 where it has none."""
    found = row.get(name)
    return found if isinstance(found, int) else 0


def path_in(row: dict[str, Any], name: str) -> str:
    """A path of a row; empty where it has none that can exist."""
    found = text_of(row, name)
    return "" if "\0" in found else found
