"""Putting work into a ref of its own on the remote, where a person can get it back."""

from parallelproject.git.plumbing.commit import replant
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import TransientError
from parallelproject.git.plumbing.push import Pushed, Update, push
from parallelproject.git.plumbing.retrying import pause
from parallelproject.git.plumbing.store import GitStore

_TRIES = 10


def save(store: GitStore, ref: str, commit: str, instead_of: Update | None = None) -> str:
    """Puts a commit in a ref of its own.

    Args:
        store: Where the commit is.
        ref: The ref's name; when another commit has it, one with the commit's own name at its end is taken.
        commit: The commit.
        instead_of: A ref that goes away in the same moment.

    Returns:
        The name of the ref.

    Raises:
        TransientError: it could not be said to have happened.
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
                return name  # by a try whose answer was lost, or by one before we were cut off
        if pushed is Pushed.ROOTLESS:
            commit = replant(store, commit)
            continue
        # What was to go away may be gone since a try whose answer was lost.
        if instead_of and pushed is Pushed.MOVED:
            seen = store.look()
            if seen.result != instead_of.old:
                instead_of = None
        pause(tries)
    raise TransientError("NotKept", f"the work could not be pushed to {ref} in {_TRIES} tries")


def _has(store: GitStore, ref: str, commit: str) -> bool:
    """Whether the remote's ref stands for the commit."""
    try:
        said = store.git.remote("ls-remote", "--quiet", "--refs", "--", store.git.address.url, ref).stdout.decode()
    except GitFailedError:
        return False
    return said.partition("\t")[0] == commit
