"""What is in a workspace beyond the files of its branch, before the task's command runs: what setup has left there.

The task's work is what it changes after that, so files of the branch are put back as they were.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from parallelproject.core.graph.file_overlap import fits
from parallelproject.git.plumbing.command import lines, split
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.git.workspace import lfs


def committed(delivery: Delivery, place: Place, patterns: Sequence[str]) -> list[tuple[str, str]]:
    """The committed files that fit patterns, with the names of their content, sorted.

    Raises:
        DeliveryError: the workspace cannot be read.
    """
    with opened(delivery, place) as store:
        entries = (entry.partition("\t") for entry in split(_run(store, "ls-files", "--stage", "-z")))
        found = ((path, fields.split(" ")[1]) for fields, _, path in entries)
        return sorted(each for each in found if any(fits(each[0], pattern) for pattern in patterns))


def untracked(delivery: Delivery, place: Place) -> list[str]:
    """All paths of the workspace that are not of the branch, ignored or not, sorted.

    Only a folder that is ignored as a whole is one path: a task may add files to any other one, and that is its work.

    Raises:
        DeliveryError: the workspace cannot be read.
    """
    with opened(delivery, place) as store:
        rules = store.git.home / "ignore"
        rules.write_bytes(delivery.policy.ignore.encode(errors="surrogateescape"))
        options = ("-z", "--others", "--exclude-standard")
        config = [("core.excludesFile", str(rules))]
        plain = split(_run(store, "ls-files", *options, config=config))
        ignored = sorted(split(_run(store, "ls-files", *options, "--ignored", "--directory", config=config)))
    # git also lists the folders on the way to an ignored file, if they have no other ones.
    outermost = [
        path for path, after in pairwise([*ignored, ""]) if not (path.endswith("/") and after.startswith(path))
    ]
    return sorted(path.rstrip("/") for path in (*plain, *outermost))


def put_back(delivery: Delivery, place: Place) -> list[str]:
    """Gives files of the branch the content that they have there; the paths that had another one.

    Raises:
        DeliveryError: one of them cannot be written.
    """
    with opened(delivery, place) as store:
        # First: they say how the others are converted.
        attributes = _put_back(store, lambda path: PurePosixPath(path).name == ".gitattributes")
        return sorted({*attributes, *_put_back(store, lambda _: True)})


def _put_back(store: GitStore, is_asked: Callable[[str], bool]) -> list[str]:
    config = lfs.settings(store.git) if store.delivery.lfs else ()
    _run(store, "update-index", "-q", "--refresh", codes=(0, 1), config=config)  # what was only touched has not changed
    listed = split(_run(store, "diff-files", "-z", "--name-only", "--ignore-submodules=all", config=config))
    changed = [path for path in listed if is_asked(path)]
    if changed:
        options = ("--index", "--force", "--quiet", "-z", "--stdin")
        _run(store, "checkout-index", *options, stdin=lines(changed), config=config)
    return changed


def _run(
    store: GitStore,
    command: str,
    *arguments: str,
    stdin: bytes = b"",
    codes: Sequence[int] = (0,),
    config: Sequence[tuple[str, str]] = (),
) -> bytes:
    workspace = store.place.workspace
    try:
        where = {"GIT_WORK_TREE": str(workspace)}
        done = store.git.run(
            command, *arguments, stdin=stdin, codes=codes, environment=where, folder=workspace, config=config
        )
        return done.stdout
    except GitFailedError as error:
        raise error.as_outcome() from error
