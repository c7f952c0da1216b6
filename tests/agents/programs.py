"""The real agent programs that tests run."""

from pathlib import Path

import pytest

from rig.agent_programs import find_or_install
from rig.errors import RigError


def program(name: str) -> Path:
    """The folder with the program of an agent; skips the test where it cannot be had, and says why."""
    try:
        return find_or_install(name) / ".bin"
    except RigError as error:
        pytest.skip(str(error))
