"""The few requests that the rig itself makes to the API server, as its admin.

Not a client for tests: those use the same client as the operator, or ``ControlPlane.kubectl``.
"""

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from rig.errors import ApiError

_TIMEOUT_SECONDS = 10


class Api:
    """Requests to one API server; bodies are plain dictionaries."""

    def __init__(self, url: str, certificate: Path, token: str) -> None:
        self.url = url
        self._token = token
        self._certificate = certificate
        self._tls: ssl.SSLContext | None = None

    def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> dict[str, Any]:
        """Send one request; the JSON of its answer, or ``{"text": …}`` where it is none.

        Raises:
            ApiError: The answer has an error status.
            OSError: There was no answer, or the certificate is not there yet.
        """
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=str(self._certificate))
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_seconds, context=self._tls) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(method, path, error.code, error.read().decode(errors="replace")) from None
        try:
            parsed = json.loads(text)
        except json.JSONDecodeError:
            return {"text": text}
        return parsed if isinstance(parsed, dict) else {"text": text}

    def get(self, path: str) -> dict[str, Any]:
        """GET, see ``request``."""
        return self.request("GET", path)

    def exists(self, path: str) -> bool:
        """Whether the object at ``path`` is there."""
        try:
            self.get(path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def ensure(self, collection: str, body: dict[str, Any]) -> None:
        """Create an object in ``collection`` unless one of its name is there."""
        try:
            self.request("POST", collection, body)
        except ApiError as error:
            if error.status != 409:
                raise
