"""Puts work into its own ref on the remote, where a person can restore it."""

from parallelproject.git.plumbing.commit import replant
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import TransientError
from parallelproject.git.plumbing.push import Pushed, Update, push
from parallelproject.git.plumbing.retrying import pause
from parallelproject.git.plumbing.store import GitStore

_TRIES = 10


def save(store: GitStore, ref: str, commit: str, instead_of: Update | None = None) -> str:
    """Puts a commit into its own ref.

    Args:
        store: Where the commit is.
        ref: The ref's name; if another commit has it, the hash of the commit is appended.
        commit: The commit.
        instead_of: A ref that is deleted in the same push.

    Returns:
        The name of the ref.

    Raises:
        TransientError: the push could not be confirmed.
        AuthOrProtectedError: the remote refuses.
    """
    for tries in range(_TRIES):
        for name in (ref, f"{ref}-{commit[:12]}"):
            update = [Update(name, None, commit)]
            pushed = push(store.git, [*update, instead_of] if instead_of else update)
            if pushed is Pushed.DONE:
                return name
            if pushed is not Pushed.MOVED:
                break
            if not instead_of and _has(store, name, commit):
                return name  # by a try whose answer was lost, or before an interruption
        if pushed is Pushed.ROOTLESS:
            commit = replant(store, commit)
            continue
        # The ref to delete may have been deleted by a try whose answer was lost.
        if instead_of and pushed is Pushed.MOVED:
            seen = store.look()
            if seen.result != instead_of.old:
                instead_of = None
        pause(tries)
    raise TransientError("NotKept", f"the work could not be pushed to {ref} in {_TRIES} tries")


def _has(store: GitStore, ref: str, commit: str) -> bool:
    """Whether the remote's ref is at the commit."""
    try:
        output = store.git.remote("ls-remote", "--quiet", "--refs", "--", store.git.address.url, ref).stdout.decode()
    except GitFailedError:
        return False
    return output.partition("\t")[0] == commit
