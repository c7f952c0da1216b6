"""What is to be taken off the branch. Pure; standard library only, since a program that starts fast reads it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple


class RevertRequest(NamedTuple):
    """Work to take off the branch."""

    number: int
    """Of such commits in the run, from 1."""
    tasks: tuple[str, ...]
    dependents: Mapping[str, Sequence[str]]
    """By task of the graph, those that depend on it directly."""
    landed: Collection[str]
    """The tasks that have landed and succeeded."""
    since: str
    """A commit that has the work, such as the one that the check failed on: a revert with this number is above it."""
    why: str
    """For the message of the commit."""

    def with_dependents(self, tasks: Iterable[str]) -> set[str]:
        """These tasks, and those that depend on them and have landed."""
        start = set(tasks)
        found, known = list(start), set(start)
        for task in found:  # grows during the walk
            new = [each for each in self.dependents.get(task, ()) if each not in known]
            known.update(new)
            found += new
        return start | known.intersection(self.landed)
