"""Names and trailers that hold what Unicode takes for an end of line, and git does not."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import Outcome
from tests.git.remote import BRANCH, REFS, RUN, Remote, git

PACKAGE = Path(__file__).parents[2] / "operator" / "parallelproject"
ENDS = ["\u0085", "\u2028", "\u2029"]


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))))
def test_only_a_newline_ends_a_line(texts: list[str]) -> None:
    assert lines_of("".join(f"{text}\n" for text in texts)) == texts


def test_what_git_prints_is_read_by_its_own_lines() -> None:
    """``str.splitlines`` breaks names in two. On bytes it does not; those that remain are on bytes."""
    readers = [file for folder in ("git", "local", "forge", "cli") for file in (PACKAGE / folder).rglob("*.py")]
    found = {
        file.name: re.findall(r"\S+\.splitlines\(", file.read_text())
        for file in readers
        if ".splitlines(" in file.read_text()
    }
    assert found == {"ignoring.py": ["rules.splitlines("], "credentials.py": ["key.splitlines("]}


@pytest.mark.parametrize("end", ENDS)
def test_a_trailer_of_others_does_not_stop_a_landing(remote: Remote, end: str) -> None:
    first = remote.done("a", {"one": "1"})
    first.land()
    attempt = remote.done("b", {"two": "2"})
    remote.commit(BRANCH, {"other": "1"}, f"by hand\n\nParallel-Task: x{end}y\nParallel-Run: {RUN}{end}z")
    assert attempt.land().outcome is Outcome.LANDED
    assert remote.attempt("b", 2).prepare().outcome is Outcome.ALREADY_LANDED
    assert remote.files() >= {"one", "two", "other"}


@pytest.mark.parametrize("end", ENDS)
def test_branches_and_tags_with_such_names_stay_what_they_are(remote: Remote, end: str) -> None:
    main = git(remote.path, "rev-parse", "main")
    git(remote.path, "update-ref", f"refs/tags/v{end}1", main)
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}{end}x", main)
    attempt = remote.done("a", {"one": "1"}, depth=0)
    inside = attempt.place.workspace
    assert f"v{end}1" in git(inside, "tag", "--list")
    git(inside, "switch", "--quiet", "--create", f"my{end}side")
    attempt.write("mine", "1")
    git(inside, "add", "mine")
    git(inside, "commit", "--quiet", "-m", "x")
    git(inside, "switch", "--quiet", "-")
    git(inside, "pack-refs", "--all")
    assert attempt.land().outcome is Outcome.LANDED
    (kept,) = [ref for ref in remote.refs() if ref.startswith(f"{REFS}/a/kept/")]
    assert "mine" in remote.files(kept)
