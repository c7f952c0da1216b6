"""Comments that are made once, even if the process is interrupted and starts again."""

from collections.abc import Mapping

from parallelproject.core.review.observed import mark
from parallelproject.forge.clients.answer import LostAnswerError
from parallelproject.forge.clients.authors import Authors, text_of
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.git.plumbing.outcome import TransientError

_TRIES = 3


async def say_once(
    session: ForgeSession,
    authors: Authors,
    path: str,
    text: str,
    key: str,
    params: Mapping[str, str | int],
    *,
    full: int,
) -> None:
    """Adds a comment, unless one with this key exists: the key is in an invisible part of the text.

    A comment of a stranger with the same key does not count.

    Args:
        session: The forge.
        authors: Whose comments count.
        path: Of the list of comments.
        text: The text, in Markdown.
        key: One word for its subject.
        params: The list's query.
        full: A page with fewer rows is the last.

    Raises:
        TransientError: it is not known to be there after some tries.
    """
    made = mark(key)
    for tries in range(_TRIES + 1):
        async for row in session.rows(path, params, full=full):
            if made in text_of(row, "body") and await authors.counts(row):
                return
        if tries == _TRIES:
            break
        try:
            await session.call("POST", path, {"body": f"{text}\n\n{made}"}, once=True)
            return
        except LostAnswerError:
            await session.clock.back_off(tries)
    raise TransientError("NotSaid", f"the comment {key} could not be sent in {_TRIES} tries")
