"""Which proxy the environment names for a server, as curl understands it. One rule for clusters and forges."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_for(server: str) -> str | None:
    """The address of the proxy for a server's address; None where it is reached directly."""
    at = urlsplit(server)
    return None if at.hostname and proxy_bypass(at.hostname) else getproxies().get(at.scheme)
