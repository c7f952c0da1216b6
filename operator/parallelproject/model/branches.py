"""What the branches of a project are called, without ``refs/heads/``."""

from parallelproject.model.spec import Git

CHECKED_OUT = "HEAD"
"""A ``baseRef`` of a local run: what is checked out in its repository."""


def offered_branch(git: Git | None, project: str) -> str:
    """The branch that is offered for review, or what the names of those that are begin with."""
    return (git.branch if git else None) or f"parallel/{project}"


def landing_branch(git: Git | None, project: str) -> str:
    """The one branch that all tasks land on, a commit each.

    Where each task has a branch of its own, it lies beside them: git has no branch ``a`` beside ``a/b``. No task's
    id begins with ``_``.
    """
    offered = offered_branch(git, project)
    return f"{offered}/_all" if git and git.is_by_task else offered


def level_branch(branch: str, level: int) -> str:
    """The branch that ends with the work of a level, where each level is offered by itself."""
    return f"{branch}-level-{level}"
