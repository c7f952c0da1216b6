"""Free TCP ports on 127.0.0.1, for servers with a configured port."""

import random
import socket
from pathlib import Path

from rig.errors import RigError

_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def free_ports(count: int) -> list[int]:
    """``count`` different ports that nobody listens on at this moment.

    They are below the range from which the kernel takes the ports of outgoing connections. Within it, a client
    that keeps trying to reach a server which is down can be given the server's own port, connect to itself, and
    so keep the server from ever coming back.

    Raises:
        RigError: There are none.
    """
    ephemeral = int(_RANGE_FILE.read_text(encoding="utf-8").split()[0]) if _RANGE_FILE.exists() else 32_768
    found: list[int] = []
    for port in random.sample(range(_LOWEST, max(ephemeral, _LOWEST + 1_000)), 500):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise RigError(f"no {count} free ports between {_LOWEST} and {ephemeral} on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
