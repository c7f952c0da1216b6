"""Replies on a pull request to what tasks have acted on, each sent once."""

from collections.abc import Callable, Sequence

from parallelproject.core.review.state import ReviewFinding
from parallelproject.forge.clients.answer import AnswerError
from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest
from parallelproject.forge.clients.review import ReviewClient


async def send_replies(
    forge: ForgeClient,
    review: ReviewClient,
    pull: ForgePullRequest,
    due: Sequence[tuple[ReviewFinding, str]],
    sent: Callable[[str], None],
) -> None:
    """Sends replies, in the thread or below the pull request.

    Args:
        forge: Where the pull request is.
        review: Its reviews.
        pull: It.
        due: The findings, with the texts.
        sent: Called with the key of each finding whose reply is there.

    Raises:
        AnswerError: the forge refuses.
        DeliveryError: it is not reachable; a further call continues.
    """
    if not due:
        return
    threads = {thread.id: thread for thread in (await review.observe(pull)).threads if thread.id}
    for finding, text in due:
        thread = threads.get(finding.thread)
        try:
            if thread is None:
                await forge.comment(pull, text, finding.key)
            else:
                await review.reply(pull, thread, text, finding.key)
        except AnswerError:  # such as for a line that is not part of the changes any more
            if thread is None:
                raise
            await forge.comment(pull, text, finding.key)
        sent(finding.key)
