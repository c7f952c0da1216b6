"""A workspace and a repository that want to do harm: nothing is executed, and nothing outside is read or written."""

import os
import socket
import stat
from pathlib import Path

import pytest

from parallelproject.git.plumbing.outcome import Outcome, PolicyError
from tests.git.remote import BRANCH, REFS, RUN, Remote, git

SECRET = "canary-of-the-host-1234567890"


@pytest.fixture
def touched(tmp_path: Path) -> Path:
    """A file that exists when something was executed."""
    return tmp_path / "touched"


def arm(folder: Path, touched: Path) -> None:
    """Makes a repository in which nearly every command of git executes something, for whoever runs it there."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    dotgit = folder / ".git"
    script = dotgit / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {touched}\ncat 2>/dev/null\n")
    script.chmod(0o755)
    hooks = dotgit / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in (
        "pre-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-push",
        "fsmonitor-watchman",
    ):
        (hooks / name).write_text(script.read_text())
        (hooks / name).chmod(0o755)
    with (dotgit / "config").open("a") as config:
        config.write(
            f'[core]\n fsmonitor = {script}\n hooksPath = {hooks}\n pager = {script}\n editor = {script}\n'
            f' sshCommand = {script}\n'
            f' worktree = /\n attributesFile = {dotgit}/attributes\n alternateRefsCommand = {script}\n'
            f'[filter "evil"]\n clean = {script}\n smudge = {script}\n process = {script}\n required = true\n'
            f'[diff "evil"]\n textconv = {script}\n command = {script}\n[merge "evil"]\n driver = {script}\n'
            f'[credential]\n helper = {script}\n[gpg]\n program = {script}\n[uploadpack]\n packObjectsHook = {script}\n'
            f'[include]\n path = /etc/passwd\n'
        )  # fmt: skip
    (dotgit / "attributes").write_text("* filter=evil diff=evil merge=evil\n")


def test_an_armed_repository_in_the_workspace_executes_nothing(remote: Remote, touched: Path) -> None:
    attempt = remote.done("a", {"x": "1", ".gitattributes": "* filter=evil diff=evil merge=evil ident\n"})
    arm(attempt.place.workspace, touched)
    (attempt.place.workspace / ".gitmodules").write_text(
        f'[submodule "s"]\n path = s\n url = ext::touch {touched}\n update = !touch {touched}\n ignore = none\n'
    )
    remote.commit(BRANCH, {"y": "1"}, "so that a merge is needed")
    assert attempt.land().outcome is Outcome.LANDED
    assert not touched.exists()
    assert remote.show("x") == "1"
    remote.done("b", {"z": "1"})  # on what has landed, attributes and all
    assert not touched.exists()


@pytest.mark.parametrize("born", [True, False])
def test_a_repository_within_is_refused_without_a_look_into_it(remote: Remote, touched: Path, born: bool) -> None:
    attempt = remote.done("a", {"x": "1", "nested/f": "1"})
    nested = attempt.place.workspace / "nested"
    git(nested, "init", "--quiet")
    if born:
        git(nested, "add", "f")
        git(nested, "commit", "--quiet", "-m", "x")
    arm(nested, touched)
    (nested / "f").write_text("2")
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert (error.value.reason, error.value.paths) == ("NestedRepository", ("nested",))
    assert not touched.exists()
    assert error.value.ref == f"{REFS}/a/salvage/1"
    assert "x" in remote.files(error.value.ref)
    assert remote.tip() == remote.tip("main")


def test_a_repository_in_place_of_a_file_is_refused(remote: Remote, touched: Path) -> None:
    attempt = remote.done("a", {})
    (attempt.place.workspace / "README").unlink()
    nested = attempt.place.workspace / "README"
    nested.mkdir()
    git(nested, "init", "--quiet")
    git(nested, "commit", "--quiet", "--allow-empty", "-m", "x")
    arm(nested, touched)
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert error.value.reason == "NestedRepository"
    assert not touched.exists()


def test_a_submodule_of_the_base_is_not_looked_into(remote: Remote, touched: Path) -> None:
    module = remote.folder / "module"
    module.mkdir()
    git(module, "init", "--quiet")
    (module / "f").write_text("1")
    git(module, "add", "f")
    git(module, "commit", "--quiet", "-m", "x")
    tree = git(remote.path, "ls-tree", "main") + f"\n160000 commit {git(module, 'rev-parse', 'HEAD')}\tmodule\n"
    made = git(remote.path, "commit-tree", "-m", "x", git(remote.path, "mktree", "--missing", stdin=tree))
    git(remote.path, "update-ref", "refs/heads/main", made)
    attempt = remote.done("a", {"x": "1"})
    inside = attempt.place.workspace / "module"
    inside.rmdir()
    module.rename(inside)
    arm(inside, touched)
    (inside / ".gitattributes").write_text("* filter=evil\n")
    (inside / "f").write_text("2")
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert error.value.reason == "Submodule"
    assert not touched.exists()
    assert remote.show("module/f", f"{REFS}/a/salvage/1") == "2"
    assert "160000 commit" in git(remote.path, "ls-tree", BRANCH, "module")


def test_a_repository_within_that_is_ignored_is_nobodys_business(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1", ".gitignore": "vendor/\n", "vendor/dep/f": "1"})
    git(attempt.place.workspace / "vendor" / "dep", "init", "--quiet")
    attempt.land()
    assert remote.files() >= {"x", ".gitignore"}
    assert "vendor/dep/f" not in remote.files()


def test_a_repository_made_around_tracked_files_hides_nothing(remote: Remote, touched: Path) -> None:
    attempt = remote.done("a", {"folder/c.txt": "changed\n", "folder/new": "1"})
    git(attempt.place.workspace / "folder", "init", "--quiet")
    arm(attempt.place.workspace / "folder", touched)
    assert set(attempt.land().paths) == {"folder/c.txt", "folder/new"}
    assert not touched.exists()


@pytest.mark.parametrize("how", ["link", "file", "none", "bare"])
def test_the_workspaces_own_git_may_be_anything(remote: Remote, touched: Path, tmp_path: Path, how: str) -> None:
    attempt = remote.done("a", {"x": "1"})
    own = attempt.place.workspace / ".git"
    elsewhere = tmp_path / "elsewhere"
    own.rename(elsewhere)
    if how == "link":
        own.symlink_to(elsewhere)
    elif how == "file":
        own.write_text(f"gitdir: {elsewhere}\n")
    elif how == "bare":  # a bare repository's files in the root of the work tree
        git(attempt.place.workspace, "init", "--quiet", "--bare", ".")
    before = sorted(elsewhere.rglob("*"))
    assert "x" in attempt.land().paths
    assert sorted(elsewhere.rglob("*")) == before
    assert not touched.exists()


def test_links_are_recorded_and_never_followed(remote: Remote, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "c.txt").write_text(SECRET)
    (outside / "secret").write_text(SECRET)
    attempt = remote.done("a", {})
    workspace = attempt.place.workspace
    (workspace / "README").unlink()
    (workspace / "README").symlink_to(outside / "secret")
    (workspace / "up").symlink_to("../../..")
    (workspace / "loop").symlink_to("loop")
    (workspace / "folder" / "c.txt").unlink()
    (workspace / "folder").rmdir()
    (workspace / "folder").symlink_to(outside)  # a tracked file now stands behind it
    (workspace / ".gitignore").symlink_to(outside / "secret")
    (workspace / ".gitattributes").symlink_to(outside / "secret")
    attempt.land()
    modes = dict(reversed(line.split("\t")) for line in git(remote.path, "ls-tree", "-r", BRANCH).splitlines())
    for path in ("README", "up", "loop", "folder", ".gitignore", ".gitattributes"):
        assert modes[path].startswith("120000"), path
    assert "folder/c.txt" not in remote.files()
    assert SECRET not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")
    # And the next task's checkout makes links, through which nothing is written.
    later = remote.done("b", {"new": "1"})
    assert (later.place.workspace / "folder").is_symlink()
    assert sorted(path.name for path in outside.iterdir()) == ["c.txt", "secret"]
    later.land()


def test_files_of_other_kinds_do_not_stop_it(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    workspace = attempt.place.workspace
    os.mkfifo(workspace / "fifo")
    (workspace / "README").unlink()
    os.mkfifo(workspace / "README")
    short = Path(os.path.relpath(workspace / "socket"))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(short) if len(str(short)) < 100 else "\0pproj-test")
    (workspace / "b.txt").unlink()
    (workspace / "b.txt").mkdir()
    attempt.write("b.txt/inner", "1")
    attempt.land()
    server.close()
    assert remote.files() == {"a.txt", "folder/c.txt", "x", "b.txt/inner"}


@pytest.mark.parametrize(
    "name", [".GIT/config", "d/.Git/hooks/x", "git~1/config", ".git /x", ".g\u200cit/config", ".git::$INDEX/x"]
)
def test_names_that_some_file_system_takes_for_git(remote: Remote, name: str) -> None:
    attempt = remote.done("a", {"x": "1", name: "[core]\n"})
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert error.value.reason == "UnsafePath"
    assert remote.files(f"{REFS}/a/salvage/1") >= {"x"}


def test_odd_names_are_kept_as_they_are(remote: Remote) -> None:
    names = [
        " lead",
        "new\nline",
        "tab\t",
        '"quoted"',
        "-dash",
        "--option=1",
        "ünï",
        "a\\b",
        ":(top)x",
        "*",
        "[x]",
        "\x01",
        "x" * 200,
    ]
    attempt = remote.done("a", dict.fromkeys(names, "1"))
    Path(os.fsdecode(os.fsencode(attempt.place.workspace) + b"/\xff\xfe")).write_text("bytes")
    landed = attempt.land()
    assert len(landed.paths) == len(names) + 1
    again = remote.attempt("b")
    again.prepare()
    assert set(names) <= {path.name for path in again.place.workspace.iterdir()}


def test_a_workspace_that_cannot_be_read_says_so(remote: Remote) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    attempt = remote.done("a", {"x": "1", "closed": "1"})
    (attempt.place.workspace / "closed").chmod(0)
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert error.value.reason == "Unreadable"


def test_modes_are_kept(remote: Remote) -> None:
    attempt = remote.done("a", {"run.sh": "#!/bin/sh\n"})
    file = attempt.place.workspace / "run.sh"
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    attempt.land()
    assert git(remote.path, "ls-tree", BRANCH, "run.sh").startswith("100755")


def test_a_configuration_of_the_machine_is_not_read(
    remote: Remote, touched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = touched.parent / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[core]\n fsmonitor = "touch {touched}"\n hooksPath = {home}\n[url "ext::touch {touched}"]\n insteadOf = /\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {touched}")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {touched}")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_EXEC_PATH", str(home))
    assert remote.done("a", {"x": "1"}).land().outcome is Outcome.LANDED
    assert not touched.exists()


@pytest.mark.parametrize("trailers", ["b", "a", "a\nParallel-Attempt: ²", f"a\nParallel-Attempt: {'9' * 5000}"])
def test_a_foreign_commit_in_result_is_not_landed(remote: Remote, trailers: str) -> None:
    message = f"Somebody's\n\nParallel-Run: {RUN}\nParallel-Task: {trailers}"
    commit = remote.commit("other", {"x": "1"}, message, force_parent=git(remote.path, "rev-parse", "main"))
    git(remote.path, "update-ref", f"{REFS}/a/result", commit)
    attempt = remote.attempt("a")
    assert attempt.prepare().outcome is Outcome.LAND_ONLY
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert error.value.reason == "ForeignResult"
