"""Control planes for this folder: one that the tests of a worker share, and one for those who look at all projects."""

from collections.abc import Iterator

import pytest

from rig.binaries import Binaries
from tests.faults.lab import Lab


@pytest.fixture(scope="session")
def lab(binaries: Binaries) -> Iterator[Lab]:
    """Where faults are tried."""
    with Lab() as made:
        yield made


@pytest.fixture(scope="module")
def fresh_lab(binaries: Binaries) -> Iterator[Lab]:
    """One in which no planted bug has left a project behind that a sound operator would act upon."""
    with Lab() as made:
        yield made
