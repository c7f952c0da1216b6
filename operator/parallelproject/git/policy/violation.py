"""Why work may not land: the reason, what is kept of it, and what fixes it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.model.problem import listed, quoted

_SHOWN = 5

FIXES = {
    "UndeclaredFile": "add the path to the task's files, or set spec.conflicts.enforceFiles to false",
    "NestedRepository": "have the task remove the repository's .git, or name its folder in .gitignore",
    "TooLarge": "name the file in .gitignore, or keep it with git-lfs",
    "Secret": "have the task read it from the environment instead; if it is none, commit it to the base branch first",
    "SecretFile": "name it in .gitignore; if it belongs in the repository, commit it to the base branch first",
    "UnsafePath": "have the task give the file another name",
    "Unreadable": "have the task make the file readable, in the encoding that .gitattributes gives it",
    "Filtered": "set spec.workspace.lfs for files of git-lfs; commit files of other filters by hand",
    "Submodule": "commit and push it in the submodule's own repository, then point the submodule to that commit",
}
"""By reason, what a person can do."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not allowed."""

    reason: str
    path: str
    found: str
    """As a sentence's end, for people."""
    leave_out: bool
    """Whether the path may not even be kept in a salvage ref."""

    def __str__(self) -> str:
        return f"{quoted(self.path)} {self.found}"


def explain(violations: Sequence[Violation]) -> str:
    """What was found, and how to fix it."""
    reasons = list(dict.fromkeys(violation.reason for violation in violations))
    fixes = [
        f"Fix for {reason}: {FIXES[reason]}" if len(reasons) > 1 else f"Fix: {FIXES[reason]}" for reason in reasons
    ]
    return f"{listed(violations, _SHOWN, '; ')}. {'. '.join(fixes)}"
