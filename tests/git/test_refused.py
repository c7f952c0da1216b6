"""Work that may not land: it is refused with the fix, and all of it is kept that may be kept."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parallelproject.git.landing.land import Landed
from parallelproject.git.plumbing.outcome import DeliveryError, PolicyError
from parallelproject.git.policy.secret_files import looks_secret
from parallelproject.git.policy.violation import FIXES
from parallelproject.git.workspace.prepare import Prepared
from parallelproject.model.trackers import TRACKERS
from tests.git.ordinary import Refused, as_ordinary_user
from tests.git.remote import BRANCH, REFS, Attempt, Remote, git

SALVAGE = f"{REFS}/a/salvage/1"
KEY = "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBg\n"


def refusal(attempt: Attempt) -> PolicyError:
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert FIXES[error.value.reason] in str(error.value)
    return error.value


def test_a_repository_within_is_kept_as_files(remote: Remote) -> None:
    attempt = remote.done(
        "a", {"x": "1", "new/f": "1", "new/deep/g": "2", "new/built/h": "3", "new/.gitignore": "built/\n"}
    )
    git(attempt.place.workspace / "new", "init", "--quiet")
    git(attempt.place.workspace / "new" / "deep", "init", "--quiet")
    error = refusal(attempt)
    assert (error.reason, error.ref) == ("NestedRepository", SALVAGE)
    assert remote.files(SALVAGE) - remote.files("main") == {"x", "new/f", "new/.gitignore", "new/deep/g"}
    remote.check()


def test_a_file_that_git_cannot_convert_is_refused_and_kept_as_it_is(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1", "n.txt": "hi\n", ".gitattributes": "*.txt working-tree-encoding=UTF-16\n"})
    error = refusal(attempt)
    assert (error.reason, error.paths, error.ref) == ("Unreadable", ("n.txt",), SALVAGE)
    assert remote.show("n.txt", SALVAGE) == "hi"
    assert remote.files(SALVAGE) >= {"x", ".gitattributes"}


@pytest.mark.parametrize("name", ["a\\.git", "d/b\\git~1", ".gitmodules"])
def test_a_file_that_git_passes_over_is_refused_by_name(remote: Remote, name: str) -> None:
    attempt = remote.done("a", {"x": "1", "d/y": "2"})
    (attempt.place.workspace / name).symlink_to("x")
    error = refusal(attempt)
    assert (error.reason, error.paths, error.ref) == ("UnsafePath", (name,), SALVAGE)
    assert f"Not kept: {name}" in str(error)
    assert remote.files(SALVAGE) - remote.files("main") == {"x", "d/y"}


@pytest.mark.sampled(1, over="mode")
@pytest.mark.parametrize("mode", [0o000, 0o444])
@pytest.mark.parametrize("folder", ["new", "folder", "new/deep", "folder/deep"])
def test_a_folder_that_cannot_be_read_is_refused_by_name(remote: Remote, folder: str, mode: int) -> None:
    attempt = remote.done("a", {"x": "1", f"{folder}/f": "1", f"{folder}/within/g": "1"})
    (attempt.place.workspace / folder).chmod(mode)
    error = as_ordinary_user(Attempt.land, attempt)
    (attempt.place.workspace / folder).chmod(0o755)
    assert isinstance(error, Refused)
    assert (error.reason, error.ref) == ("Unreadable", SALVAGE)
    assert {path for path in error.paths if path.startswith(folder)} == set(error.paths)
    assert FIXES["Unreadable"] in error.text
    assert f"Not kept: {folder}" in error.text
    assert "x" in remote.files(SALVAGE)
    assert remote.files(SALVAGE) >= remote.files("main")


def test_a_change_in_a_folder_that_was_closed_is_not_passed_over(remote: Remote) -> None:
    attempt = remote.done("a", {"folder/c.txt": "changed\n"})
    (attempt.place.workspace / "folder").chmod(0o444)
    error = as_ordinary_user(Attempt.land, attempt)
    (attempt.place.workspace / "folder").chmod(0o755)
    assert isinstance(error, Refused)
    assert (error.reason, error.paths) == ("Unreadable", ("folder",))


def test_a_closed_folder_that_is_ignored_keeps_nothing_from_landing(remote: Remote) -> None:
    remote.commit("main", {".gitignore": "cache/\n"}, "rules")
    attempt = remote.done("a", {"x": "1", "cache/f": "1", "new/cache/f": "1", "new/y": "1"})
    for folder in ("cache", "new/cache"):
        (attempt.place.workspace / folder).chmod(0)
    landed = as_ordinary_user(Attempt.land, attempt)
    for folder in ("cache", "new/cache"):
        (attempt.place.workspace / folder).chmod(0o755)
    assert isinstance(landed, Landed), landed
    assert landed.paths == ("new/y", "x")


def test_a_closed_folder_in_a_repository_within_is_named(remote: Remote) -> None:
    attempt = remote.done("a", {"new/f": "1", "new/closed/g": "1"})
    git(attempt.place.workspace / "new", "init", "--quiet")
    (attempt.place.workspace / "new/closed").chmod(0)
    error = as_ordinary_user(Attempt.land, attempt)
    (attempt.place.workspace / "new/closed").chmod(0o755)
    assert isinstance(error, Refused)
    assert (error.reason, error.ref) == ("NestedRepository", SALVAGE)
    assert "Not kept: new/closed" in error.text
    assert remote.files(SALVAGE) - remote.files("main") == {"new/f"}


def test_what_the_rules_around_a_repository_within_ignore_is_not_kept(remote: Remote) -> None:
    remote.commit("main", {".gitignore": "*.local\n"}, "rules")
    attempt = remote.done("a", {"new/f": "1", "new/x.local": "1"})
    git(attempt.place.workspace / "new", "init", "--quiet")
    assert refusal(attempt).reason == "NestedRepository"
    assert remote.files(SALVAGE) - remote.files("main") == {"new/f"}


def test_a_repository_in_place_of_a_file_is_kept_as_files(remote: Remote) -> None:
    attempt = remote.done("a", {})
    (attempt.place.workspace / "README").unlink()
    attempt.write("README/f", "1")
    git(attempt.place.workspace / "README", "init", "--quiet")
    git(attempt.place.workspace / "README", "commit", "--quiet", "--allow-empty", "-m", "x")
    assert refusal(attempt).reason == "NestedRepository"
    assert "README/f" in remote.files(SALVAGE)


def test_a_credential_in_a_repository_within_is_not_kept(remote: Remote) -> None:
    attempt = remote.done("a", {"new/f": "1", "new/key.txt": KEY})
    git(attempt.place.workspace / "new", "init", "--quiet")
    assert "Not kept: new/key.txt" in str(refusal(attempt))
    assert remote.files(SALVAGE) - remote.files("main") == {"new/f"}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".env", "TOKEN=x\n"), ("app/.env.production", "A=1"), ("prod.env", "export A=1"), ("deploy/id_ed25519", "x"),
        ("tls/privkey.pem", "x"), ("store.p12", "x"), ("release.keystore", "x"), (".npmrc", "//r/:_authToken=abcdef"),
        (".pypirc", "[pypi]\npassword = hunter22"), (".netrc", "machine x login y password z"),
        (".aws/credentials", "[default]"), ("home/.kube/config", "users:\n- user:\n    token: abc"),
        ("credentials.json", "{}"), (".claude/.credentials.json", "{}"), ("terraform.tfstate", '{"password": "x"}'),
        (".docker/config.json", '{"auths": {"r": {"auth": "dTpw"}}}'), (".git-credentials", "https://u:p@h"),
    ],
)  # fmt: skip
def test_files_that_hold_secrets(path: str, content: str) -> None:
    assert looks_secret(path, content.encode())


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".env.example", "TOKEN=x"), (".env.sample", "A=1"), (".env.template", "A=1"), (".env.local.example", "A=1"),
        (".env", ""), ("id_ed25519.pub", "ssh-ed25519 AAAA"), ("cert.pem", "-----BEGIN CERTIFICATE-----"),
        ("public_key.pem", "-----BEGIN PUBLIC KEY-----"), (".npmrc", "save-exact=true"),
        (".npmrc", "//r/:_authToken=${NPM_TOKEN}"), ("tests/fixtures/.env", "A=1"), ("src/env.py", "A = 1"),
        ("debug.keystore", "x"), ("docs/credentials.md", "x"), ("src/environment.ts", "x"), (".env.enc", "A=1"),
        ("docs/kubeconfig.md", "token: x"), ("pip.conf", "[global]\nindex-url = https://x"), (".envrc", "use nix"),
        ("credentials.py", "x"), ("src/privacy.md", "x"),
    ],
)  # fmt: skip
def test_files_that_do_not(path: str, content: str) -> None:
    assert looks_secret(path, content.encode()) is None


def test_a_new_file_of_secrets_is_refused_and_not_kept(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1", ".env": "PASSWORD=hunter2\n", ".env.example": "PASSWORD=\n"})
    error = refusal(attempt)
    assert (error.reason, error.paths, error.ref) == ("SecretFile", (".env",), SALVAGE)
    assert remote.files(SALVAGE) - remote.files("main") == {"x", ".env.example"}
    assert "hunter2" not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def test_one_that_the_repository_has_may_change_and_move(remote: Remote) -> None:
    remote.commit("main", {".env": "COLOUR=red\n"}, "settings")
    remote.done("a", {".env": "COLOUR=blue\n"}).land()
    moving = remote.done("b", {"app/.env": "COLOUR=blue\n"})
    (moving.place.workspace / ".env").unlink()
    moving.land()
    assert "app/.env" in remote.files()


def test_what_the_user_s_git_ignores_neither_lands_nor_is_kept(remote: Remote) -> None:
    remote.commit("main", {"notes.local": "tracked\n"}, "tracked all the same")
    files = {
        "x": "1",
        ".env": "A=1",
        "my.local": "1",
        "notes.local": "changed\n",
        "deep/.idea/w.xml": "1",
        "keep.local": "1",
    }
    attempt = remote.done("a", {**files, ".gitignore": "!keep.local\n"})
    attempt = attempt.with_policy(ignore="# mine\n.env\n*.local\n.idea/\n")
    landed = attempt.land()
    assert set(landed.paths) == {"x", "notes.local", ".gitignore"}
    assert "keep.local" in landed.hidden
    failed = remote.done("b", {**files, "y": "1"}).with_policy(ignore=".env\n*.local\n.idea/\n")
    failed.salvage()
    # By then the rule that names it has landed: it is one of the base.
    assert remote.files(f"{REFS}/b/salvage/1") - remote.files() == {"y", "keep.local"}


def test_what_the_base_ignores_does_not_land_when_the_task_changes_the_rules(remote: Remote) -> None:
    remote.commit("main", {".gitignore": "local.conf\nout/\n", "deep/.gitignore": "*.key\n"}, "rules")
    attempt = remote.done("a", {"local.conf": "1", "out/x": "1", "deep/a.key": "1", ":(top)x": "1"})
    git(attempt.place.workspace, "init", "--quiet", "out/nest")
    attempt.write("out/nest/f", "1")
    (attempt.place.workspace / ".gitignore").unlink()
    attempt.write("deep/.gitignore", "")
    failed = remote.done("b", {"local.conf": "1", ".gitignore": "!local.conf\n", "y": "1"})
    failed.salvage()
    assert remote.files(f"{REFS}/b/salvage/1") - remote.files("main") == {"y"}
    landed = attempt.land()
    assert set(landed.paths) == {".gitignore", "deep/.gitignore", ":(top)x"}
    assert set(landed.hidden) == {"deep/a.key", "local.conf", "out/nest/", "out/x"}


def test_work_that_the_task_s_own_rules_hide_is_reported(remote: Remote) -> None:
    remote.commit("main", {".gitignore": "*.o\n"}, "rules")
    attempt = remote.done(
        "a", {".gitignore": "*.o\nout/\n*.log\n", "a.o": "1", "out/result": "1", "x.log": "1", "x": "1"}
    )
    landed = attempt.land()
    assert set(landed.paths) == {".gitignore", "x"}
    assert set(landed.hidden) == {"out/", "x.log"}


def with_filter(remote: Remote) -> None:
    remote.commit("main", {".gitattributes": "*.bin filter=rot\n", "old.bin": "raw\n", "kept.bin": "raw\n"}, "filter")


def test_a_change_that_a_filter_should_have_made_is_refused_and_kept(remote: Remote) -> None:
    with_filter(remote)
    attempt = remote.done("a", {"x": "1"})
    landed = attempt.land()
    assert landed.paths == ("x",)  # what is not changed stays as it is
    attempt = remote.done("a2", {"old.bin": "changed\n", "new.bin": "1", "y": "1"})
    error = refusal(attempt)
    assert (error.reason, set(error.paths)) == ("Filtered", {"old.bin", "new.bin"})
    assert '"rot"' in str(error)
    assert remote.show("old.bin", str(error.ref)) == "changed"
    assert remote.files(str(error.ref)) >= {"new.bin", "y"}


def test_files_that_a_filter_keeps_are_reported_before_the_command(remote: Remote) -> None:
    with_filter(remote)
    prepared: Prepared = remote.attempt("a").prepare()
    assert len(prepared.notes) == 1
    assert '2 files need the filter "rot"' in prepared.notes[0]
    assert remote.attempt("a", 2).prepare().notes


def test_a_deleted_file_of_a_filter_is_deleted(remote: Remote) -> None:
    with_filter(remote)
    attempt = remote.done("a", {})
    (attempt.place.workspace / "old.bin").unlink()
    assert attempt.land().paths == ("old.bin",)


def test_plain_text_of_an_encrypting_filter_is_not_kept(remote: Remote) -> None:
    remote.commit("main", {".gitattributes": "secret/** filter=git-crypt\n"}, "crypt")
    error = refusal(remote.done("a", {"secret/new": "plain-secret-text", "x": "1"}))
    assert "Not kept: secret/new" in str(error)
    assert "plain-secret-text" not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def module(remote: Remote) -> Path:
    """A submodule ``lib`` of main; its own repository."""
    folder = remote.folder / "module"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "f").write_text("1")
    git(folder, "add", "f")
    git(folder, "commit", "--quiet", "-m", "x")
    commit = git(folder, "rev-parse", "HEAD")
    remote.commit("main", {".gitmodules": f'[submodule "lib"]\n path = lib\n url = {folder}\n'}, "modules")
    tree = git(remote.path, "ls-tree", "main") + f"\n160000 commit {commit}\tlib\n"
    made = git(remote.path, "commit-tree", "-p", "main", "-m", "x", git(remote.path, "mktree", "--missing", stdin=tree))
    git(remote.path, "update-ref", "refs/heads/main", made)
    return folder


def test_what_is_written_below_a_submodule_is_kept(remote: Remote) -> None:
    module(remote)
    error = refusal(remote.done("a", {"x": "1", "lib/x": "lost", "lib/deep/y": "lost"}))
    assert (error.reason, error.paths, error.ref) == ("Submodule", ("lib",), SALVAGE)
    assert remote.files(SALVAGE) >= {"x", "lib/x", "lib/deep/y"}
    assert "160000 commit" in git(remote.path, "ls-tree", "main", "lib")


def filled(remote: Remote) -> Attempt:
    """An attempt whose task has filled the submodule itself."""
    folder = module(remote)
    attempt = remote.done("a", {"x": "1"})
    git(attempt.place.workspace, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    assert attempt.read("lib/f") == (folder / "f").read_text()
    return attempt


def test_a_submodule_that_the_task_filled_and_did_not_change_is_none_of_its_work(remote: Remote) -> None:
    assert filled(remote).land().paths == ("x",)


@pytest.mark.parametrize("committed", [False, True])
def test_a_change_in_a_submodule_that_the_task_filled_is_kept(remote: Remote, committed: bool) -> None:
    attempt = filled(remote)
    attempt.write("lib/f", "changed")
    if committed:
        git(attempt.place.workspace / "lib", "commit", "--quiet", "--all", "-m", "x")
    assert refusal(attempt).reason == "Submodule"
    assert remote.show("lib/f", SALVAGE) == "changed"


def test_trackers_are_nobody_s_work_and_six_at_once_all_land(remote: Remote) -> None:
    boxes = "".join(f"- [ ] T{i}\n" for i in range(6))
    remote.commit("main", {"tasks.md": boxes, ".beads/issues.jsonl": "{}\n"}, "tasks")
    attempts = [remote.done(f"t{i}", {}) for i in range(6)]
    for i, attempt in enumerate(attempts):
        attempt.write("tasks.md", attempt.read("tasks.md").replace(f"[ ] T{i}", f"[x] T{i}"))
        attempt.write(".beads/issues.jsonl", f'{{"done": {i}}}\n')
        attempt.write(".beads/new.jsonl", f"{i}\n")
        attempt.write(f"work{i}", "1")
    mine = (*TRACKERS, "tasks.md")
    with ThreadPoolExecutor(len(attempts)) as pool:
        all_landed = list(pool.map(lambda attempt: attempt.with_policy(not_landed=mine).land(), attempts))
    for i, landed in enumerate(all_landed):
        assert landed.paths == (f"work{i}",)
        assert landed.not_landed == (".beads/issues.jsonl", ".beads/new.jsonl", "tasks.md")
    assert remote.show("tasks.md") == boxes.strip()
    assert ".beads/new.jsonl" not in remote.files(BRANCH)


def test_submodules_are_filled_where_asked(remote: Remote) -> None:
    folder = module(remote)
    attempt = remote.done("a", {"x": "1"}, submodules=True)
    inside = attempt.place.workspace
    assert attempt.read("lib/f") == "1"
    assert git(inside / "lib", "rev-parse", "HEAD") == git(folder, "rev-parse", "HEAD")
    assert git(inside, "submodule", "status").split()[:2] == [git(folder, "rev-parse", "HEAD"), "lib"]
    assert git(inside, "status", "--porcelain") == "?? x"
    assert attempt.land().paths == ("x",)
    later = remote.done("b", {"lib/f": "changed", "lib/new": "1"}, submodules=True)
    error = refusal(later)
    assert (error.reason, "2 files in it changed" in str(error)) == ("Submodule", True)
    assert remote.show("lib/f", str(error.ref)) == "changed"


def test_a_submodule_that_cannot_be_had_is_named(remote: Remote) -> None:
    module(remote).rename(remote.folder / "gone")
    with pytest.raises(DeliveryError, match='submodule "lib"'):
        remote.attempt("a", submodules=True).prepare()


def test_empty_submodules_are_reported_before_the_command(remote: Remote) -> None:
    module(remote)
    assert "submodules are empty (lib)" in remote.attempt("a").prepare().notes[0]
