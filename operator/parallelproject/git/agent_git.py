"""The ``.git`` that the task sees: for its log and diff. It is made once and never read back."""

import shutil

from parallelproject.git.store import Store


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
    (own / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
        f"[user]\n\tname = {_quoted(author.name)}\n\temail = {_quoted(author.email)}\n"
    )
    # Last: without it, it is no repository.
    (own / "HEAD").write_text(f"ref: {store.delivery.branch_ref}\n")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
