"""No command in a workspace reaches the repository above it, whichever way it takes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.local.state.workspaces import make_root, repository_above
from tests.local.checkout import BRANCH, Checkout
from tests.local.runner import Runner, tasks

Make = Callable[..., Runner]

COMMIT = "git add -A; git -c user.name=x -c user.email=x commit -qm mine"
WAYS = {
    "no-git": f"rm -rf .git; {COMMIT}",
    "no-environment": f"rm -rf .git; unset GIT_CEILING_DIRECTORIES; {COMMIT}",
    "half-git": f"rm -rf .git; mkdir -p .git/refs; {COMMIT}",
    "broken-git": f"echo x > .git/HEAD; {COMMIT}",
    "git-file": f"rm -rf .git; echo 'gitdir: nowhere' > .git; {COMMIT}",
    "up": f"cd ..; {COMMIT}",
    "up-up": f"cd ../..; {COMMIT}; cd ..; {COMMIT}",
    "far": f"cd ../../../..; {COMMIT}; cd ..; {COMMIT}",
    "c": "for up in .. ../.. ../../..; do git -C $up add -A; git -C $up -c user.name=x -c user.email=x "
    "commit -qm c; git -C $up stash -u; git -C $up clean -fdx; git -C $up checkout -qb mine; done",
    "above": "rm -rf ../*",
    "beside": "rm -rf .git; git worktree add ../x; git init ../y; git clean -fdx ..; git -C ../y clean -fdx",
    "back": f'cd - ; cd "$OLDPWD"; cd README 2>/dev/null; {COMMIT}',
    "outputs": f'cd "$PPROJ_OUTPUTS"; {COMMIT}; cd ..; {COMMIT}; cd "$(dirname "$PPROJ_TASK_FILE")"; {COMMIT}',
    "no-environment-outputs": f'unset GIT_CEILING_DIRECTORIES; cd "$PPROJ_OUTPUTS"; {COMMIT}; cd ..; {COMMIT}',
    "hooks": "rm -rf .git; git config core.hooksPath x; git config --local user.name x; git gc --prune=now; "
    "git reset --hard HEAD~1; git update-ref -d HEAD; git remote add origin x; git tag x",
}


@pytest.fixture
def dirty(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path)
    checkout.git("config", "user.name", "owner")
    checkout.git("config", "user.email", "owner@example.com")
    (checkout.path / "README").write_text("stashed\n")
    checkout.git("stash")
    (checkout.path / "README").write_text("staged\n")
    checkout.git("add", "README")
    (checkout.path / "shared.txt").write_text("changed\n")
    (checkout.path / "new").write_text("new\n")
    return checkout


def inside(run: Runner, checkout: Checkout) -> dict[str, str]:
    """As for who stands in the repository: the state is below it. Gives the repository's fingerprint."""
    run.home, run.folder = run.folder / "home", checkout.path
    return checkout.fingerprint()


def the_same(checkout: Checkout) -> dict[str, str]:
    ours = (".pproj/", "journal")
    return {name: value for name, value in checkout.fingerprint().items() if not name.startswith(ours)}


def program(folder: Path) -> str:
    """A command that takes the way that its task is named for."""
    for name, way in WAYS.items():
        (folder / f"{name}.sh").write_text(way)
    return f'exec 2>&1; set -x; . {folder}/"$PPROJ_TASK_ID".sh; true'


@pytest.mark.parametrize("landing", [True, False])
@pytest.mark.parametrize("everywhere", [False, True], ids=["", "a-repository-above-every-place"])
def test_no_way_leads_to_the_repository_above(
    runner: Make, dirty: Checkout, tmp_path: Path, landing: bool, everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"repository": dirty.path} if landing else {}
    # Where there is no better place, only a path that leads out of the state does so.
    ways = [name for name in WAYS if name != "far" or not everywhere]
    spec = {"tasks": tasks(*ways, maxAttempts=1), "failurePolicy": "Continue", "parallelism": 4}
    run = runner(spec, program(tmp_path), options=options)
    before = inside(run, dirty)
    if everywhere:  # as for who has the home directory in git, and no folder for what is temporary
        run.home = dirty.path / ".pproj/home"
        monkeypatch.setenv("HOME", str(run.home))
        monkeypatch.setattr("tempfile.tempdir", str(dirty.path))
    # As where a hook of the repository has started it.
    monkeypatch.setenv("GIT_DIR", str(dirty.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(dirty.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(dirty.path / ".git/index"))
    monkeypatch.setenv("OLDPWD", str(dirty.path))
    monkeypatch.setenv("CDPATH", str(dirty.path))
    output = run.run(None)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    after = the_same(dirty)
    assert after == before, output
    assert len([row for row in run.attempts() if row.started]) == len(ways)
    assert dirty.git("status", "--short") == "M  README\n M shared.txt\n?? new" + (
        "\n?? journal" * run.journal_file.exists()
    )
    link = run.state / "workspaces"
    assert link.is_symlink() != everywhere
    if not everywhere:
        assert repository_above(link.resolve()) is None


def test_the_folder_elsewhere_goes_when_nothing_is_left_in_it(runner: Make, dirty: Checkout) -> None:
    run = runner(tasks("a"), "echo a > a.txt; pwd > $JOURNAL", options={"repository": dirty.path})
    inside(run, dirty)
    run.run()
    assert run.journal()[0].startswith(f"{run.home}/parallelproject/demo-")
    assert run.journal()[0].endswith("/a.1/a")
    assert list((run.home / "parallelproject").iterdir()) == []
    assert not (run.state / "workspaces").is_symlink()


def test_a_run_that_cannot_begin_leaves_no_folder_elsewhere(runner: Make, dirty: Checkout) -> None:
    dirty.git("branch", "parallel")
    run = runner(tasks("a"), "true", options={"repository": dirty.path})
    inside(run, dirty)
    assert "there can be no branch" in run.run(1)
    assert list((run.home / "parallelproject").iterdir()) == []


def test_without_a_repository_to_land_in_it_stays_until_fresh(runner: Make, dirty: Checkout) -> None:
    run = runner(tasks("a"), "echo a > a.txt")
    inside(run, dirty)
    run.run()
    place = (run.state / "workspaces").resolve()
    assert (place / "a/a/a.txt").exists()
    run.run()
    assert (run.state / "workspaces").resolve() == place
    run.options = {"fresh": True}
    run.run()
    assert len(list((run.home / "parallelproject").iterdir())) == 1
    assert not place.exists()


def test_a_copy_of_the_state_has_workspaces_of_its_own(runner: Make, dirty: Checkout) -> None:
    run = runner(tasks("a"), "exit 1")
    inside(run, dirty)
    run.run(1)
    place = (run.state / "workspaces").resolve()
    copy, moved = run.state.with_name("copy"), run.state.with_name("moved")
    shutil.copytree(run.state, copy, symlinks=True)
    assert make_root(copy, "demo", {"XDG_STATE_HOME": str(run.home)}) != place
    assert make_root(run.state, "demo", {}) == place
    run.state.rename(moved)
    assert make_root(moved, "demo", {}) == place
    assert make_root(moved, "demo", {}) == place


def test_what_an_earlier_version_left_inside_the_state_lands(runner: Make, dirty: Checkout) -> None:
    """It had the workspaces in ``work/TASK.N``; its attempt ended well and had not landed yet."""
    run = runner(tasks("a"), "echo a >> a.txt; echo x >> $JOURNAL", options={"repository": dirty.path})
    inside(run, dirty)
    lock = dirty.path / ".git/refs/heads/parallel/demo.lock"
    lock.parent.mkdir()
    run.command += f"; touch {lock}"
    run.run(1)
    assert run.journal() == ["x"]
    place = (run.state / "workspaces").resolve()
    (run.state / "work").mkdir()
    (place / "a.1/a").rename(run.state / "work/a.1")
    (place / "a.1").rmdir()
    lock.unlink()
    run.run()
    assert run.journal() == ["x"]
    assert dirty.show("a.txt", BRANCH) == "a"
    assert not (run.state / "work/a.1").exists()


def test_an_empty_folder_in_the_place_of_a_repository_is_none(tmp_path: Path) -> None:
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert repository_above(below) is None
    (tmp_path / ".git/HEAD").touch()
    assert repository_above(below) == tmp_path
