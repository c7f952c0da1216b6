"""Overlaps of files, against a plain reference that tries every path."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parallelproject.core.graph.file_overlap import WORK_MAX, Conflict, conflicts, lock_files, normalise
from parallelproject.model.problem import ProblemsError
from tests.core.examples import examples
from tests.core.paths import all_paths, fits, overlap

plain = st.sampled_from(["a", "b", "ab", "a.b"])
glob = st.sampled_from(["*", "a*", "*b", "*.b", "?", "?b", "a?", "*a*", "**"])
short = st.lists(plain | glob, min_size=1, max_size=2).map("/".join)
SHORT_PATHS = all_paths(["a", "b", "ab", "ba", "a.b", ".b"], 4)
deep = st.lists(st.sampled_from(["a", "b", "*", "**", "a*", "*.b"]), min_size=1, max_size=3).map("/".join)
DEEP_PATHS = all_paths(["a", "b", "a.b"], 5)
patterns = short | deep

wild_name = st.text("ab*?", min_size=1, max_size=5).filter(lambda name: name != "**")
classy = st.lists(st.sampled_from(["a", "[ab]", "[!a]", "[b]*", "?", "*", "**"]), min_size=1, max_size=3)


def overlapping(a: str, b: str) -> bool:
    locks = lock_files([[a], [b]])
    by_number = a == b or locks.patterns.index(b) in locks.overlaps[locks.patterns.index(a)]
    assert bool(locks.of_task[0]) == bool(locks.of_task[1]) == by_number
    return by_number


@examples(500)
@given(short, short)
@example("**/a.b", "b/a")
@example("**/a.b", "a/b.a")
def test_two_patterns_overlap_exactly_when_some_path_fits_both(a: str, b: str) -> None:
    assert overlapping(a, b) == overlapping(b, a) == overlap(a, b, SHORT_PATHS)


@examples(400)
@given(deep, deep)
@example("a/**/b", "a/b")
@example("a/b/b", "**/a/a")
def test_the_same_holds_through_several_folders(a: str, b: str) -> None:
    assert overlapping(a, b) == overlapping(b, a) == overlap(a, b, DEEP_PATHS)


@examples(500)
@given(wild_name, wild_name)
def test_two_names_overlap_exactly_when_some_name_fits_both(a: str, b: str) -> None:
    """The reference: a walk over both at once, letter by letter."""
    if "**" in (a, b) or a == b:
        return
    assert overlapping(a, b) == walk(a, b)


def walk(a: str, b: str) -> bool:
    """Whether a word over a and b leads through both patterns: reachability over pairs of places."""
    reached, new = set(), {(0, 0)}
    while new:
        reached |= new
        following = set()
        for i, j in new:
            left = {i + 1} if a[i : i + 1] == "*" else set()
            right = {j + 1} if b[j : j + 1] == "*" else set()
            following |= {(n, j) for n in left} | {(i, n) for n in right}
            for letter in "ab":
                following |= {(n, m) for n in after(a, i, letter) for m in after(b, j, letter)}
        new = following - reached
    return (len(a), len(b)) in reached


def after(pattern: str, at: int, letter: str) -> set[int]:
    here = pattern[at : at + 1]
    if here == "*":
        return {at}
    return {at + 1} if here in ("?", letter) else set()


@examples(200)
@given(classy.map("/".join), classy.map("/".join) | short)
def test_with_character_classes_no_overlap_is_missed(a: str, b: str) -> None:
    if overlap(a, b, DEEP_PATHS):
        assert overlapping(a, b)


@examples(100)
@given(st.lists(st.lists(patterns, max_size=3), max_size=5))
def test_locks_of_many_tasks_are_those_of_their_pairs(files: list[list[str]]) -> None:
    locks = lock_files(files)
    for i, mine in enumerate(files):
        held = {locks.patterns[p] for p in locks.touched[i]}
        for j, theirs in enumerate(files):
            together = any(overlapping(a, b) for a in mine for b in theirs)
            mutual = not set(locks.touched[i]).isdisjoint(locks.of_task[j])
            assert i == j or mutual == together
        assert held == {locks.patterns[o] for p in locks.of_task[i] for o in locks.overlaps[p]}
    for conflict in conflicts(locks):
        assert len(conflict.tasks) > 1
        for task in conflict.tasks:
            assert any(overlapping(conflict.path, pattern) for pattern in files[task])
    told = {pair for conflict in conflicts(locks) for pair in zip(conflict.tasks, conflict.tasks[1:], strict=False)}
    assert bool(told) == any(
        overlapping(a, b) for i, mine in enumerate(files) for theirs in files[:i] for a in mine for b in theirs
    )


@examples(300)
@given(st.text("ab/.", min_size=1, max_size=12))
def test_a_normalised_pattern_is_normal_and_means_the_same(pattern: str) -> None:
    try:
        normal = normalise(pattern, "here")
    except ProblemsError:
        assert pattern.startswith("/") or ".." in pattern.split("/") or not pattern.strip("./")
        return
    assert normalise(normal, "here") == normal
    assert not {"", ".", ".."} & set(normal.split("/"))


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("src/app.py", "src/app.py"),
        ("./src//app.py", "src/app.py"),
        (" src/app.py ", "src/app.py"),
        ("src/", "src/**"),
        ("src/ ", "src/**"),
        ("./src/./", "src/**"),
        ("..a/b..", "..a/b.."),
        ("*", "*"),
    ],
)
def test_patterns_are_compared_in_one_form(written: str, normal: str) -> None:
    assert normalise(written, "here") == normal


@pytest.mark.parametrize("pattern", ["/etc/passwd", " /a", "../a", "a/../b", "a/..", "..", ".", "./", "/", " "])
def test_a_pattern_that_leaves_the_repository_is_refused_with_its_place(pattern: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        normalise(pattern, "spec.tasks[1].files[2]")
    (problem,) = caught.value.problems
    assert problem.place == "spec.tasks[1].files[2]"
    assert problem.found.endswith("is not a path within the repository")
    assert problem.hint == "give a path relative to the repository, without .."


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("src/app.py", "src/app.py"),
        ("src", "src/app.py"),
        ("src/**", "src/app.py"),
        ("src/**", "src"),
        ("src/*", "src/api/app.py"),
        ("src/*.py", "src/a*"),
        ("src/**/test_*.py", "src/a/b/test_x.py"),
        ("src/**/test_*.py", "src/test_x.py"),
        ("**", "anything/at/all"),
        ("**/*.md", "docs"),
        ("**/*.md", "docs/README.md"),
        ("a/**/z", "a/b/**"),
        ("v1.2", "v1.2/notes.txt"),
        ("v1.2", "v1.2/*.txt"),
        (".github/**", ".github"),
        ("src/[ab].py", "src/b.py"),
        ("src/[!a]*", "src/z"),
        ("app/[slug]/page.tsx", "app/[slug]/*.tsx"),
        ("src/[", "src/?"),
    ],
)
def test_these_overlap(a: str, b: str) -> None:
    assert overlapping(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("src/app.py", "src/app.pyi"),
        ("src", "srcs/app.py"),
        ("src/*.py", "src/api/app.py"),
        ("src/*.py", "src/*.md"),
        ("src/a*", "src/b*"),
        ("src/**/*.py", "src/style.css"),
        ("**/*.md", "src/main.py"),
        ("**/*.md", "**/*.py"),
        ("*/index.ts", "README.md"),
        ("a/**", "b/**"),
        ("?", "ab"),
        ("src/[", "src/a"),
        ("src/*a", "src/*b"),
    ],
)
def test_these_do_not_overlap(a: str, b: str) -> None:
    assert not overlapping(a, b)


def test_patterns_of_one_task_do_not_lock_it_against_itself_alone() -> None:
    assert conflicts(lock_files([["a", "a/**"], ["b"]])) == ()


def test_conflicts_name_each_group_of_tasks_once_by_its_plainest_path() -> None:
    files = [["src/**", "Makefile"], ["src/a.py", "src/b.py"], ["Makefile"], ["docs/x"]]
    assert conflicts(lock_files(files)) == (
        Conflict("Makefile", (0, 2)),
        Conflict("src/a.py", (0, 1)),
    )


def test_globs_that_take_too_long_to_compare_are_refused_with_the_mend() -> None:
    """Globs that all may meet; 2,000 of them are 2,000,000 pairs."""
    with pytest.raises(ProblemsError) as caught:
        lock_files([[f"*{i}*"] for i in range(2000)])
    (problem,) = caught.value.problems
    assert problem.place == "spec.tasks"
    assert problem.found == "2000 globs among 2000 patterns take too long to compare"
    assert problem.hint == "declare fewer globs in files"


def test_a_few_long_globs_that_are_hard_to_compare_are_refused_too() -> None:
    hard = ["*" + "a?" * 100 + f"*{i}" for i in range(60)] + ["?a" * 100 + f"{i:02}" for i in range(60)]
    with pytest.raises(ProblemsError):
        lock_files([[pattern] for pattern in hard])


def test_many_globs_that_are_far_apart_are_no_trouble() -> None:
    """A glob a task, each in a folder of its own: nothing has to be compared."""
    assert WORK_MAX < 2000 * 2000
    locks = lock_files([[f"packages/p{i}/**"] for i in range(2000)])
    assert not any(locks.of_task)


def test_the_reference_itself_is_right() -> None:
    assert fits("a/b/c", "a/**")
    assert fits("a/b/c", "a/*")
    assert fits("a/b/c.d", "a/**/c.d")
    assert fits("a/c.d", "a/**/c.d")
    assert not fits("a/c.d/e", "a/c.d")
    assert fits("x", "[!ab]")
    assert not fits("a", "[!ab]")
