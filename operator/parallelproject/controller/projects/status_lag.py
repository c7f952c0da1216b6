"""Since when the status of a project on the server is behind its plans."""


class Lag:
    """Kept by the writer of the status. Times are monotonic."""

    def __init__(self) -> None:
        self.since: float | None = None
        """When the first unwritten plan was made; None if all are written, as far as known."""
        self._next: float | None = None

    def planned(self, now: float, *, writing: bool) -> None:
        """A plan was made and is not written.

        Args:
            writing: Whether a write of an earlier plan, without this one, is in progress.
        """
        if writing:
            self._next = now if self._next is None else self._next
        else:
            self.since = now if self.since is None else self.since

    def settled(self) -> None:
        """The plan is equal to what is written."""
        self.since = self._next = None

    def written(self, now: float) -> float:
        """The write in progress is done; returns how long its first plan has waited, in seconds."""
        took = 0.0 if self.since is None else now - self.since
        self.since, self._next = self._next, None
        return took
