"""Backlogs whose tasks break a check, drawn."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.core.test_plan import task


def broken_by(*names: str, lasting: str = "") -> Any:
    """A check fails while one of these has work there that none of its repairs follows, or a lasting one has any."""

    def breaks(check: str, there: Sequence[str]) -> bool:
        return any(name in there and (name == lasting or f"{name}+1" not in there) for name in (*names, lasting))

    return breaks


class BrokenBacklog(NamedTuple):
    """Tasks, some of which break the checks."""

    tasks: list[dict[str, Any]]
    culprits: list[str]
    lasting: str
    """The one of them that no repair helps; empty: there is no such one."""

    @property
    def breaks(self) -> Any:
        """What fails."""
        return broken_by(*self.culprits, lasting=self.lasting)


@st.composite
def broken_backlogs(draw: st.DrawFn, most: int = 9) -> BrokenBacklog:
    """Backlogs of up to so many tasks."""
    names = [f"t{i}" for i in range(draw(st.integers(1, most)))]
    tasks = [
        task(name, *draw(st.lists(st.sampled_from(names[:i]), max_size=2, unique=True)) if i else ())
        for i, name in enumerate(names)
    ]
    culprits = draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
    return BrokenBacklog(tasks, culprits, draw(st.sampled_from(["", *culprits])))
