"""Messages between the engine and the supervisor: JSON, one a line, over a socket pair."""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

_CHUNK = 1 << 18
_JSON = json.JSONEncoder(separators=(",", ":"))


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
        self._outgoing += _JSON.encode(message).encode() + b"\n"
        self.flush()

    def send_files(self, message: Sequence[Any], files: Sequence[int]) -> None:
        """Sends a short message with open files, as the first thing; the other end uses ``receive_files``."""
        try:
            socket.send_fds(self._socket, [_JSON.encode(message).encode()], files)
        except OSError:
            self.closed = True

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

    def wait_closed(self) -> None:
        """Sends all there is, and waits until the other end is gone."""
        if self.closed:
            return
        self._socket.setblocking(True)
        self.flush()
        while not self.closed:
            self.receive()

    def close(self) -> None:
        """Closes this end; nothing happens when it is."""
        self.closed = True
        self._socket.close()


def receive_files(end: socket.socket, count: int) -> tuple[Any, list[int]]:
    """Waits for what ``send_files`` sends, which is never mixed with what follows it (unix(7)).

    Returns:
        The message and the open files; None and nothing when the other end is gone.
    """
    data, files, _, _ = socket.recv_fds(end, _CHUNK, count)
    for file in files:
        os.set_inheritable(file, False)
    return (json.loads(data), files) if data else (None, [])
