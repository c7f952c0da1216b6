"""Ports for tasks to listen on: each running task of this machine has others, also those of other runs.

A port is leased as long as its attempt runs. A lease is a name in the abstract namespace of Unix sockets (unix(7)): it
has the scope of the ports themselves, a network namespace, it needs no file, and the system removes it with the process
that holds it. Elsewhere than on Linux, only the tasks of one run are kept apart, and ports on which something listens
are skipped. A task gets the same ports again in its next attempt and after a resume, where they are free.
"""

import errno
import os
import socket
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress

from parallelproject.model.work import WorkKey

FIRST, LAST = 20_000, 32_767
"""Below the ports that the system itself gives to clients (ip(7), ip_local_port_range)."""
_BUSY = frozenset({errno.EADDRINUSE, errno.EACCES})


class PortLeases:
    """The ports of the running attempts of one run."""

    def __init__(self, count: int, run: str) -> None:
        """Describes them.

        Args:
            count: Ports of each attempt.
            run: What is the same in all sessions of the run, and different in other runs.
        """
        self._count = count
        self._run = run
        self._leases: dict[WorkKey, dict[int, socket.socket | None]] = {}

    def take(self, key: WorkKey) -> list[int]:
        """The ports of an attempt, free at this moment, and its own until ``release``.

        Raises:
            OSError: not so many are free.
        """
        self.release(key)
        taken = self._leases[key] = {}
        for port in self._candidates(key.task) if self._count else ():
            if len(taken) == self._count:
                break
            if any(port in lease for lease in self._leases.values()):
                continue
            held, lease = _leased(port)
            if held and _is_free(port):
                taken[port] = lease
            elif lease:
                lease.close()
        if len(taken) < self._count:
            self.release(key)
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), f"a port from {FIRST} to {LAST}")
        return list(taken)

    def release(self, key: WorkKey) -> None:
        """Gives up the ports of an attempt that does not run, if it has any."""
        for lease in self._leases.pop(key, {}).values():
            if lease:
                lease.close()

    def _candidates(self, task: str) -> Iterator[int]:
        """All ports, from one that follows from the task."""
        size = LAST - FIRST + 1
        start = zlib.crc32(f"{self._run}/{task}".encode(errors="surrogateescape"))
        return (FIRST + (start + i) % size for i in range(size))


def _leased(port: int) -> tuple[bool, socket.socket | None]:
    """Whether a port is ours now, and what holds the lease."""
    if sys.platform != "linux":
        return True, None
    lease = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lease.bind(f"\0parallelproject-port-{port}")
    except OSError:
        lease.close()
        return False, None
    return True, lease


def _is_free(port: int) -> bool:
    """Whether nothing listens on a port, at any address. One that was left a moment ago counts as free."""
    for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno in _BUSY:
                    return False
    return True
