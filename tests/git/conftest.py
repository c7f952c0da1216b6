"""A remote for each test."""

from pathlib import Path

import pytest

from tests.git.remote import Remote

LINES = "\n".join(f"line {i}" for i in range(40)) + "\n"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path, {"a.txt": LINES, "b.txt": LINES, "folder/c.txt": LINES, "README": "hello\n"})
