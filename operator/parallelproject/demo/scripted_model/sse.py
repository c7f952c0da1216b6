"""Server-sent events, as all providers stream their answers."""

import json
from typing import Any, NamedTuple


class StreamEvent(NamedTuple):
    """One event."""

    data: dict[str, Any] | str
    """JSON, or a word as it is."""
    name: str = ""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        data = self.data if isinstance(self.data, str) else json.dumps(self.data)
        head = f"event: {self.name}\n" if self.name else ""
        return f"{head}data: {data}\n\n".encode()
