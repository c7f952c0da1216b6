"""What a remote has, by the user's own git and settings. No ref of the repository changes."""

import subprocess
from collections.abc import Sequence

from parallelproject.git.plumbing.failure import clean
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.refs import check_branch
from parallelproject.limited_process import run_limited
from parallelproject.local.delivery.push import own_environment
from parallelproject.local.delivery.target import LandingTarget
from parallelproject.local.errors import RunError

_SECONDS = 600
_TRIES = 3


def fetched(target: LandingTarget, remote: str, branches: Sequence[str]) -> dict[str, str | None]:
    """The commits of some branches of a remote, which are in the repository then; None: no such branch.

    Raises:
        RunError: the remote cannot be read. The message holds no address, which may hold a password.
    """
    refs = {check_branch(name, "branch"): name for name in branches}
    for _ in range(_TRIES):
        found = dict.fromkeys(refs)
        for line in lines_of(_git(target, "ls-remote", "--quiet", "--refs", "--", remote, *refs)):
            commit, _, ref = line.partition("\t")
            if ref in found:
                found[ref] = commit
        wanted = [ref for ref, commit in found.items() if commit and not _is_here(target, commit)]
        if not wanted:
            return {refs[ref]: commit for ref, commit in found.items()}
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--no-auto-maintenance")
        _git(target, "fetch", *options, "--", remote, *wanted)
    raise RunError(f"the branches of {remote} move all the time")


def _is_here(target: LandingTarget, commit: str) -> bool:
    done = target.repository.git.run("cat-file", "-e", f"{commit}^{{commit}}", codes=(0, 1, 128))
    return done.returncode == 0


def _git(target: LandingTarget, command: str, *arguments: str) -> str:
    try:
        done = run_limited(
            ["git", f"--git-dir={target.repository.address.url}", command, *arguments],
            _SECONDS,
            folder=target.repository.top,  # to which the path of a remote may be relative
            environment=own_environment() | {"LC_ALL": "C"},
            own_group=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"git {command} did not end within {_SECONDS} s") from None
    if done.returncode:
        raise RunError(f"git {command}: the remote cannot be read: {clean(done.stderr, ())}")
    return done.stdout.decode(errors="replace")
