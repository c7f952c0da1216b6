"""Writing a file so that it is there as a whole or not at all, also after a kill. Standard library only."""

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, is_synced: bool = False) -> None:
    """Writes a file, or leaves the one that was there.

    Args:
        path: The file; its folder exists.
        text: What is written; what is no Unicode text in it is replaced.
        is_synced: Whether the text outlives a loss of power once this has returned.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        if is_synced:
            file.flush()
            os.fdatasync(file.fileno())
    new.replace(path)
