"""Comments that are made once, even if the process is interrupted and starts again."""

from collections.abc import Awaitable, Callable, Collection, Mapping

from parallelproject.core.review.observed import mark
from parallelproject.forge.clients.answer import LostAnswerError
from parallelproject.forge.clients.authors import Authors
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.git.plumbing.outcome import TransientError

_TRIES = 3


async def send_once(
    session: ForgeSession,
    key: str,
    marks: Callable[[], Awaitable[Collection[str]]],
    send: Callable[[], Awaitable[object]],
) -> None:
    """Sends a comment, unless one with its mark is there. An answer that is lost says nothing: it looks again.

    Args:
        session: The forge.
        key: What the comment is marked with.
        marks: Reads the marks that are there, of those who may set them.
        send: Sends the comment, by one request that is not repeated.

    Raises:
        TransientError: it is not known to be there after some tries.
    """
    for tries in range(_TRIES):
        if key in await marks():
            return
        try:
            await send()
            return
        except LostAnswerError:
            await session.clock.back_off(tries)
    if key not in await marks():
        raise TransientError("NotSent", f"the comment {key} could not be sent in {_TRIES} tries")


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
    """Adds a comment to a list of comments, unless one with this key is there; raises as ``send_once``.

    Args:
        session: The forge.
        authors: Whose comments count.
        path: Of the list of comments.
        text: The text, in Markdown.
        key: One word for its subject.
        params: The list's query.
        full: A page with fewer rows is the last.
    """

    async def marks() -> Collection[str]:
        return await authors.marks([row async for row in session.rows(path, params, full=full)])

    await send_once(
        session, key, marks, lambda: session.call("POST", path, {"body": f"{text}\n\n{mark(key)}"}, once=True)
    )
