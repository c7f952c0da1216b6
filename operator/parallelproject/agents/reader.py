"""Reading an agent's output as it comes: bytes in, facts out, in memory that does not grow with the stream.

A line that is no JSON object is a message for people: never an error by itself. A stream may end anywhere.
"""

import json
from collections import deque
from contextlib import suppress
from typing import Any, ClassVar

from parallelproject.agents.record import Facts

LINE_MAX = 8 * 2**20
"""Bytes of a line that are kept; of a longer one nothing is read. No event that matters is near that."""
_NOISE_LINES, _NOISE_MAX = 20, 500
"""Messages for people that are kept: the last ones, and so many characters of each."""
_LAST_MESSAGE_MAX = 16_384
"""Characters of the agent's last message that are kept."""
_OF_ANOTHER_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What reading raises where an agent prints something other than this version knows: that is noise."""


class Reader:
    """Reads one stream. A preset's own reader says what its events mean."""

    reads_text: ClassVar[bool] = False
    """Whether lines that are no events say something beyond why it failed."""
    markers: ClassVar[tuple[bytes, ...]] = ()
    """A line with none of these words is no event that matters and is not decoded; by default each line is."""

    def __init__(self, now: float) -> None:
        """Starts with nothing.

        Args:
            now: Seconds since the epoch, for times that the agent gives relative to it.
        """
        self.facts = Facts()
        self.now = now
        self._rest = bytearray()
        self._is_too_long = False
        self._noise_lines: deque[bytes] = deque(maxlen=_NOISE_LINES)

    def feed(self, data: bytes) -> None:
        """Takes the next bytes, cut anywhere."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._rest or self._is_too_long:
                self._add(line)
                line, self._rest = bytes(self._rest), bytearray()
                if self._is_too_long:
                    self._is_too_long = False
                    continue
            if len(line) <= LINE_MAX:
                self._line(line)
        self._add(rest)

    def close(self) -> Facts:
        """Takes note that nothing more comes."""
        if self._rest and not self._is_too_long:
            self._line(bytes(self._rest))
            self._rest.clear()
        lines = (line.decode(errors="replace").strip() for line in self._noise_lines)
        self.facts.noise = "\n".join(line for line in lines if line)
        self.at_end()
        return self.facts

    def event(self, event: dict[str, Any]) -> None:
        """Takes a JSON object."""

    def text(self, line: str) -> None:
        """Takes a line that is none, where ``reads_text`` says so."""

    def at_end(self) -> None:
        """Concludes what only the end shows."""

    def say(self, text: str | None) -> None:
        """The agent has said this."""
        if text:
            self.facts.last_message = text[-_LAST_MESSAGE_MAX:]

    def _add(self, data: bytes) -> None:
        if len(self._rest) + len(data) > LINE_MAX:
            self._rest.clear()
            self._is_too_long = True
        elif not self._is_too_long:
            self._rest += data

    def _line(self, line: bytes) -> None:
        start = line.find(b"{")
        if start < 0:
            self._noise(line)
            return
        if self.markers and not any(marker in line for marker in self.markers):
            if start > 0 or not line.rstrip().endswith(b"}"):
                self._noise(line)
            return
        for at in {start, line.find(b'{"')}:  # a message without its end of line may stand before an event
            if at < 0:
                continue
            try:
                found = json.loads(line[at:])
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                if start > 0:
                    self._noise(line[:at])
                try:
                    self.event(found)
                except _OF_ANOTHER_SHAPE:
                    self._noise(line)
                return
        self._noise(line)

    def _noise(self, line: bytes) -> None:
        line = line[:_NOISE_MAX]
        self._noise_lines.append(line)
        if self.reads_text and (text := line.decode(errors="replace").strip()):
            with suppress(*_OF_ANOTHER_SHAPE):
                self.text(text)


def number(value: object) -> int | None:
    """A count, where there is one."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
