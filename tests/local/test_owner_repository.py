"""What a run makes of the repository that it is given: its owner's settings, its kinds, and what it has not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.remote import git
from tests.local.checkout import BRANCH, Checkout
from tests.local.runner import Runner, tasks

Make = Callable[..., Runner]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def landing(runner: Make, checkout: Checkout) -> Make:
    def make(spec: object, command: str | None = None, **more: object) -> Runner:
        return runner(spec, command, options={"repository": checkout.path, **more})

    return make


def told(run: Runner, task: str = "a") -> dict[str, object]:
    """The delivery as the attempt's process was told of it."""
    delivery: dict[str, object] = json.loads((run.state / f"tasks/{task}.1.git.json").read_text())["delivery"]
    return delivery


@pytest.mark.parametrize("place", ["system-like", "home", "tilde", "xdg", "default", "worktree"])
def test_what_the_users_git_ignores_does_not_land(
    landing: Make, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    home = tmp_path / "user"
    (home / ".config/git").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    file = home / "ignored"
    (checkout.path / ".git/info/exclude").write_text("*.excluded\n")
    if place == "system-like":
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
        (tmp_path / "config").write_text(f"[core]\n\texcludesfile = {file}\n")
    elif place == "home":
        (home / ".gitconfig").write_text(f"[include]\n\tpath = more\n[core]\n\texcludesFile = {file}x\n")
        (home / "more").write_text("")
        checkout.git("config", "core.excludesFile", str(file))  # the nearest wins
    elif place == "tilde":
        (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/ignored\n")
    elif place == "xdg":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        (tmp_path / "xdg/git").mkdir(parents=True)
        file = tmp_path / "xdg/git/ignore"
    else:
        file = home / ".config/git/ignore"
    file.write_text("*.mine\n")
    run = landing(tasks("a"), "echo 1 > x.mine; echo 1 > x.excluded; echo 1 > x.txt")
    if place == "worktree":
        checkout.git("worktree", "add", "--quiet", "-b", "side", "../side")
        run.options["repository"] = tmp_path / "side"
    run.run()
    assert checkout.git("ls-tree", "-r", "--name-only", BRANCH).split() == ["README", "shared.txt", "x.txt"]


SIX = ("a", "b", "c", "d", "e", "f")


def test_six_tasks_that_tick_their_own_box_in_the_task_file_succeed_at_the_first_try(
    landing: Make, checkout: Checkout, tmp_path: Path
) -> None:
    (checkout.path / "plan").mkdir()
    file = checkout.path / "plan/tasks.md"
    file.write_text("".join(f"- [ ] {task}\n" for task in SIX))
    (checkout.path / ".taskmaster/tasks").mkdir(parents=True)
    (checkout.path / ".taskmaster/tasks/tasks.json").write_text("[]\n")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "plan")
    # All have begun on the same base, and none lands before all have ticked their box.
    tick = (
        'sed -i "s/\\[ \\] $PPROJ_TASK_ID/[x] $PPROJ_TASK_ID/" plan/tasks.md; echo $PPROJ_TASK_ID > '
        ".taskmaster/tasks/tasks.json; mkdir -p .beads; echo $PPROJ_TASK_ID > .beads/issues.jsonl; "
        "echo 1 > $PPROJ_TASK_ID.txt; echo $PPROJ_TASK_ID >> $JOURNAL; "
        "until [ $(sort -u $JOURNAL | wc -l) = 6 ]; do sleep 0.05; done"
    )
    run = landing({"tasks": tasks(*SIX), "parallelism": 6}, tick, source=file)
    output = run.run()
    assert sorted(run.journal()) == list(SIX)
    assert sorted(checkout.tasks()) == list(SIX)
    assert {row.key.attempt for row in run.attempts()} == {1}
    assert checkout.show("plan/tasks.md") == file.read_text().rstrip("\n")
    assert output.count("plan/tasks.md") == 1
    assert (
        ".beads" in output.splitlines()[next(i for i, line in enumerate(output.splitlines()) if "plan/tasks" in line)]
    )


@pytest.mark.parametrize(("name", "other"), [("plan*.json", "plan-2.json"), ("p[12]?.json", "p1x.json")])
def test_the_name_of_the_task_file_is_no_pattern(landing: Make, checkout: Checkout, name: str, other: str) -> None:
    (checkout.path / name).write_text("[]\n")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "plan")
    landing(tasks("a"), f"echo 1 > {other}; echo 1 > '{name}'", source=checkout.path / name).run()
    assert checkout.show(other) == "1"
    assert checkout.show(name) == "[]"


def test_a_project_says_what_does_not_land_instead_of_the_trackers(landing: Make, checkout: Checkout) -> None:
    spec = {"tasks": tasks("a"), "git": {"url": str(checkout.path), "notLanded": ["gen/**"]}}
    landing(spec, "mkdir gen .beads; echo 1 > gen/x; echo 1 > .beads/issues.jsonl").run()
    landed = checkout.git("ls-tree", "-r", "--name-only", BRANCH).split()
    assert ".beads/issues.jsonl" in landed
    assert "gen/x" not in landed


def test_a_task_that_changes_nothing_is_said_so_in_its_line_and_in_the_summary(landing: Make) -> None:
    output = landing(tasks("a", "b"), '[ $PPROJ_TASK_ID = a ] && echo "I may not write" || echo 1 > b.txt').run()
    line = next(line for line in output.splitlines() if " a  succeeded" in line)
    assert line.endswith((", changed nothing (1/2)", ", changed nothing (2/2)"))
    assert "\nChanged nothing: a\n" in output


def test_what_a_task_left_on_another_branch_is_named_with_its_ref(landing: Make, checkout: Checkout) -> None:
    own = "git checkout -q -b other; echo 1 > other.txt; git add .; git commit -q -m other; git checkout -q -"
    output = landing(tasks("a"), own).run()
    (ref,) = [name for name in checkout.state() if name.startswith("a/kept/")]
    full = checkout.ref(ref)
    assert checkout.show("other.txt", full) == "1"
    assert output.count(full) >= 3  # in the task's line, in the summary, and in the command to look at it
    assert f"git -C checkout show {full}" in output


def test_what_workspaces_do_not_have_is_said_before_the_run(landing: Make, checkout: Checkout, tmp_path: Path) -> None:
    (checkout.path / ".gitattributes").write_text("*.bin filter=rot\n*.psd filter=lfs diff=lfs merge=lfs -text\n")
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "--quiet", "--initial-branch=main")
    git(library, "commit", "--quiet", "--allow-empty", "-m", "one")
    checkout.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "more")
    (checkout.path / "README").write_text("changed, and longer\n")
    for name in ("new", "copied", "folder/linked"):
        (checkout.path / name).parent.mkdir(exist_ok=True)
        (checkout.path / name).write_text("new\n")
    wanted = {"tasks": tasks("a", maxAttempts=1), "workspace": {"copy": ["/copied"], "link": ["/folder"]}}
    run = landing(wanted, "exit 1")
    output = run.run(1)
    before = output[: output.index("started")]
    assert "note: 2 files in" in before
    assert "are not committed, so tasks do not see these changes" in before
    assert "README, new (commit them first)" in before
    assert "the filter rot is not run for *.bin" in before
    assert "*.psd are pointers of git-lfs" in before
    assert "spec.workspace.lfs: true" in before
    assert "lib is empty in workspaces" in before
    assert "spec.workspace.submodules: true" in before
    (note,) = [line for line in run.run(1).splitlines() if "note: " in line]  # those of the checkout only once
    assert note.startswith("note: an attempt that takes longer than 2 h is stopped (--task-timeout TIME changes this")


def test_a_partial_clone_fetches_what_it_lacks(runner: Make, checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("config", "uploadpack.allowFilter", "true")
    checkout.git("config", "uploadpack.allowAnySHA1InWant", "true")
    (checkout.path / "README").write_text("second\n")
    checkout.git("commit", "--quiet", "-a", "-m", "second")
    clone = tmp_path / "clone"
    for filter in ("blob:none", "tree:0"):
        git(tmp_path, "clone", "--quiet", "--no-checkout", f"--filter={filter}", f"file://{checkout.path}", str(clone))
        run = runner(tasks("a"), "cat README > a.txt", options={"repository": clone, "fresh": True})
        run.run()
        assert git(clone, "show", f"{BRANCH}:a.txt") == "second"
        assert git(clone, "cat-file", "-t", f"{BRANCH}:shared.txt") == "blob"
        clone.rename(tmp_path / f"clone-{filter[:4]}")


def test_a_partial_clone_whose_remote_is_gone_is_one_error(runner: Make, checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{checkout.path}", str(clone))
    checkout.path.rename(tmp_path / "elsewhere")
    output = runner(tasks("a"), "echo x >> $JOURNAL", options={"repository": clone}).run(1)
    (line,) = output.splitlines()
    assert line.startswith(f"error: {clone}/.git is a partial clone, and what it lacks cannot be fetched from origin")
    assert "--refetch" in line


def test_the_whole_history_with_tags_and_base_is_in_a_workspace(landing: Make, checkout: Checkout) -> None:
    checkout.git("tag", "-m", "first", "v1.0")
    checkout.git("commit", "--quiet", "--allow-empty", "-m", "second")
    look = "git describe > seen; git log --oneline | wc -l >> seen; echo x >> README; git diff --stat main >> seen"
    run = landing(tasks("a"), look)
    run.run()
    lines = checkout.show("seen").splitlines()
    assert lines[0].startswith("v1.0-1-g")
    assert lines[1].strip() == "2"
    assert "README" in lines[2]
    assert told(run)["depth"] == 0


@pytest.mark.parametrize("other", ["parallel", "parallel/demo/x"])
def test_a_branch_in_the_way_is_one_error_before_anything_runs(landing: Make, checkout: Checkout, other: str) -> None:
    checkout.git("branch", other)
    run = landing(tasks("a"), "echo x >> $JOURNAL")
    (line,) = run.run(1).splitlines()
    assert line.startswith(f"error: there can be no branch {BRANCH}")
    assert f"since it has a branch {other} (git branch -m {other} OTHER-NAME" in line
    assert run.journal() == []
    checkout.git("branch", "-m", other, "old")
    run.run()


def test_a_folder_of_the_repository_stands_for_all_of_it(landing: Make, checkout: Checkout) -> None:
    (checkout.path / "sub").mkdir()
    run = landing(tasks("a"), "pwd > where.txt; ls > list.txt", repository=checkout.path / "sub")
    output = run.run()
    assert f"note: --repo names a folder of {checkout.path}" in output
    assert "shared.txt" in checkout.show("list.txt")


def test_a_remote_with_a_relative_path_is_pushed_to(landing: Make, checkout: Checkout, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    checkout.git("remote", "add", "origin", "../remote.git")
    (checkout.path / "sub").mkdir()
    run = landing(tasks("a"), "echo a > a.txt", push=True, repository=checkout.path / "sub")
    assert "is pushed to origin" in run.run()
    assert git(tmp_path / "remote.git", "show", f"{BRANCH}:a.txt") == "a"


def test_a_relative_url_is_one_from_the_file_that_has_it(runner: Make, checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/project.yaml").write_text("")
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    checkout.git("remote", "add", "origin", "../remote.git")
    options = {"source": tmp_path / "plans/project.yaml", "push": True}
    run = runner({"tasks": tasks("a"), "git": {"url": "../checkout"}}, "echo a > a.txt", options=options)
    assert "is pushed to origin" in run.run()
    assert checkout.show("a.txt") == "a"


def test_a_branch_without_a_commit_is_one_error(landing: Make, checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--orphan", "empty")
    (line,) = landing(tasks("a"), "true").run(1).splitlines()
    assert line == (
        f"error: the branch empty, which is checked out in {checkout.path}, has no commit yet (commit something first, "
        "or give --base BRANCH)"
    )


def test_a_detached_head_is_the_base(landing: Make, checkout: Checkout) -> None:
    checkout.git("commit", "--quiet", "--allow-empty", "-m", "second")
    checkout.git("switch", "--quiet", "--detach", "HEAD~1")
    landing(tasks("a"), "echo a > a.txt").run()
    assert checkout.git("rev-parse", f"{BRANCH}~1") == checkout.git("rev-parse", "HEAD")


def test_a_run_that_a_hook_has_started_lands_where_it_is_told_to(
    landing: Make, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    for name, value in (("GIT_DIR", ".git"), ("GIT_WORK_TREE", "."), ("GIT_INDEX_FILE", ".git/index")):
        monkeypatch.setenv(name, str(other / value))
    output = landing(tasks("a"), "echo a > a.txt; git add a.txt; git commit -q -m mine").run()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    assert checkout.show("a.txt") == "a", output
    assert not (other / ".git/index").exists()


def test_folders_without_rights_are_no_hindrance_to_a_new_start(tmp_path: Path) -> None:
    """As a user whom rights bind."""
    bound = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    pproj = [*bound, f"{Path(sys.executable).parent}/pproj"]
    fast = ["--set", "spec.defaults.backoffSeconds=0"]
    checkout = Checkout(tmp_path)
    (checkout.path / "one.json").write_text('{"tasks":[{"id":1,"title":"one"}]}')
    leave = "mkdir -p c/d; echo x>c/d/f; chmod 555 c/d c; mkdir $PPROJ_OUTPUTS/o; touch $PPROJ_OUTPUTS/o/f; "
    for more in ([], ["--repo", "."]):
        for _ in range(2):
            run = [
                *pproj,
                "run",
                "one.json",
                *fast,
                *more,
                "--fresh",
                "--command",
                f"{leave} chmod 0 $PPROJ_OUTPUTS/o; exit 1",
            ]
            done = subprocess.run(run, cwd=checkout.path, capture_output=True, text=True)
            assert "no attempts left" in done.stdout, done.stdout + done.stderr
            assert "Permission denied" not in done.stdout + done.stderr
        run = [*pproj, "run", "one.json", *fast, *more, "--fresh", "--command", "echo 1 > new"]
        done = subprocess.run(run, cwd=checkout.path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
