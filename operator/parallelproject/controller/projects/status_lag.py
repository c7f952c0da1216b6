"""Since when the status on the server does not tell all that was planned: of one project."""


class Lag:
    """Kept by who writes the status. Times are monotonic."""

    def __init__(self) -> None:
        self.since: float | None = None
        """When the first plan was made that is not written; None where all are, as far as is known."""
        self._next: float | None = None

    def planned(self, now: float, *, writing: bool) -> None:
        """A plan was made and is not written.

        Args:
            writing: Whether a write of an earlier one is under way, which does not tell of it.
        """
        if writing:
            self._next = now if self._next is None else self._next
        else:
            self.since = now if self.since is None else self.since

    def settled(self) -> None:
        """The plan says what is written."""
        self.since = self._next = None

    def written(self, now: float) -> float:
        """What was under way is written; how long the first plan that it tells of has waited, in seconds."""
        took = 0.0 if self.since is None else now - self.since
        self.since, self._next = self._next, None
        return took
