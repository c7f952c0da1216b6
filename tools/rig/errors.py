"""What goes wrong in the rig itself, as opposed to in what is tested with it."""


class RigError(RuntimeError):
    """The control plane could not be built, started or used; the message says why and where to look."""


class PortTakenError(RigError):
    """Another process took a port between the moment it was found free and the moment it was used."""


class ApiError(RigError):
    """The API server answered a request with an error status."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path}: HTTP {status}: {body.strip()[:2000]}")
        self.status = status
