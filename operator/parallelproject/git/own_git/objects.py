"""The objects that a task has made in its workspace's ``.git``, copied to where they can be read.

They are copied one plain file at a time into a separate git directory, next to the private one, from which it reads the
objects of the base. So nothing that the task wrote replaces an object that commits are made from, and links, alternates
and settings of the workspace's ``.git`` are ignored. git detects a broken object when it reads it; the remote computes
every hash again when it is pushed.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from parallelproject.folder_removal import try_to_remove
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.plain_file import is_plain_folder, names_in, read_plain
from parallelproject.git.plumbing.store import GitStore, make

_FOLDER = re.compile(r"[0-9a-f]{2}")
_LOOSE = re.compile(r"[0-9a-f]{38}|[0-9a-f]{62}")
_PACK = re.compile(r"pack-[0-9a-f]{40,64}\.pack")
_FILES_MAX = 200_000


class TooMuchError(Exception):
    """There are more objects than may be read."""


def new_files(store: GitStore, own: Path) -> list[tuple[Path, str]]:
    """The files of objects that the private git directory does not have, with their names below ``objects``.

    If it has an object, its own copy counts.
    """
    known = store.git.directory / "objects"
    return [(path, name) for path, name in _files(own / "objects") if not (known / name).exists()]


def copied(store: GitStore, files: Sequence[tuple[Path, str]]) -> tuple[GitStore, list[str]]:
    """A store that has these files of objects, and the names of the objects in them.

    Raises:
        TooMuchError: they are too many, or too large together.
        GitFailedError: a pack is broken.
    """
    if len(files) > _FILES_MAX:
        raise TooMuchError
    directory = store.place.private / "observed"
    try_to_remove(directory)
    git = replace(store.git, directory=directory)
    make(git, store.object_format)
    objects, private = directory / "objects", store.git.directory
    (objects / "info" / "alternates").write_text(f"{private / 'objects'}\n", encoding="utf-8")
    if (private / "shallow").exists():
        shutil.copyfile(private / "shallow", directory / "shallow")
    room = 2 * store.delivery.policy.max_bytes
    names = list[str]()
    for path, name in files:
        content = read_plain(path, room)
        if content is None:
            raise TooMuchError
        room -= len(content)
        (objects / name).parent.mkdir(exist_ok=True)
        (objects / name).write_bytes(content)
        if name.endswith(".pack"):
            git.run("index-pack", str(objects / name))
            index = (objects / name).with_suffix(".idx").read_bytes()
            names += [line.split()[1] for line in lines_of(git.run("show-index", stdin=index).stdout.decode())]
        else:
            names.append(name.replace("/", ""))
    return replace(store, git=git), names


def commits_among(store: GitStore, private: GitStore, names: list[str]) -> list[str]:
    """The objects that are commits and that the private git directory does not have."""
    if not names:
        return []
    text = "\n".join([*dict.fromkeys(names), ""]).encode()
    output = store.git.run("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=text).stdout.decode()
    made = [line.split(" ")[1] for line in lines_of(output) if line.startswith("commit ")]
    asked = private.git.run("cat-file", "--batch-check", stdin="\n".join([*made, ""]).encode()).stdout.decode()
    return [line.split(" ")[0] for line in lines_of(asked) if line.endswith(" missing")]


def _files(objects: Path) -> Iterator[tuple[Path, str]]:
    """The files of objects, with their names below ``objects``; packs last, as they may need the others' content."""
    if not is_plain_folder(objects):
        return
    for folder in filter(_FOLDER.fullmatch, names_in(objects)):
        if is_plain_folder(objects / folder):
            for file in filter(_LOOSE.fullmatch, names_in(objects / folder)):
                yield objects / folder / file, f"{folder}/{file}"
    if is_plain_folder(objects / "pack"):
        for file in filter(_PACK.fullmatch, names_in(objects / "pack")):
            yield objects / "pack" / file, f"pack/{file}"
