"""Before the command: the branch exists and its tip is checked out, or there is nothing to run."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from parallelproject.folder_removal import remove
from parallelproject.git.plumbing.command import split
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import Cause, GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import BranchRewrittenError, Outcome, PolicyError, TransientError
from parallelproject.git.plumbing.push import Update, push
from parallelproject.git.plumbing.retrying import patiently, pause
from parallelproject.git.plumbing.store import GitStore, Seen, opened
from parallelproject.git.workspace import lfs
from parallelproject.git.workspace.agent_git import BASES, TAGS, make_agent_git
from parallelproject.git.workspace.fill import fill, unfilled
from parallelproject.git.workspace.filters import filters_of
from parallelproject.git.workspace.merging import merged
from parallelproject.model.problem import listed, quoted
from parallelproject.whole_file import write_whole

_TRIES = 20
_PREPARED = "prepared.json"
_STARTED = "checking-out"
_HELD = "refs/seen/held"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What to do."""

    outcome: Outcome
    """``PREPARED``: run the command. ``LAND_ONLY``: skip it and land. ``ALREADY_LANDED``: nothing."""
    base: str | None = None
    """The commit that was checked out."""
    commit: str | None = None
    """The task's commit on the branch, if it has landed; else the work that has to land."""
    notes: tuple[str, ...] = ()
    """Differences of the checkout from a normal one, one sentence each."""


def prepare(delivery: Delivery, place: Place) -> Prepared:
    """Checks the tip of the branch out into an empty workspace, unless this task's work is safe or landed already.

    After an interruption it can be called again and resumes; after its end it returns the same.

    Raises:
        DeliveryError: with the outcome for the task.
    """
    with opened(delivery, place) as store:
        base = prepared_base(place)
        try:
            if base:
                return Prepared(Outcome.PREPARED, base, notes=_notes(store, base))
            held, gone = held_or_gone(store)
            seen = _branch(store, 0 if held else delivery.depth)
            if seen.landed:
                forget_result(store, seen)
                return Prepared(Outcome.ALREADY_LANDED, commit=seen.landed)
            if seen.result:
                return Prepared(Outcome.LAND_ONLY, commit=seen.result)
            if gone:
                raise gone
            assert seen.tip
            if delivery.depth == 0:
                _fetch_names(store)
            base = store.text("rev-parse", f"{held}^") if held else seen.tip
            if delivery.merging and not held:
                held = merged(store, base, delivery.merging)
            check_out(store, base, held)
            return Prepared(Outcome.PREPARED, base, notes=_notes(store, base))
        except GitFailedError as error:
            raise error.as_outcome() from error


def check_out_tip(delivery: Delivery, place: Place) -> Prepared:
    """Checks the tip of the branch out into an empty workspace, or its base where there is no branch yet. It pushes
    nothing.

    Raises:
        DeliveryError: with the outcome.
    """
    with opened(delivery, place) as store:
        try:
            tip = prepared_base(place)
            if tip is None:
                tip = _tip(store) or _base(store)
                if delivery.depth == 0:
                    _fetch_names(store)
                check_out(store, tip)
            return Prepared(Outcome.PREPARED, tip, notes=_notes(store, tip))
        except GitFailedError as error:
            raise error.as_outcome() from error


def _tip(store: GitStore) -> str | None:
    """The commit of the branch; None if it does not exist."""
    seen = "refs/seen/branch"
    try:
        patiently(partial(store.fetch, [f"+{store.delivery.branch_ref}:{seen}"], store.delivery.depth))
    except GitFailedError as error:
        if error.cause is not Cause.MISSING_REF:
            raise
        return None
    return store.commit_of(seen)


def prepared_base(place: Place) -> str | None:
    """The commit of the workspace; None: it does not exist yet."""
    try:
        content = json.loads((place.private / _PREPARED).read_bytes())
    except FileNotFoundError:
        return None
    return str(content["base"])


def fetch_held(store: GitStore) -> str:
    """The commit of the held work that the delivery continues; it and its base are here then.

    Raises:
        BranchRewrittenError: it does not exist any more.
        GitFailedError: the remote cannot be read.
    """
    depth = store.delivery.depth + 1 if store.delivery.depth else 0
    try:
        patiently(lambda: store.fetch([f"+{store.delivery.continues}:{_HELD}"], depth))
    except GitFailedError as error:
        if error.cause is not Cause.MISSING_REF:
            raise
        ref, again = store.delivery.continues, "pproj run" if store.delivery.local else "pproj retry"
        text = f"git: {ref} held the work of the task between its steps, and somebody has removed it: after {again} the"
        raise BranchRewrittenError("HeldWorkGone", f"{text} task does all of its work again") from None
    return store.text("rev-parse", _HELD)


def held_or_gone(store: GitStore) -> tuple[str | None, BranchRewrittenError | None]:
    """The commit of the held work that the delivery continues; or the error if it is gone, as it is when its task has
    landed. To be called before the branch is fetched, which then needs no depth: what follows on the base of the held
    work is fetched up to that, and another boundary would hide that it follows.
    """
    if not store.delivery.continues:
        return None, None
    try:
        return fetch_held(store), None
    except BranchRewrittenError as error:
        return None, error


def forget_result(store: GitStore, seen: Seen) -> None:
    """Removes a ``result`` that is not needed, since the task has landed."""
    if seen.result:
        push(store.git, [Update(store.delivery.refs.result, seen.result, None)])


def _branch(store: GitStore, depth: int) -> Seen:
    """The remote's refs, with a branch: created at the base if it does not exist; at most so many commits."""
    for tries in range(_TRIES):
        seen = patiently(lambda: store.look(depth))
        if seen.tip or seen.landed or seen.result:
            return seen
        base = _base(store)
        # Another task may be faster: the next read sees its branch.
        push(store.git, [Update(store.delivery.branch_ref, None, base)])
        if tries:
            _check_room(store)
            pause(tries)
    raise TransientError("BranchNotMade", f"the branch {store.delivery.branch} could not be made in {_TRIES} tries")


def _check_room(store: GitStore) -> None:
    """Refuses a branch that cannot exist next to an existing one: ``a`` and ``a/b`` exclude each other.

    Raises:
        PolicyError: with the name of the other.
    """
    branch, url = store.delivery.branch, store.git.address.url
    above = ["/".join(branch.split("/")[:count]) for count in range(1, branch.count("/") + 1)]
    patterns = [f"refs/heads/{name}" for name in (*above, f"{branch}/*")]
    listed = store.git.remote("ls-remote", "--quiet", "--refs", "--", url, *patterns).stdout.decode(errors="replace")
    found = [line.partition("\t")[2].removeprefix("refs/heads/") for line in lines_of(listed)]
    other = next((name for name in found if name in above or name.startswith(f"{branch}/")), None)
    if other:
        text = f"git: the repository has a branch {quoted(other)}, so it cannot have a branch {quoted(branch)}"
        raise PolicyError("BranchInTheWay", f"{text}: delete the existing one, or set another spec.git.branch")


def _base(store: GitStore) -> str:
    """The commit that a new branch starts at."""
    name = store.delivery.base_ref
    for ref in [name] if name.startswith("refs/") else [f"refs/heads/{name}", f"refs/tags/{name}"]:
        try:
            patiently(partial(store.fetch, [f"+{ref}:refs/seen/base"], store.delivery.depth))
        except GitFailedError as error:
            if error.cause is not Cause.MISSING_REF:
                raise
            continue
        commit = store.commit_of("refs/seen/base")
        if commit:
            return commit
    raise PolicyError("BaseRefMissing", f"git: the repository has neither a branch nor a tag {name!r} to start from")


def _fetch_names(store: GitStore) -> None:
    """Fetches what a task may compare with: the tags, and the branch that its work will be merged into."""
    refspecs = [f"+refs/tags/*:{TAGS}/*"]
    name = store.delivery.base_ref
    if not name.startswith("refs/") or name.startswith("refs/heads/"):
        # By pattern: it may be a tag, or deleted.
        ref = f"refs/heads/{name.removeprefix('refs/heads/')}"
        refspecs.append(f"+{ref[:-1]}*:{BASES}/{ref.removeprefix('refs/heads/')[:-1]}*")
    patiently(partial(store.fetch, refspecs))


def check_out(store: GitStore, base: str, held: str | None = None) -> None:
    """Fills the empty workspace with the files of a commit, and gives it a repository of its own.

    Args:
        store: The private git directory.
        base: The commit that the work is based on.
        held: A commit on it with work that is continued: its files are checked out.

    Raises:
        DeliveryError: it is not empty, or cannot be filled.
        GitFailedError: git failed.
    """
    if store.delivery.lfs:
        lfs.check(store.git)
    workspace, private = store.place.workspace, store.place.private
    workspace.mkdir(parents=True, exist_ok=True)
    if (private / _STARTED).exists():
        _clear(workspace)  # ours: an interrupted checkout
    elif any(workspace.iterdir()):
        raise PolicyError("WorkspaceNotEmpty", f"the workspace {workspace} is not empty")
    (private / _STARTED).touch()
    where = {"GIT_WORK_TREE": str(workspace)}
    store.git.run("read-tree", held or base)
    # The states of the files are written to the index, so that a snapshot hashes only changed files.
    try:
        if store.delivery.lfs:
            lfs.check_out(store, workspace)
        else:
            store.git.run("checkout-index", "--all", "--index", "--quiet", environment=where, folder=workspace)
    except GitFailedError as error:
        raise TransientError("CheckoutFailed", str(error)) from error
    make_agent_git(store, held or base)
    lfs.copy_content(store)
    if store.delivery.submodules:
        fill(store, held or base)
    write_whole(private / _PREPARED, json.dumps({"base": base}))


def _notes(store: GitStore, base: str) -> tuple[str, ...]:
    """What is missing in the checkout."""
    paths = split(store.git.run("ls-files", "-z").stdout)
    names = Counter(filters_of(store, base, paths).values())
    if store.delivery.lfs:
        names.pop(lfs.NAME, None)
    notes = [
        f'{count} {"file needs" if count == 1 else "files need"} the filter "{name}", which does not run: '
        "the task gets their raw content, and a change of them is refused"
        for name, count in sorted(names.items())
    ]
    empty = unfilled(store)
    if empty:
        shown = listed(empty, 3)
        notes.append(f"submodules are empty ({shown}): set spec.workspace.submodules to check them out")
    return tuple(notes)


def _clear(folder: Path) -> None:
    for entry in os.scandir(folder):
        remove(entry.path)
