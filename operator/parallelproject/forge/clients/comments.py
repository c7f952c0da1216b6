"""Comments that are made once, even if the process is interrupted and starts again."""

from collections.abc import Mapping

from parallelproject.core.review.observed import mark
from parallelproject.forge.clients.answer import LostAnswerError
from parallelproject.forge.clients.session import ForgeSession

_TRIES = 3


async def say_once(
    session: ForgeSession, path: str, text: str, key: str, params: Mapping[str, str | int], *, full: int
) -> None:
    """Adds a comment, unless one with this key exists: the key is in an invisible part of the text.

    Args:
        session: The forge.
        path: Of the list of comments.
        text: The text, in Markdown.
        key: One word for its subject.
        params: The list's query.
        full: A page with fewer rows is the last.
    """
    made = mark(key)
    for tries in range(_TRIES):
        async for row in session.rows(path, params, full=full):
            if made in (row["body"] or ""):
                return
        try:
            await session.call("POST", path, {"body": f"{text}\n\n{made}"}, once=True)
            return
        except LostAnswerError:
            await session.clock.back_off(tries)
