"""One control plane for all tests of this folder, in each worker."""

from collections.abc import Iterator

import pytest

from rig.binaries import Binaries
from tests.faults.lab import Lab


@pytest.fixture(scope="session")
def lab(binaries: Binaries) -> Iterator[Lab]:
    """Where faults are tried."""
    with Lab() as made:
        yield made
