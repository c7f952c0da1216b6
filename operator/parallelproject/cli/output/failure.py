"""Why a command ends without having done its work, as it is shown to the user. Prints nothing itself."""

from collections.abc import Sequence

from parallelproject.model.problem import Problem

SHOWN = 20
"""Problems shown where ``pproj lint`` can show the rest."""


class Failure(Exception):
    """Ends the command: each line is printed on stderr after ``error: ``."""

    def __init__(self, *lines: str, hint: str = "", code: int = 1) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines
        self.hint = hint
        """What to do about it; a line of its own."""
        self.code = code
        """The exit code."""


class NoClusterFailure(Failure):
    """There is no cluster that a command could ask."""


def of_problems(problems: Sequence[Problem], hint: str = "") -> Failure:
    """A failure that names the first ``SHOWN`` problems and says how many more there are."""
    lines = [str(problem) for problem in problems[:SHOWN]]
    more = len(problems) - len(lines)
    if more:
        hint = f"and {more} more; pproj lint shows all of them"
    return Failure(*lines, hint=hint)
