"""Checks out submodules: their files, and their own git for the task to read.

A ``.gitmodules`` is untrusted data: an address in it must be valid for a repository, and another server than the
repository's own gets no credential. Submodules of submodules stay empty.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from parallelproject.git.plumbing.address import Address, parse
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.credentials import Credentials
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import DeliveryError, PolicyError
from parallelproject.git.plumbing.refs import ref_problem
from parallelproject.git.plumbing.retrying import patiently
from parallelproject.git.plumbing.store import GitStore, make
from parallelproject.git.workspace.agent_git import copy_git
from parallelproject.git.workspace.submodules import gitlinks
from parallelproject.model.problem import quoted


@dataclass(frozen=True, slots=True)
class _Module:
    name: str
    path: str
    url: str
    commit: str


def fill(store: GitStore, base: str) -> None:
    """Fills all submodules of the base.

    Raises:
        PolicyError: one has no allowed address.
        DeliveryError: a server is not reachable, or does not have the commit.
    """
    for number, module in enumerate(_modules(store, base)):
        directory = store.place.private / "modules" / str(number)
        directory.mkdir(parents=True, exist_ok=True)
        _fill(store, module, directory)


def unfilled(store: GitStore) -> list[str]:
    """The empty submodules of the checkout."""
    return [path for path in gitlinks(store) if not (store.place.workspace / path / ".git").exists()]


def _fill(store: GitStore, module: _Module, directory: Path) -> None:
    git, error = GitCommand(directory, store.git.home, store.git.address, inherit=store.git.inherit), None
    if not (directory / "HEAD").exists():
        make(git)
    for address in _addresses(store, module):
        own = address.origin == store.git.address.origin and address.scheme == store.git.address.scheme
        reached = replace(git, address=address, credentials=store.git.credentials if own else Credentials())
        within = replace(store, git=reached)
        try:
            # By name: with git's second protocol a server returns every commit that is reachable from a ref.
            patiently(partial(within.fetch, [f"{module.commit}:refs/seen/module"], store.delivery.depth))
            break
        except GitFailedError as failed:
            error = failed
    else:
        outcome = error.as_outcome() if error else PolicyError("InvalidUrl", "it has no address")
        raise type(outcome)(outcome.reason, f"submodule {quoted(module.path)}: {outcome}") from error
    folder = store.place.workspace / module.path
    folder.mkdir(parents=True, exist_ok=True)
    git.run("read-tree", module.commit)
    where = {"GIT_WORK_TREE": str(folder)}
    git.run("checkout-index", "--all", "--index", "--quiet", environment=where, folder=folder)
    own_git = store.place.workspace / ".git" / "modules" / module.name
    copy_git(within, own_git, worktree=posixpath.relpath(folder, own_git))
    (own_git / "HEAD").write_text(f"{module.commit}\n", encoding="utf-8")
    (folder / ".git").write_text(f"gitdir: {posixpath.relpath(own_git, folder)}\n", encoding="utf-8")
    with (store.place.workspace / ".git" / "config").open("a", encoding="utf-8") as config:
        config.write(f'[submodule "{module.name}"]\n\tactive = true\n\turl = {module.url}\n')


def _addresses(store: GitStore, module: _Module) -> Iterator[Address]:
    """The sources of a submodule's commit; for a repository on this machine first what was fetched there before."""
    own = store.git.address
    local = own.scheme == "file"
    before = Path(own.url) / "modules" / module.name
    if local and before.is_dir():
        yield parse(str(before), local=True)
    url = module.url
    if url.startswith(("./", "../")):
        head, _, path = own.url.rpartition("://") if "://" in own.url else ("", "", own.url)
        joined = posixpath.normpath(posixpath.join(path, url))
        url = f"{head}://{joined}" if head else joined
    try:
        yield parse(url, local=local)
    except DeliveryError as error:
        if not (local and before.is_dir()):
            raise PolicyError("InvalidUrl", f"submodule {quoted(module.path)}: {error}") from None


def _modules(store: GitStore, base: str) -> list[_Module]:
    links = gitlinks(store)
    if not links:
        return []
    found = store.git.run(
        "config", "--blob", f"{base}:.gitmodules", "--no-includes", "--null", "--list", codes=(0, 1, 128)
    )
    fields: dict[str, dict[str, str]] = {}
    for entry in found.stdout.decode(errors="surrogateescape").split("\0"):
        key, _, value = entry.partition("\n")
        section, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        if section == "submodule":
            fields.setdefault(name, {})[field] = value
    made = []
    for name, values in fields.items():
        path = values.get("path", "")
        if path in links and not ref_problem(name) and '"' not in name and "\n" not in values.get("url", ""):
            made.append(_Module(name, path, values.get("url", ""), links.pop(path)))
    for path in links:
        raise PolicyError("InvalidSubmodule", f"submodule {quoted(path)}: .gitmodules has no valid entry for it")
    return made
