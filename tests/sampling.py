"""How much of a sweep is run: a sample of its cases by default, all of them with ``--deep``.

A sample is drawn by a seed, which is the commit by default: the same commit runs the same cases, the next one others.
``--sample-seed`` repeats a sample. With ``--minutes`` nothing new is begun after that time, and nothing fails for it.
"""

import itertools
import random
import re
import subprocess
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import is_hypothesis_test

T = TypeVar("T")

_DEEP_SECONDS = 4 * 3600
"""Longest time of one test that runs its whole sweep."""
_SETTLED = "sampling"
"""What a worker is given: the seed and the end."""
_ONE_FILE = "one_file_of"
"""The mark of files of which one is run."""
_RUN = "cases"
"""The property of a report that says how many cases of how many a test ran."""


class Sampler:
    """Draws the cases that a test runs; ``sampled`` is the fixture that gives it."""

    def __init__(self, deep: bool, seed: int, ends: float | None, name: str) -> None:
        """Describe it.

        Args:
            deep: Whether all cases are run.
            seed: What is drawn follows from this and from the name.
            ends: When the time is over, as ``time.time()``; never by default.
            name: Of the test.
        """
        self.deep = deep
        self._ends = ends
        self._chance = random.Random(f"{seed} {name}")
        self.ran = self.of = 0
        """How many cases were given, and how many there are."""
        self.is_cut = False
        """Whether the time was over before all that were to be run had been given: they prove less then."""

    @property
    def number(self) -> int:
        """A number that follows from the seed, for what draws by itself."""
        return self._chance.randrange(2**31)

    def __call__(
        self, cases: Iterable[T], keep: int, always: Callable[[T], object] = lambda case: False
    ) -> Iterator[T]:
        """Give the cases to run.

        Args:
            cases: All of them, independent of each other.
            keep: How many are in a sample, spread evenly over all.
            always: The dangerous ones, which are in every sample besides.
        """
        found = list(cases)
        self.of += len(found)
        if self.deep and self._ends is not None:
            self._chance.shuffle(found)  # those that there is no time for are others each time
        elif not self.deep:
            found = self._draw(found, keep, always)
        for case in found:
            if is_over(self._ends):
                self.is_cut = True
                return
            self.ran += 1
            yield case

    def batches(
        self, cases: Iterable[T], keep: int, size: int, always: Callable[[T], object] = lambda case: False
    ) -> Iterator[list[T]]:
        """Give the same, so many at once, for cases that run side by side."""
        given = self(cases, keep, always)
        while batch := list(itertools.islice(given, size)):
            yield batch

    def _draw(self, found: list[T], keep: int, always: Callable[[T], object]) -> list[T]:
        fixed = [bool(always(case)) for case in found]
        rest = [place for place, is_fixed in enumerate(fixed) if not is_fixed]
        drawn = {rest[place] for place in spread(len(rest), keep, self._chance)}
        return [case for place, case in enumerate(found) if fixed[place] or place in drawn]


def spread(count: int, keep: int, chance: random.Random) -> list[int]:
    """So many of the numbers below ``count``: one from each of ``keep`` stretches of the same length."""
    keep = min(keep, count)
    edges = [count * stretch // keep for stretch in range(keep + 1)] if keep else []
    return [chance.randrange(start, end) for start, end in itertools.pairwise(edges)]


def is_over(ends: float | None) -> bool:
    """Whether the time is over."""
    return ends is not None and time.time() > ends


def add_options(parser: pytest.Parser) -> None:
    """The options of a run."""
    group = parser.getgroup("sampling")
    group.addoption("--deep", action="store_true", help="run every case of every sweep, and many more drawn examples")
    group.addoption("--quick", action="store_true", help="try a fifth of the drawn examples")
    group.addoption("--sample-seed", type=int, metavar="N", help="what is sampled (default: follows from the commit)")
    group.addoption("--minutes", type=float, metavar="N", help="begin nothing new after so many minutes")


def configure(config: pytest.Config) -> None:
    """Settle the seed and the end, once: the workers of xdist are given them."""
    config.addinivalue_line(
        "markers", "sampled(keep, by=(), over=None, always=None, of_file=False, quick=keep): a sample is run"
    )
    config.addinivalue_line("markers", "one_file_of(name): of all files with this name, one is run")
    config.addinivalue_line("markers", "deep: has more to run with --deep; set by what a test uses")
    option = config.option
    if hasattr(config, "workerinput"):
        option.sample_seed, option.ends = config.workerinput[_SETTLED]
        return
    if option.sample_seed is None:
        option.sample_seed = _seed_of_the_commit(config.rootpath)
    option.ends = None if option.minutes is None else time.time() + 60 * option.minutes


def configure_worker(node: Any) -> None:
    """Give a worker of xdist what was settled."""
    node.workerinput[_SETTLED] = (node.config.option.sample_seed, node.config.option.ends)


def _seed_of_the_commit(folder: Path) -> int:
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:  # there is no git: a release, unpacked
        return 0
    return int(asked.stdout[:8], 16) if asked.returncode == 0 else 0


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what has more to run, and take out the parameters that are not in the sample."""
    option = config.option
    groups: dict[tuple[Hashable, ...], list[pytest.Item]] = {}
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark is not None:
            values = _parameters(item)
            over = mark.kwargs.get("over")  # a sample of the values of one parameter, for each value of all others
            by = mark.kwargs.get("by", ()) if over is None else sorted(values.keys() - {over})
            is_of_file = mark.kwargs.get("of_file")  # a sample of all tests of the file that say nothing else
            test = "" if is_of_file else item.location[2].partition("[")[0]
            key = (item.path, test, *(_told(values[name]) for name in by))
            groups.setdefault(key, []).append(item)
        fixtures = getattr(item, "fixturenames", ())
        if mark or item.get_closest_marker(_ONE_FILE) or "sampled" in fixtures or _is_property(item):
            item.add_marker("deep")
            if option.deep:
                item.add_marker(pytest.mark.timeout(_DEEP_SECONDS), append=False)
    if option.deep:
        if option.ends is not None:
            _shuffle(items, option.sample_seed)
        return
    left = {item for key, group in groups.items() for item in _not_drawn(group, option, str(key))}
    left |= _of_other_files(items, option.sample_seed)
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def _told(value: object) -> str:
    """A value as text, the same in each worker."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _shuffle(items: list[pytest.Item], seed: int) -> None:
    """Those that there is no time for are others each time; what those of a folder or a file share is made once."""

    def place(path: Path) -> float:
        return random.Random(f"{seed} {path}").random()

    items.sort(key=lambda item: (place(item.path.parent), place(item.path)))


def _not_drawn(group: list[pytest.Item], option: Any, name: str) -> set[pytest.Item]:
    mark = group[0].get_closest_marker("sampled")
    assert mark is not None
    keep = mark.kwargs.get("quick", mark.args[0]) if option.quick else mark.args[0]
    always = mark.kwargs.get("always") or (lambda **values: False)
    sampler = Sampler(False, option.sample_seed, None, name.rpartition("/")[2])
    return set(group) - set(sampler(group, keep, lambda item: always(**_parameters(item))))


def _of_other_files(items: Sequence[pytest.Item], seed: int) -> set[pytest.Item]:
    """The tests of all files of a name but one: what they share is dear, and one file of it is run at a time."""
    files: dict[str, dict[Path, list[pytest.Item]]] = {}
    for item in items:
        if mark := item.get_closest_marker(_ONE_FILE):
            files.setdefault(mark.args[0], {}).setdefault(item.path, []).append(item)
    left: set[pytest.Item] = set()
    for name, found in files.items():
        (drawn,) = Sampler(False, seed, None, name)(sorted(found), 1)
        left.update(*(of_file for path, of_file in found.items() if path != drawn))
    return left


def _parameters(item: pytest.Item) -> dict[str, Any]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}


def _is_property(item: pytest.Item) -> bool:
    return is_hypothesis_test(getattr(item, "obj", None))


@pytest.fixture
def sampled(request: pytest.FixtureRequest) -> Iterator[Sampler]:
    """Draws what a test runs of a sweep."""
    option = request.config.option
    sampler = Sampler(option.deep, option.sample_seed, option.ends, request.node.name)
    yield sampler
    request.node.user_properties.append((_RUN, [sampler.ran, sampler.of]))


def skip_if_over(item: pytest.Item) -> None:
    """Begin no test when the time is over."""
    if is_over(item.config.option.ends):
        pytest.skip("the time is over")


def say_how_to_repeat(item: pytest.Item, report: pytest.TestReport) -> None:
    """Tell with a failure how its sample is drawn again."""
    if report.failed and item.get_closest_marker("deep") is not None:
        deep = " --deep" if item.config.option.deep else ""
        report.sections.append(
            ("to repeat it", f"pytest '{item.nodeid}'{deep} --sample-seed {item.config.option.sample_seed}")
        )


def summary(terminal: Any, config: pytest.Config) -> None:
    """Tell how much was run of what there is."""
    reports = [each for kind in terminal.stats.values() for each in kind if getattr(each, "when", "") == "teardown"]
    counts = [value for report in reports for name, value in report.user_properties if name == _RUN]
    if counts:
        ran, of = (sum(numbers) for numbers in zip(*counts, strict=True))
        how = "of" if config.option.deep else "sampled from"
        terminal.write_line(f"sweeps: {ran} cases {how} {of}, --sample-seed {config.option.sample_seed}")
