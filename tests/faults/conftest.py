"""One control plane for all tests of a file: planted bugs leave projects behind that a sound operator would mend."""

from collections.abc import Iterator

import pytest

from rig.binaries import Binaries
from tests.faults.lab import Lab


@pytest.fixture(scope="module")
def lab(binaries: Binaries) -> Iterator[Lab]:
    """Where faults are tried."""
    with Lab() as made:
        yield made
