"""How the benchmarks are run: how often, how long, and where."""

from contextlib import ExitStack
from functools import cached_property

from bench.arena import ROOM, Arena


class Setting:
    """What each benchmark is given; the control plane is started when the first one asks for it."""

    def __init__(self, stack: ExitStack, *, short: bool = False, rounds: int = 5) -> None:
        """Describe it.

        Args:
            stack: Ends what was started.
            short: Whether only what is far out of line is looked for, in two minutes.
            rounds: How often each side runs.
        """
        self._stack = stack
        self.short = short
        self.rounds = 2 if short else rounds

    @cached_property
    def _arena(self) -> Arena:
        return self._stack.enter_context(Arena())

    def limited_arena(self, limit: int) -> Arena:
        """A control plane of its own, with an operator that runs so many tasks at once and no more."""
        return self._stack.enter_context(Arena(("--max-concurrent-tasks", str(limit))))

    def arena(self, *, room: int = ROOM) -> Arena:
        """The control plane and the operator, started anew if more Jobs than ``room`` of earlier runs are in it."""
        self._arena.fresh(room)
        return self._arena
