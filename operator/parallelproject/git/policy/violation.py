"""Why work may not land: the reason, what is kept of it, and the fix. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.model.problem import listed, quoted

_SHOWN = 5

FIXES = {
    "UndeclaredFile": "add the path to the task's files, or set spec.conflicts.enforceFiles to false",
    "NestedRepository": "let the task remove the .git of that repository, or add its folder to .gitignore",
    "TooLarge": "add the file to .gitignore, or manage it with git-lfs",
    "Secret": "let the task read it from the environment; if it is no credential, commit it to the base branch first",
    "SecretFile": "add it to .gitignore; if it belongs in the repository, commit it to the base branch first",
    "UnsafePath": "let the task rename the file",
    "Unreadable": "let the task write a readable file, in its encoding by .gitattributes",
    "Filtered": "set spec.workspace.lfs for files of git-lfs; commit files of other filters by hand",
    "ConflictMarker": "let the task resolve the conflict, so that both sides keep their meaning",
    "Submodule": "commit and push it in the submodule's repository, then set the submodule to that commit",
}
"""The fix for each reason."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not allowed."""

    reason: str
    path: str
    found: str
    """As the end of a sentence, for people."""
    leave_out: bool
    """Whether the path may also not be kept in a salvage ref."""

    def __str__(self) -> str:
        return f"{quoted(self.path)} {self.found}"


def explain(violations: Sequence[Violation]) -> str:
    """What was found, and how to fix it."""
    reasons = list(dict.fromkeys(violation.reason for violation in violations))
    fixes = [
        f"Fix for {reason}: {FIXES[reason]}" if len(reasons) > 1 else f"Fix: {FIXES[reason]}" for reason in reasons
    ]
    return f"{listed(violations, _SHOWN, '; ')}. {'. '.join(fixes)}"
