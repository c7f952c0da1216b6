"""Names of the branches of a project, without ``refs/heads/``."""

from parallelproject.model.spec import Git

CHECKED_OUT = "HEAD"
"""A ``baseRef`` of a local run: what is checked out in its repository."""


def offered_branch(git: Git | None, project: str) -> str:
    """The branch that is offered for review, or the prefix of the names of those branches."""
    return (git.branch if git else None) or f"parallel/{project}"


def landing_branch(git: Git | None, project: str) -> str:
    """The one branch that all tasks land on, a commit each.

    Where each task has its own branch, this one has a name next to theirs: git cannot have both ``a`` and ``a/b``. No
    task's id starts with ``_``.
    """
    offered = offered_branch(git, project)
    return f"{offered}/_all" if git and git.is_by_task else offered


def level_branch(branch: str, level: int) -> str:
    """The branch that ends with the work of a level, where each level has its own pull request."""
    return f"{branch}-level-{level}"
