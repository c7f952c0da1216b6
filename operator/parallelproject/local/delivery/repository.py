"""The caller's repository, as far as a run needs to know it. Nothing here touches what is checked out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from parallelproject.git.plumbing.address import parse
from parallelproject.git.plumbing.changes import contents
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.refs import TaskRefs, check_branch, refs_by_task
from parallelproject.local.delivery.checkout_files import Checkout
from parallelproject.local.delivery.owner_settings import OwnerSettings, owner_settings
from parallelproject.local.errors import RunError
from parallelproject.model.branches import CHECKED_OUT

OLDEST_GIT = (2, 38)
"""The first git with ``merge-tree --write-tree``."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where a branch starts."""

    name: str
    """As a person says it: a branch, a tag, or a short commit."""
    commit: str


class Repository:
    """A repository on this machine, bare or with work trees."""

    def __init__(self, folder: Path, home: Path) -> None:
        """Finds the repository that a folder is in.

        Args:
            folder: Any folder of a work tree, or a bare repository.
            home: A folder of our own, for git's temporary files.

        Raises:
            RunError: it is missing, or git is missing or too old.
        """
        home.mkdir(parents=True, exist_ok=True)
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - without ".."
        own = _git_directory(self.folder)
        if own is None:
            raise RunError(f"{folder} is in no git repository", "--repo names a folder of one; git init makes one")
        self.top = own.parent if own.name == ".git" else own
        """The work tree that the folder is in; a bare repository itself."""
        self.is_bare = own.name != ".git"
        self._own = GitCommand(own, home, parse("/", local=True))
        """That of the work tree given: the one with its HEAD."""
        self._git = self._own
        """That of all its work trees."""
        try:
            _check_version(self._own)
            shared = Path(self._text("rev-parse", "--path-format=absolute", "--git-common-dir"))
            self.address = parse(str(shared), local=True)
        except (PolicyError, GitFailedError, FileNotFoundError) as error:
            raise RunError(f"{folder} cannot be used as a git repository: {error}") from None
        if shared.stat().st_uid not in _trusted_users():
            found = f"{shared} belongs to another user, and git serves it to nobody else"
            raise RunError(found, "run as that user, or chown it")
        self._git = replace(self._own, directory=shared, address=self.address)

    @property
    def git(self) -> GitCommand:
        """Git on what all its work trees share."""
        return self._git

    @cached_property
    def settings(self) -> OwnerSettings:
        """What its owner has set up."""
        return owner_settings(self._git.directory, self.top)

    @property
    def checkout(self) -> Checkout | None:
        """The work tree that the folder is in; None: the repository is bare."""
        return None if self.is_bare else Checkout(self._own, self.top, self.settings)

    def base(self, name: str | None) -> Base:
        """The commit that a branch or a tag stands for; by default what is checked out.

        Raises:
            RunError: it is missing.
        """
        if name is None or name == CHECKED_OUT:
            commit = self._commit("HEAD")
            branch = self._own.run("symbolic-ref", "--short", "--quiet", "HEAD", codes=(0, 1)).stdout.decode().strip()
            if commit is None:
                if self._text("for-each-ref", "--count=1", "refs/heads/"):
                    found = f"the branch {branch}, which is checked out in {self.folder}, has no commit yet"
                    raise RunError(found, "commit something first, or give --base BRANCH")
                raise RunError(f"{self.folder} has no commit yet", "commit something first")
            return Base(branch or commit[:10], commit)
        for ref in [name] if name.startswith("refs/") else [f"refs/heads/{name}", f"refs/tags/{name}"]:
            commit = self._commit(ref)
            if commit:
                return Base(name, commit)
        hint = "--base BRANCH, or spec.git.baseRef, says where the work starts"
        raise RunError(f"{self.folder} has neither a branch nor a tag {name}", hint)

    def checked_out(self, branch: str) -> Path | None:
        """The work tree in which a branch is checked out."""
        ref = check_branch(branch, "branch")
        return next((Path(tree["worktree"]) for tree in self._work_trees() if tree.get("branch") == ref), None)

    def work_trees(self) -> list[Path]:
        """All work trees of the repository."""
        return [Path(tree["worktree"]) for tree in self._work_trees()]

    def _work_trees(self) -> list[dict[str, str]]:
        """What git says of each, by label. With ``-z``: a path may hold a newline."""
        said = self._text("worktree", "list", "--porcelain", "-z")
        trees = [tree.split("\0") for tree in said.split("\0\0") if tree]
        return [{label: value for label, _, value in (line.partition(" ") for line in tree)} for tree in trees]

    def paths_of(self, file: Path | None) -> list[str]:
        """The paths that a file has within the repository, as those who have a checkout of it know it."""
        if file is None:
            return []
        real = Path(os.path.realpath(file))
        trees = [Path(os.path.realpath(tree)) for tree in self.work_trees()]
        return [str(real.relative_to(tree)) for tree in trees if real.is_relative_to(tree)]

    def uncommitted(self) -> list[str]:
        """The paths with changes in the work tree or the index, as far as git knows without a look into the files."""
        where = {"GIT_WORK_TREE": str(self.top)}
        commands = (
            ("diff-index", "--cached", "--name-only", "-z", "--ignore-submodules=all", "HEAD", "--"),
            ("diff-files", "--name-only", "-z", "--ignore-submodules=all"),
            ("ls-files", "--others", "--exclude-standard", "--directory", "--no-empty-directory", "-z"),
        )
        settings = self.settings
        config = [("core.excludesFile", str(settings.excludes_file or "/dev/null")), *settings.without_filters]
        found: set[str] = set()
        for command in commands:
            done = self._own.run(*command, environment=where, folder=self.top, config=config, codes=(0, 1, 128))
            found |= {path for path in done.stdout.decode(errors="surrogateescape").split("\0") if path}
        return sorted(found)

    def tree(self, commit: str) -> dict[str, tuple[str, str]]:
        """By path, the mode and the object of all that a commit has."""
        printed = self._git.run("ls-tree", "-r", "-z", "--full-tree", commit).stdout.decode(errors="surrogateescape")
        entries = (entry.partition("\t") for entry in printed.split("\0") if entry)
        return {path: (fields.split(" ")[0], fields.split(" ")[2]) for fields, _, path in entries}

    def contents(self, blobs: list[str]) -> list[tuple[str, bytes]]:
        """Blobs with their content."""
        return list(contents(self._git, blobs))

    def branch_in_the_way(self, branch: str) -> str | None:
        """A branch next to which there can be none of this name: ``a`` and ``a/b`` exclude each other."""
        above = ["/".join(branch.split("/")[:count]) for count in range(1, branch.count("/") + 1)]
        for name in above:
            if self._commit(check_branch(name, "branch")):
                return name
        return self._text("for-each-ref", "--count=1", "--format=%(refname:lstrip=2)", f"refs/heads/{branch}/") or None

    def make_branch(self, branch: str, base: Base) -> bool:
        """Makes a branch at a base, unless it is there; says whether it was made.

        Raises:
            RunError: it cannot be made.
        """
        ref = check_branch(branch, "branch")
        if self._commit(ref):
            return False
        other = self.branch_in_the_way(branch)
        if other:
            found = f"there can be no branch {branch} in {self.folder}, since it has a branch {other}"
            raise RunError(found, f"git branch -m {other} OTHER-NAME, or give --branch NAME")
        try:
            # What is in this repository is not ours: it outlives a loss of power as its owner's own refs do.
            self._git.run("update-ref", ref, base.commit, "0" * len(base.commit), config=[("core.fsync", "default")])
        except GitFailedError as error:
            if self._commit(ref):
                return False
            raise RunError(f"the branch {branch} cannot be made: {error.detail}") from None
        return True

    def commits(self, base: str, branch: str) -> int:
        """How many commits a branch has that its base has not."""
        done = self._git.run("rev-list", "--count", f"{base}..{check_branch(branch, 'branch')}", "--", codes=(0, 128))
        return int(done.stdout or 0)

    def task_refs(self, run: str, tasks: list[str]) -> dict[str, dict[str, str]]:
        """By task, its refs as in ``landed`` or ``salvage/1``, with the commits that they stand for."""
        root = TaskRefs(run, "x").run_folder
        listed = lines_of(self._text("for-each-ref", "--format=%(refname) %(objectname)", f"{root}/"))
        return refs_by_task(
            run, tasks, ((name, commit) for name, _, commit in (line.partition(" ") for line in listed))
        )

    def refs_of_run(self, run: str) -> dict[str, str]:
        """All refs that a run has made for its tasks, with the commits that they stand for."""
        root = TaskRefs(run, "x").run_folder
        listed = lines_of(self._text("for-each-ref", "--format=%(refname) %(objectname)", f"{root}/"))
        return {name: commit for name, _, commit in (line.partition(" ") for line in listed)}

    def delete_refs(self, refs: Mapping[str, str]) -> None:
        """Removes refs, all or none of them: each must stand for its commit still.

        Raises:
            GitFailedError: one does not, or cannot be removed.
        """
        lines = [f"delete {name} {commit}\n" for name, commit in refs.items()]
        self._git.run("update-ref", "--stdin", stdin="".join(lines).encode())

    def forget_landed(self, run: str) -> None:
        """Removes the refs that say what has landed of a run. Those of work that did not land stay."""
        self.delete_refs({name: commit for name, commit in self.refs_of_run(run).items() if name.endswith("/landed")})

    def branch_commit(self, branch: str) -> str | None:
        """The commit of a branch; None where it does not exist."""
        return self._commit(check_branch(branch, "branch"))

    def remote(self, base: str) -> str | None:
        """The remote that the base is followed from; else ``origin``, or the only one. None: no such remote."""
        names = lines_of(self._text("remote"))
        followed = self._git.run("config", "--get", f"branch.{base}.remote", codes=(0, 1)).stdout.decode().strip()
        if followed in names:
            return followed
        return "origin" if "origin" in names else names[0] if len(names) == 1 else None

    def _commit(self, name: str) -> str | None:
        asked = self._own.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", codes=(0, 1, 128)
        )
        return asked.stdout.decode().strip() or None if asked.returncode == 0 else None

    def _text(self, command: str, *arguments: str) -> str:
        return self._git.run(command, *arguments).stdout.decode(errors="surrogateescape").removesuffix("\n")


def _trusted_users() -> set[int]:
    """Whose repositories git serves to us (git-config(1), safe.directory): ours, and of root those of who used sudo."""
    own = os.geteuid()
    sudo = os.environ.get("SUDO_UID", "")
    return {own, int(sudo)} if own == 0 and sudo.isdecimal() else {own}


def _git_directory(folder: Path) -> Path | None:
    """What git takes for the directory of the repository that a folder is in."""
    for above in (folder, *folder.parents):
        if (above / ".git").exists():
            return above / ".git"
        if (above / "HEAD").is_file() and (above / "objects").is_dir() and (above / "refs").is_dir():
            return above
    return None


def _check_version(git: GitCommand) -> None:
    words = git.run("version").stdout.decode().split()
    numbers = words[2].split(".") if len(words) > 2 else []
    if tuple(int(n) for n in numbers[:2] if n.isdecimal()) < OLDEST_GIT:
        raise RunError(f"git {'.'.join(map(str, OLDEST_GIT))} or newer is needed", f"found {' '.join(words[2:])}")
