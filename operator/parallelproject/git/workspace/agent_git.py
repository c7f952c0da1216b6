"""The ``.git`` that the task sees: for its log and diff. It is created once and never read back."""

import shutil
from pathlib import Path

from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.store import GitStore

TAGS, BASES = "refs/seen/tags", "refs/seen/bases"
"""Where ``prepare`` also puts the refs for the task, if it has the full history."""


def make_agent_git(store: GitStore, base: str) -> None:
    """Creates a repository in the workspace, on the branch's name at its base.

    It has no remote and no credential.
    """
    own = store.place.workspace / ".git"
    copy_git(store, own)
    head = own / store.delivery.branch_ref
    head.parent.mkdir(parents=True, exist_ok=True)
    head.write_text(f"{base}\n", encoding="utf-8")
    if names := _names(store):
        (own / "packed-refs").write_text(names, encoding="utf-8")
    # Last: without it, this is not a repository.
    (own / "HEAD").write_text(f"ref: {store.delivery.branch_ref}\n", encoding="utf-8")


def copy_git(store: GitStore, own: Path, worktree: str = "") -> None:
    """Copies one of our git directories to where the task may write, without refs and without ``HEAD``.

    Copies, not links: what the task writes over its own objects must not reach those that commits are made from.

    Args:
        store: Has the git directory.
        own: Where the copy is made.
        worktree: The folder of its files, if that is not its parent.
    """
    private, author = store.git.directory, store.delivery.author
    (own / "refs" / "heads").mkdir(parents=True)
    shutil.copytree(private / "objects", own / "objects")
    if (private / "shallow").exists():
        shutil.copyfile(private / "shallow", own / "shallow")
    shutil.copy2(private / "index", own / "index")  # with its time, as in snapshot
    version, extension = (1, "[extensions]\n\tobjectFormat = sha256\n") if store.object_format == "sha256" else (0, "")
    folder = f"\tworktree = {_quoted(worktree)}\n" if worktree else ""
    (own / "config").write_text(
        f"[core]\n\trepositoryformatversion = {version}\n\tbare = false\n{folder}{extension}"
        f"[user]\n\tname = {_quoted(author.name)}\n\temail = {_quoted(author.email)}\n",
        encoding="utf-8",
    )


def _names(store: GitStore) -> str:
    """The tags and the base branch, as git keeps them in one file."""
    delivery = store.delivery
    listed = lines_of(store.text("for-each-ref", "--format=%(objectname) %(refname)", TAGS, BASES))
    base = delivery.base_ref.removeprefix("refs/heads/")
    names = {f"{BASES}/{base}": f"refs/heads/{base}"} if base != delivery.branch else {}
    lines = []
    for name, _, ref in (line.partition(" ") for line in listed):
        known = names.get(ref) or (ref.replace(TAGS, "refs/tags", 1) if ref.startswith(f"{TAGS}/") else None)
        if known:
            lines.append(f"{name} {known}\n")
    return "".join(sorted(lines, key=lambda line: line.split(" ")[1]))


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
