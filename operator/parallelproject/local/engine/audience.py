"""All who see a run while it runs: its views, and the other consumers of its events."""

from collections.abc import Sequence

from parallelproject.core.report.changes import Consumer, Event
from parallelproject.local.engine.board import Board, BoardView


class Audience:
    """Several views, and consumers of events, as one view. A consumer that fails receives no more."""

    def __init__(self, views: Sequence[BoardView], consumers: Sequence[Consumer[Board]] = ()) -> None:
        self._views = tuple(views)
        self._consumers = list(consumers)

    def take(self, project: Board, events: Sequence[Event]) -> None:
        """Gives everybody what has happened."""
        for view in self._views:
            view.take(project, events)
        for consumer in tuple(self._consumers):
            try:
                consumer.take(project, events)
            except Exception as error:
                self._consumers.remove(consumer)
                self.say(
                    f"{type(consumer).__name__} failed and receives no more events: {type(error).__name__}: {error}"
                )

    def say(self, notice: str) -> None:
        """Reports something about the run as a whole to all views."""
        for view in self._views:
            view.say(notice)

    def draw(self) -> float | None:
        """Brings all views up to date; returns the seconds until one of them wants to be called again."""
        waits = [view.draw() for view in self._views]
        return min((wait for wait in waits if wait is not None), default=None)

    def close(self) -> None:
        """Closes all views."""
        for view in self._views:
            view.close()
