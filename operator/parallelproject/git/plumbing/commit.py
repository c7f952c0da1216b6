"""Makes commits: their author, message and signature."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from parallelproject.git.plumbing.credentials import usable_key
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.plumbing.trailers import ATTEMPT, REPAIR, RUN, TASK, message


def replant(store: GitStore, commit: str) -> str:
    """The same work on a new root with the content of its base: for a base that the remote no longer has."""
    people = {f"GIT_{who}_{what}": "parallelproject" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = dict.fromkeys(
        ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "1000000000 +0000"
    )  # so that it is the same each time
    root = store.git.run(
        "commit-tree", f"{commit}^^{{tree}}", stdin=b"The base that was rewritten\n", environment={**people, **dates}
    )
    text = store.git.run("log", "-1", "--no-walk", "--format=%B", commit).stdout
    made = store.git.run(
        "commit-tree", "-p", root.stdout.decode().strip(), f"{commit}^{{tree}}",
        stdin=text, environment={**people, **dates},
    )  # fmt: skip
    return made.stdout.decode().strip()


def commit_tree(
    store: GitStore, tree: str, parent: str, *,
    signed: bool, attempt: int, author_date: str = "", title: str = "", date: str = "",
) -> str:  # fmt: skip
    """A commit of this task's work.

    Args:
        store: Where it is made.
        tree: Its content.
        parent: Its parent.
        signed: Whether it is signed, if the delivery has a key.
        attempt: The attempt whose work it is.
        author_date: When the work was done, as ``seconds zone``; now when empty.
        title: Its first line; the task's when empty, with the task's text below it.
        date: When it was made, in the same form: for a commit that must be the same each time; now when empty.

    Raises:
        GitFailedError: also when the key does not sign.
    """
    delivery = store.delivery
    trailers = {RUN: delivery.run, TASK: delivery.task, ATTEMPT: str(attempt)}
    if delivery.repair:
        trailers[REPAIR] = str(delivery.repair)
    text = message(title or delivery.title or delivery.task, "" if title else delivery.body, trailers)
    environment = {
        "GIT_AUTHOR_NAME": delivery.author.name,
        "GIT_AUTHOR_EMAIL": delivery.author.email,
        "GIT_COMMITTER_NAME": delivery.committer.name,
        "GIT_COMMITTER_EMAIL": delivery.committer.email,
    }
    if author_date or date:
        environment["GIT_AUTHOR_DATE"] = author_date or date
    if date:
        environment["GIT_COMMITTER_DATE"] = date
    return make_commit(store, tree, [parent], text, environment, signed=signed)


def make_commit(
    store: GitStore, tree: str, parents: Sequence[str], text: str, people: Mapping[str, str], *, signed: bool
) -> str:
    """A commit with these parents and this message, with the people and dates of git's variables.

    Raises:
        GitFailedError: also when the key does not sign.
    """
    delivery = store.delivery
    with ExitStack() as stack:
        config, options = [], []
        if signed and delivery.signing_key:
            config = [("user.signingKey", str(stack.enter_context(usable_key(delivery.signing_key))))]
            options = ["-S"]
        on = [argument for parent in parents for argument in ("-p", parent)]
        made = store.git.run(
            "commit-tree", *options, *on, tree,
            stdin=text.encode(errors="surrogateescape"), environment=people, config=config,
        )  # fmt: skip
    return made.stdout.decode().strip()
