"""Which repository and branch a run's work lands on, and that it is the same one in every session of the run."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parallelproject.git.plumbing.address import parse
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.refs import check_branch
from parallelproject.local.delivery.checkout_notes import notes
from parallelproject.local.delivery.repository import Base, Repository
from parallelproject.local.errors import RunError
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.workspace.settings import of_a_repository
from parallelproject.model.branches import landing_branch
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Git, Spec
from parallelproject.whole_file import write_whole

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LandingTarget:
    """Where all the work of a run lands."""

    repository: Repository
    branch: str
    base: Base
    run: str
    """The run's name in refs and trailers."""
    is_new: bool
    """Whether this is the run's first session."""

    def begin(
        self, spec: Spec, directory: StateDirectory, say: Say, source: Path | None = None, given: Sequence[str] = ()
    ) -> None:
        """Has the branch there, and notes for later sessions where the work lands.

        Args:
            spec: What is to be done.
            directory: The state.
            say: Says what a user should know of the repository.
            source: The file that the tasks come from.
            given: Paths of the checkout that are copied or linked into workspaces.

        Raises:
            RunError: the branch is checked out somewhere, or cannot be made.
        """
        tree = self.repository.checked_out(self.branch)
        if tree:
            raise RunError(
                f"the branch {self.branch} is checked out in {tree}: its files would no longer be those of its commit",
                f"git -C {tree} switch --detach, or give --branch NAME",
            )
        made = self.repository.make_branch(self.branch, self.base)
        self.repository.settings.fetch_missing([self.base.commit, f"refs/heads/{self.branch}"])
        if not self.is_new:
            return
        for note in notes(self.repository, self.base.commit, source, given, **extras(spec)):
            say(f"note: {note}")
        ahead = 0 if made else self.repository.commits(self.base.commit, self.branch)
        if ahead:
            commits = f"{ahead} commit{'s' if ahead > 1 else ''}"
            say(f"note: {self.branch} is there already, {commits} ahead of {self.base.name}: the work lands on top")
        base = {"name": self.base.name, "commit": self.base.commit}
        content = {"repository": self.repository.address.url, "branch": self.branch, "base": base}
        write_whole(directory.repository_note, json.dumps(content))


def find_target(
    project: str,
    spec: Spec,
    given: Path | None,
    directory: StateDirectory,
    run: str,
    has_started: bool,
    source: Path | None = None,
) -> LandingTarget | None:
    """Where the work lands. None: the run is without a repository.

    Args:
        project: The project's name.
        spec: Its spec.
        given: The folder of a repository; by default ``spec.git.url`` names it.
        directory: The state of the run.
        run: The run's id.
        has_started: Whether attempts have been made.
        source: The file of the project: a relative ``spec.git.url`` is so to its folder.

    Raises:
        ProblemsError: what the spec says of it cannot be.
        RunError: the repository cannot be used, or is not that of the earlier sessions.
    """
    noted = _read(directory.repository_note)
    folder = given if given is not None else _folder(spec.git, source)
    if folder is None:
        if noted:
            where = f"lands on {noted['branch']} in {noted['repository']}"
            raise RunError(f"the run in {directory.path} {where}", "give --repo DIR again, or --fresh")
        if places := of_a_repository(spec):
            hint = "give --repo DIR, or remove it"
            raise ProblemsError([Problem(place, "needs a repository", hint) for place in places])
        return None
    branch = landing_branch(spec.git, project)
    try:
        check_branch(branch, "spec.git.branch")
    except PolicyError as error:
        raise ProblemsError([Problem("spec.git.branch", str(error).partition(": ")[2])]) from None
    repository = Repository(folder, directory.path / "git" / "home")
    if noted is None:
        if has_started:
            found = f"the run in {directory.path} was started without a repository"
            raise RunError(found, "--fresh forgets it, --state-dir DIR keeps it")
        return LandingTarget(repository, branch, repository.base(spec.git.base_ref if spec.git else None), run, True)
    here = (repository.address.url, branch)
    if here != (noted["repository"], noted["branch"]):
        found = f"the run in {directory.path} lands on {noted['branch']} in {noted['repository']}"
        raise RunError(f"{found}, not on {branch} in {here[0]}", "--fresh forgets it, --state-dir DIR keeps it")
    return LandingTarget(repository, branch, Base(**noted["base"]), run, False)


def forget(directory: StateDirectory, run: str) -> None:
    """Removes from the repository what a run needs that is to be forgotten. Work that did not land stays there."""
    with suppress(RunError, GitFailedError, OSError):  # a repository that is gone has nothing to forget
        noted = _read(directory.repository_note)
        if noted:
            Repository(Path(noted["repository"]), directory.path / "git" / "home").forget_landed(run)


def extras(spec: Spec) -> dict[str, bool]:
    """What workspaces have beyond the files of the branch."""
    return {"submodules": spec.workspace.submodules, "lfs": spec.workspace.lfs}


def _folder(git: Git | None, source: Path | None) -> Path | None:
    """The repository of a spec, where that is on this machine."""
    if git is None:
        return None
    if git.url in (".", "..") or git.url.startswith(("./", "../")):
        return Path(os.path.abspath((source.absolute().parent if source else Path.cwd()) / git.url))  # noqa: PTH100
    try:
        address = parse(git.url, local=True)
    except PolicyError as error:
        found = str(error).removeprefix("git url: it ")
        hint = "give --repo DIR, or a path that starts with / or ./"
        raise ProblemsError([Problem("spec.git.url", found, hint)]) from None
    if address.scheme != "file":
        found = f"{address.url} is not on this machine"
        raise ProblemsError([Problem("spec.git.url", found, "give --repo DIR, a clone of it")])
    return Path(address.url)


def _read(note: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(note.read_bytes())
    except FileNotFoundError:
        return None
    return dict(content)
