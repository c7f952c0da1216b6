"""``--branch``, ``--base`` and ``--author``, and ``--set spec.git.…`` where ``--repo`` says which repository. Pure."""

import re
from pathlib import Path
from typing import Any

from parallelproject.cli.output.failure import Failure
from parallelproject.model.branches import CHECKED_OUT

Json = dict[str, Any]

_AUTHOR = re.compile(r"\s*([^<>]*[^<>\s])\s*<([^<>\s]+)>\s*")


def set_git(manifest: Json, repo: Path | None, branch: str | None, base: str | None, author: str | None) -> None:
    """Brings them into a manifest.

    A ``spec.git`` without an address means the repository of ``--repo``, from what is checked out there.

    Raises:
        Failure: there is no repository, or the author has another form.
    """
    given = {"--branch": branch, "--base": base, "--author": author}
    spec = manifest["spec"]
    option = next((name for name, value in given.items() if value is not None), None)
    if option is None and not isinstance(spec.get("git"), dict):
        return
    git: Json = spec.get("git") or {}
    if not git.get("url"):
        if repo is None and option is not None:
            raise Failure(f"{option}: there is no repository", hint="give --repo DIR", code=2)
        if repo is None:
            return  # which is then named as the field that is missing
        git = {"url": str(repo.absolute()), "baseRef": CHECKED_OUT} | git
    if branch is not None:
        git["branch"] = branch
    if base is not None:
        git["baseRef"] = base
    if author is not None:
        found = _AUTHOR.fullmatch(author)
        if found is None:
            raise Failure(f"--author {author}: not an author", hint="as in 'Ada Lovelace <ada@example.com>'", code=2)
        git["author"] = {"name": found[1], "email": found[2]}
    spec["git"] = git
