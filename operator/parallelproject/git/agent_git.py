"""The ``.git`` that the task sees: for its log and diff. It is made once and never read back."""

import shutil

from parallelproject.git.store import Store

TAGS, BASES = "refs/seen/tags", "refs/seen/bases"
"""Where ``prepare`` puts the names that the task finds, too, where it has all of the history."""


def make_agent_git(store: Store, base: str) -> None:
    """Makes a repository in the workspace, on the branch's name at its base, with copies of the objects.

    Copies, not links: what the task writes over its own objects must not reach those that commits are made from.
    It has no remote and no credential.
    """
    private, own = store.git.directory, store.place.workspace / ".git"
    author = store.delivery.author
    (own / "refs" / "heads").mkdir(parents=True)
    shutil.copytree(private / "objects", own / "objects")
    if (private / "shallow").exists():
        shutil.copyfile(private / "shallow", own / "shallow")
    shutil.copy2(private / "index", own / "index")  # with its time, as in snapshot
    head = own / store.delivery.branch_ref
    head.parent.mkdir(parents=True, exist_ok=True)
    head.write_text(f"{base}\n")
    (own / "packed-refs").write_text(_names(store))
    version, extension = (1, "[extensions]\n\tobjectFormat = sha256\n") if store.object_format == "sha256" else (0, "")
    (own / "config").write_text(
        f"[core]\n\trepositoryformatversion = {version}\n\tbare = false\n{extension}"
        f"[user]\n\tname = {_quoted(author.name)}\n\temail = {_quoted(author.email)}\n"
    )
    # Last: without it, it is no repository.
    (own / "HEAD").write_text(f"ref: {store.delivery.branch_ref}\n")


def _names(store: Store) -> str:
    """The tags and the base branch, as git keeps them in one file."""
    delivery = store.delivery
    listed = store.text("for-each-ref", "--format=%(objectname) %(refname)", TAGS, BASES).splitlines()
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
