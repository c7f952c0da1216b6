"""What a task's work must keep to, and that the rest of it is kept where some of it may not be."""

import pytest

from parallelproject.core.graph.file_overlap import fits
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.policy.secret_content import find
from tests.git.remote import REFS, Remote

TOKEN = "ghp_" + "a1B2" * 9


def test_declared_files_are_enforced_where_asked(remote: Remote) -> None:
    attempt = remote.done("a", {"src/x.py": "1", "folder/c.txt": "2", "[id].tsx": "3"})
    declared = attempt.with_policy(files=("src/**", "*.tsx"))
    with pytest.raises(PolicyError) as error:
        declared.with_policy(enforce_files=True).land()
    assert (error.value.reason, error.value.paths) == ("UndeclaredFile", ("folder/c.txt",))
    assert error.value.exit_code == 22
    assert remote.files(f"{REFS}/a/salvage/1") >= {"src/x.py", "folder/c.txt"}
    landed = declared.land()
    assert landed.undeclared == ("folder/c.txt",)


def test_a_file_that_is_too_large_is_left_out_of_what_is_kept(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1", "large": "1" * 5000, "README": "2" * 6000}).with_policy(max_file_bytes=4000)
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert (error.value.reason, set(error.value.paths)) == ("TooLarge", {"large", "README"})
    assert remote.files(f"{REFS}/a/salvage/1") - remote.files("main") == {"x"}
    assert remote.show("README", f"{REFS}/a/salvage/1") == "hello"


def test_many_files_that_are_too_large_together(remote: Remote) -> None:
    attempt = remote.done("a", {f"f{i}": str(i) * 1000 for i in range(5)}).with_policy(max_bytes=4000)
    with pytest.raises(PolicyError, match="5 changed files"):
        attempt.land()


def test_a_large_file_that_was_there_is_nobodys_fault(remote: Remote) -> None:
    remote.commit("main", {"large": "1" * 5000}, "large")
    remote.done("a", {"x": "1"}).with_policy(max_file_bytes=4000).land()


def test_a_credential_is_neither_landed_nor_kept_nor_shown(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1", "conf/deploy.ini": f"a = 1\ntoken = {TOKEN}\n"})
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert (error.value.reason, error.value.paths) == ("Secret", ("conf/deploy.ini",))
    assert "a GitHub token, in line 2" in str(error.value)
    assert TOKEN not in str(error.value)
    assert remote.files(f"{REFS}/a/salvage/1") - remote.files("main") == {"x"}


def test_a_credential_that_was_there_is_nobodys_fault(remote: Remote) -> None:
    remote.commit("main", {"test/fixture": f"{TOKEN}\n"}, "a fixture")
    remote.done("a", {"test/fixture": f"{TOKEN}\nmore\n"}).land()
    with pytest.raises(PolicyError):
        remote.done("b", {"test/fixture": f"{TOKEN}\nAKIA{'A2B3' * 4}\n"}).land()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "a private key"),
        ("key: AKIAABCDEFGHIJKLMNOP", "an AWS access key"),
        ("glpat-" + "x" * 20, "a GitLab token"),
        ("https://user:correct-horse-battery@host/x", "a password in an address"),
    ],
)
def test_what_counts_as_a_credential(text: str, what: str) -> None:
    assert [kind for _, _, kind in find(text.encode())] == [what]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "AKIAEXAMPLE", "ghp_short",
        "https://user:${PASSWORD}@host",
        "https://user:<password>@host", "https://host/a:b@c", "git@github.com:a/b", "sk-learn",
        "https://user:pass@host",
    ],
)  # fmt: skip
def test_what_does_not(text: str) -> None:
    assert list(find(text.encode())) == []


def test_a_path_fits_a_pattern_literally() -> None:
    assert fits("pages/[id].tsx", "pages/*.tsx")
    assert fits("pages/[id].tsx", "pages")
    assert not fits("pages/i.tsx", "pages/[!a-z].tsx")
    assert not fits("a/b/c.py", "a/*.py")
    assert fits("**", "*")
    assert not fits("a", "[z-a]")
    assert not fits("x" * 200, "*a" * 100)
