"""Names of refs and addresses: what git would refuse is refused, and what could do harm."""

import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parallelproject.git.plumbing.address import parse
from parallelproject.git.plumbing.delivery import Delivery, Person
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.refs import TaskRefs, check_branch, ref_problem
from tests.core.examples import examples
from tests.git.remote import ENVIRONMENT

parts = st.sampled_from(
    [
        "a",
        "b/",
        "/",
        ".",
        "..",
        "-",
        "@",
        "@{",
        "{",
        "~",
        "^",
        ":",
        "?",
        "*",
        "[",
        "\\",
        " ",
        "\x7f",
        "\n",
        ".lock",
        "HEAD",
        "é",
    ]
)
names = st.lists(parts, min_size=1, max_size=6).map("".join)


def taken_by_git(name: str) -> bool:
    command = ["git", "check-ref-format", f"refs/heads/{name}"]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True).returncode == 0


@examples(150)
@given(names)
@example("a.lock/b")
@example("a/.b")
@example("a//b")
def test_the_rules_are_gits(name: str) -> None:
    ours = ref_problem(name) is None
    stricter = name.startswith("-") or name == "@"
    assert ours == (taken_by_git(name) and not stricter)


ids = st.from_regex(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,12}[A-Za-z0-9])?", fullmatch=True) | st.sampled_from(
    ["a.lock", "a..lock", "a..b", "a...b", "a.b", "result", "HEAD"]
)


@examples(80)
@given(ids, ids)
def test_every_id_has_refs_of_its_own(one: str, other: str) -> None:
    mine, theirs = TaskRefs("run", one), TaskRefs("run", other)
    assert ref_problem(mine.result) is None
    assert taken_by_git(mine.conflict(1))
    assert (mine.folder == theirs.folder) == (one == other)


REFS = [
    "-x", "--upload-pack=touch x", "-", "--", "a..b", "..", ".", "../x", "a/../b", "a b", "a\tb", "a\nb", "a\n",
    "\na", "a\0b", "a~1",
    "a^", "a^{}", "a:b", ":a", "a:", "a*", "*", "a?", "[a", "a\\b", "a@{1}", "@", "@{u}", "a.lock", "a.lock/b", ".a",
    "a/.b",
    "a.", "a/", "/a", "a//b", "", " ", "HEAD", "refs/heads/a", "refs/tags/x", "a\x7fb", "a\x1bb", "a\rb", "x" * 300,
    "\udc80", "refs/x",
]  # fmt: skip
URLS = [
    "", "-", "--upload-pack=touch x", "-oProxyCommand=touch x", "ext::sh -c touch% x", "ext::x", "fd::3",
    "fd::3,4/x", "testgit::x",
    "file:///etc", "file://host/etc", "file:/etc", "/etc", "./x", "../x", "x", "x/y", "~/x", "~root/x", "C:\\x",
    "\\\\host\\x",
    "http://host/x", "HTTP://host/x", "ftp://host/x", "ftps://host/x", "git://host/x", "rsync://host/x",
    "git+ssh://host/x", "ssh+git://h/x",
    "https::https://host/x", "https:///x", "https://", "https://host", "https://host/", "https://-host/x",
    "https://ho st/x", "https://host /x",
    "https://user@host/x", "https://user:pass@host/x", "https://:pass@host/x", "https://@host/x",
    "https://host:port/x", "https://host:99999/x",
    "https://host/x\n", "https://host/x\ny", "https://host/\0", "https://host/x y", "https://host/../x",
    "https://host/x/../y", "https://host/x/..",
    "https://host/x?y=1", "https://host/x#y", "https://host/-x", "https://host/--upload-pack=x",
    "https://host\\@evil/x", "https://host\t/x",
    "https://host%00/x", "https://ho%73t/x", "https://[::1/x", "https://[x]/y", "https://h\u00f6st/x",
    "https://host\u2028/x", " https://host/x",
    "ssh://-oProxyCommand=touch/x", "ssh://-oProxyCommand=touch@host/x", "ssh://user@-oProxyCommand=touch/x",
    "ssh://user:pass@host/x",
    "ssh://host", "ssh://host/../x", "ssh://host/-x", "ssh://ho$(touch x)st/x", "ssh://host;touch/x",
    "ssh://%2doProxyCommand/x", "ssh://us er@h/x",
    "-oProxyCommand=touch:x", "-u@host:x", "user@-host:x", "us$er@host:x", "host:-x", "host:--upload-pack=x",
    "host:../x", "host:x/../y", "host:",
    "user@host", "user@:x", "@host:x", "host;touch:x", "host`touch`:x", "host:x y", "host:x\ny", "host::x",
    "us er@host:x", "$(x)@host:y",
    "javascript:x y", "https:host/x", "ssh:/x/y z", "\u202ehttps://host/x", "https://host/\x1b[31m",
    "https://host/" + "x" * 3000,
    "transport::address", "https://host/x\r", "https://user:p%40ss@host/x", "https://host:/x y",
]  # fmt: skip
TASKS = [
    "", "-", "-a", "a-", ".a", "a.", "a/b", "../a", "a b", "a\n", "a\nb", "a\0", "--upload-pack=x", "a*", "a?b",
    "a:b", "é", "a" * 64, "_a",
]  # fmt: skip
PATHS = [
    "file:///../x",
    "/x/../y",
    "/x\ny",
    "/x\0y",
    "file:///x\ny",
    "file://x/y",
    "/x/..",
    "relative/path",
    "./x",
    "--upload-pack=x",
]


def variants(texts: list[str]) -> list[str]:
    return [*texts, *(f"{text}\nx" for text in texts), *(f"-{text}" for text in texts)]


@pytest.mark.parametrize("name", REFS)
def test_refs_that_are_refused(name: str) -> None:
    with pytest.raises(PolicyError):
        Delivery(url="https://host/x", branch=name, run="r", task="t")
    if name not in ("refs/heads/a", "refs/tags/x", "refs/x"):
        with pytest.raises(PolicyError):
            Delivery(url="https://host/x", branch="b", base_ref=name, run="r", task="t")


@pytest.mark.parametrize("url", URLS)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse(url)
    assert "pass" not in str(error.value).replace("password", "")


def test_300_payloads() -> None:
    """Each of the above again, with an option's dash before it and a second line behind it."""
    refused = 0
    for url in variants(URLS)[len(URLS) :]:
        with pytest.raises(PolicyError):
            parse(url)
        refused += 1
    for name in variants(REFS)[len(REFS) :]:
        with pytest.raises(PolicyError):
            check_branch(name, "branch")
        refused += 1
    for task in TASKS:
        with pytest.raises(PolicyError):
            TaskRefs("run", task)
        with pytest.raises(PolicyError):
            TaskRefs(task, "task")
        refused += 2
    assert refused > 300


@pytest.mark.parametrize("url", PATHS)
def test_paths_that_are_refused_in_local_mode_too(url: str) -> None:
    with pytest.raises(PolicyError):
        parse(url, local=True)


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("https://git.example/acme/shop.git", "https"),
        ("https://git.example:8443/acme/shop", "https"),
        ("https://[::1]:3000/x/y.git", "https"),
        ("ssh://git@git.example:2222/acme/shop.git", "ssh"),
        ("git@git.example:acme/shop.git", "ssh"),
        ("git.example:/srv/shop.git", "ssh"),
        ("https://git.example/a..b/shop", "https"),
    ],
)
def test_addresses_that_are_taken(url: str, scheme: str) -> None:
    assert parse(url).scheme == scheme


def test_a_path_is_taken_in_local_mode_only() -> None:
    assert parse("/srv/a b.git", local=True).scheme == "file"
    assert parse("file:///srv/x.git", local=True).url == "/srv/x.git"
    with pytest.raises(PolicyError):
        parse("/srv/x.git")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a<b", "x>", "...", "\0"])
def test_people_who_are_no_author(name: str) -> None:
    with pytest.raises(PolicyError):
        Person(name, "a@example.org")
