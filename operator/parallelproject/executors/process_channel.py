"""Messages between the engine and the supervisor: JSON, one a line, over a socket pair."""

import json
import socket
from typing import Any

Message = dict[str, Any]

_CHUNK = 1 << 18


class Channel:
    """One end of the pair.

    ``send`` never blocks: what the other end does not take yet is kept, for ``flush``. So the two cannot
    end up waiting for one another.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._incoming = b""
        self._outgoing = b""
        self.closed = False
        """Whether the other end is gone."""

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    @property
    def waiting(self) -> bool:
        """Whether there is something left to ``flush``."""
        return bool(self._outgoing) and not self.closed

    def send(self, message: Message) -> None:
        """Sends a message, now or as soon as ``flush`` can."""
        self._outgoing += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Sends what the other end will take."""
        while self.waiting:
            try:
                self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
            except BlockingIOError:
                return
            except OSError:
                self.closed = True

    def receive(self) -> list[Message]:
        """All messages that have come in; sets ``closed`` once the other end is gone."""
        messages: list[Message] = []
        while not self.closed:
            try:
                data = self._socket.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.closed = True
                break
            *lines, self._incoming = (self._incoming + data).split(b"\n")
            messages += map(json.loads, lines)
            if len(data) < _CHUNK:
                break
        return messages

    def close(self) -> None:
        """Closes this end."""
        self.closed = True
        self._socket.close()
