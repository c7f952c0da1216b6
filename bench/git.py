"""What git costs: for a task of a local run, and when many land at once."""

from collections.abc import Iterator

from bench import landing, local_git
from bench.figure import Figure
from bench.setting import Setting


def run(setting: Setting) -> Iterator[Figure]:
    """Both."""
    yield from local_git.run(setting)
    yield from landing.run(setting)
