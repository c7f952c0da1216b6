"""Writing down how attempts end, with or without room for it: in the store, else in the spill."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import AttemptRow, Store


class AttemptLog:
    """The store and the spill as one. Made where an earlier one was lost, it continues with what that had spilled."""

    def __init__(self, store: Store, spill: Spill) -> None:
        self._store = store
        self._spill = spill
        self.spilled = spill.read()
        """Ends that are in the spill, if anywhere, and not yet in the store."""
        self.trouble: str | None = "there are results in the spill" if self.spilled else None
        """Why the store could not be written the last time."""

    def write(self, ended: Sequence[AttemptRow] = (), intended: Sequence[AttemptRow] = ()) -> bool:
        """Writes down all there is.

        Args:
            ended: Attempts that have ended; without room in the store they go to the spill.
            intended: Attempts that are to start; they may if they could be written down.

        Returns:
            Whether the store has it all.
        """
        self.spilled += ended
        try:
            self._store.write([*self.spilled, *intended])
        except sqlite3.Error as error:
            self.trouble = str(error)
            with suppress(OSError):
                self._spill.write(self.spilled)
            return False
        if self.trouble:
            with suppress(OSError):
                self._spill.clear()
            self.trouble = None
        self.spilled = []
        return True
