"""``pproj clean``: what it removes of finished runs, and all that it must leave."""

import json
import signal
from pathlib import Path

import pytest

from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.local import cleaning
from parallelproject.local.errors import RunError
from parallelproject.local.state import workspaces
from tests.local.checkout import Checkout
from tests.local.runner import Runner, chain, until

from .conftest import Pproj


@pytest.fixture(autouse=True)
def _state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(workspaces.tempfile, "tempdir", str(tmp_path))  # where nobody else's are found


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps({"tasks": [{"id": 1, "title": "x"}, {"id": 2, "title": "y"}]}))
    return file


def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    checkout = Checkout(tmp_path)
    monkeypatch.chdir(checkout.path)
    return checkout


def refs(checkout: Checkout) -> set[str]:
    return set(checkout.git("for-each-ref", "--format=%(refname)").splitlines())


def test_a_run_that_succeeded_is_listed_and_removed_only_when_agreed_to(pproj: Pproj, tasks: Path, tmp_path: Path):
    assert pproj("run", tasks, "--command", "echo hello").code == 0
    state = tmp_path / ".pproj" / "shop"
    listed = pproj("clean", "--dry-run")
    assert listed.code == 0
    assert listed.out.startswith("shop: succeeded ")
    assert "iB would be removed\n" in listed.err
    asked = pproj("clean")
    assert asked.code == 1
    assert "--yes removes it, --dry-run lists it" in asked.err
    late = pproj("clean", "--yes", "--older-than", "1h")
    assert "shop stays: it ended more recently than --older-than (pproj clean shop removes it)" in late.err
    assert state.is_dir()
    assert pproj("clean", "--yes").code == 0
    assert not state.exists()
    assert pproj("clean", "--yes").err == "nothing to remove\n"
    assert pproj("clean", "--older-than", "soon").err.startswith("error: --older-than soon: not a time")
    unknown = pproj("clean", "shop")
    assert (unknown.code, unknown.err.splitlines()[0]) == (1, "error: there is no local run shop in this folder")


def test_a_run_that_failed_stays_until_it_is_named(pproj: Pproj, tasks: Path, tmp_path: Path):
    assert pproj("run", tasks, "--command", "exit 1", "--set", "spec.defaults.maxAttempts=1").code == 1
    result = pproj("clean", "--yes")
    assert "shop stays: it can be resumed (pproj clean shop removes it)" in result.err
    assert (tmp_path / ".pproj" / "shop" / "state.db").is_file()
    assert pproj("clean", "shop", "--yes").code == 0
    assert not (tmp_path / ".pproj" / "shop").exists()


def test_an_active_run_is_never_touched(pproj: Pproj, tmp_path: Path):
    command = "until [ -e $JOURNAL.$PPROJ_TASK_ID ]; do sleep 0.05; done"
    run = Runner(tmp_path, {"parallelism": 1, "tasks": chain("a")}, "echo x >> $JOURNAL; " + command, {})
    started = run.start()
    until(lambda: run.journal() and pproj("get").code == 0, what="a to be running")
    for names in ((), ("demo",)):
        result = pproj("clean", *names, "--yes")
        assert "demo stays: it is active\n" in result.err
    assert (tmp_path / ".pproj" / "demo" / "state.db").is_file()
    (run.folder / "journal.a").touch()
    started.finish(0)
    until(lambda: pproj("clean", "--dry-run").out.startswith("demo: succeeded"), what="the end of its supervisor")


def test_a_run_that_starts_after_it_was_looked_at_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cleaning, "_PATIENCE", 0.0)
    command = "echo x >> $JOURNAL; until [ ! -e $JOURNAL.hold ] || [ -e $JOURNAL.go ]; do sleep 0.05; done"
    run = Runner(tmp_path, {"tasks": chain("a")}, command, {})
    run.run()
    found = cleaning.survey(run.state)
    assert found.outcome == "succeeded"
    (run.folder / "journal.hold").touch()
    run.options = {"fresh": True}
    started = run.start()
    until(lambda: len(run.journal()) == 2, what="its task to be running")
    with pytest.raises(RunError, match="in use"):
        cleaning.remove_run(found, with_kept_work=True)
    (run.folder / "journal.go").touch()
    started.finish(0)
    assert len(run.journal()) == 2
    assert (run.state / "state.db").is_file()


def test_a_branch_that_moves_after_it_was_looked_at_stays_with_its_new_commit(
    pproj: Pproj, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    checkout = repository(tmp_path, monkeypatch)
    assert pproj("run", tasks, "--repo", ".", "--command", "echo $PPROJ_TASK_ID > f$PPROJ_TASK_ID").code == 0
    checkout.git("merge", "--quiet", "parallel/shop")
    found = cleaning.survey(checkout.path / ".pproj" / "shop")
    assert found.git
    assert found.git.branch_commit
    checkout.git("commit", "--quiet", "--allow-empty", "-m", "later")
    later = checkout.git("rev-parse", "HEAD").strip()
    checkout.git("branch", "--force", "parallel/shop", later)
    with pytest.raises(GitFailedError):
        cleaning.remove_run(found, with_kept_work=True)
    assert checkout.git("rev-parse", "parallel/shop").strip() == later
    assert (checkout.path / ".pproj" / "shop" / "state.db").is_file()


def test_a_branch_whose_base_is_gone_stays(pproj: Pproj, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    checkout = repository(tmp_path, monkeypatch)
    assert pproj("run", tasks, "--repo", ".", "--command", "echo $PPROJ_TASK_ID > f$PPROJ_TASK_ID").code == 0
    checkout.git("branch", "--move", "main", "trunk")
    result = pproj("clean", "--yes")
    assert "branch parallel/shop stays: there is no branch main to compare it with" in result.out
    assert refs(checkout) == {"refs/heads/trunk", "refs/heads/parallel/shop"}


def test_a_branch_goes_once_its_base_has_all_of_it(
    pproj: Pproj, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    checkout = repository(tmp_path, monkeypatch)
    command = ("--repo", ".", "--command", "echo $PPROJ_TASK_ID > f$PPROJ_TASK_ID")
    assert pproj("run", tasks, *command).code == 0
    shown = pproj("clean", "--dry-run")
    assert f"2 refs of work that has landed: {checkout.path}\n" in shown.out
    assert "branch parallel/shop stays: main lacks 2 of its commits" in shown.out
    checkout.git("merge", "--quiet", "parallel/shop")
    assert f"branch parallel/shop, which is fully merged: {checkout.path}" in pproj("clean", "--dry-run").out
    checkout.git("checkout", "--quiet", "parallel/shop")
    assert "stays: it is checked out in" in pproj("clean", "--dry-run").out
    checkout.git("checkout", "--quiet", "main")
    assert pproj("clean", "--yes").code == 0
    assert refs(checkout) == {"refs/heads/main"}
    assert list((tmp_path / "xdg" / "parallelproject").iterdir()) == []
    checkout.check()


def test_a_branch_that_is_not_merged_stays_also_when_its_run_is_named(
    pproj: Pproj, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    checkout = repository(tmp_path, monkeypatch)
    assert pproj("run", tasks, "--repo", ".", "--command", "echo $PPROJ_TASK_ID > f$PPROJ_TASK_ID").code == 0
    assert pproj("clean", "shop", "--yes").code == 0
    assert refs(checkout) == {"refs/heads/main", "refs/heads/parallel/shop"}
    assert sorted(checkout.tasks("parallel/shop")) == ["1", "2"]


def test_work_that_did_not_land_stays_until_its_run_is_named(
    pproj: Pproj, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    checkout = repository(tmp_path, monkeypatch)
    # The first attempt of each leaves work and fails; the second lands. The run succeeds, and what failed is kept.
    command = "echo $PPROJ_ATTEMPT > f$PPROJ_TASK_ID; [ $PPROJ_ATTEMPT = 2 ]"
    assert pproj("run", tasks, "--repo", ".", "--command", command, "--set", "spec.defaults.backoffSeconds=0").code == 0
    kept = {name for name in refs(checkout) if "/salvage/" in name}
    assert len(kept) == 2
    result = pproj("clean", "--yes")
    assert "shop stays: the repository keeps 2 pieces of its work that did not land" in result.err
    assert kept <= refs(checkout)
    assert (checkout.path / ".pproj" / "shop").is_dir()
    named = pproj("clean", "shop", "--dry-run")
    assert "2 refs of work that did NOT land: refs/parallelproject/" in named.out
    assert pproj("clean", "shop", "--yes").code == 0
    assert refs(checkout) == {"refs/heads/main", "refs/heads/parallel/shop"}


def test_a_run_whose_repository_has_moved_stays_until_it_is_named(
    pproj: Pproj, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nobody can say whether all of its work has landed; the repository may only be unmounted."""
    checkout = repository(tmp_path, monkeypatch)
    state = tmp_path / "state"
    assert pproj("run", tasks, "--repo", ".", "--state-dir", state, "--command", "echo > f$PPROJ_TASK_ID").code == 0
    checkout.path.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    result = pproj("clean", "--state-dir", state, "--yes")
    assert "shop stays: whether its work has landed is unknown: " in result.err
    assert "is in no git repository" in result.err
    assert state.is_dir()
    (tmp_path / "elsewhere").rename(checkout.path)
    assert pproj("clean", "--state-dir", state, "--yes").code == 0
    assert not state.exists()


def test_work_that_did_not_land_is_removed_only_when_that_is_asked_for(
    pproj: Pproj, tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    checkout = repository(tmp_path, monkeypatch)
    command = ("--command", "echo x > f$PPROJ_TASK_ID; exit 1", "--max-attempts", 1, "--keep-going")
    assert pproj("run", tasks, "--repo", ".", *command).code == 1
    kept = {name for name in refs(checkout) if "/salvage/" in name}
    assert len(kept) == 2
    cleaning.remove_run(cleaning.survey(checkout.path / ".pproj" / "shop"), with_kept_work=False)
    assert kept <= refs(checkout)


def test_an_interrupted_run_is_called_so_and_stays_until_it_is_named(pproj: Pproj, tmp_path: Path):
    run = Runner(tmp_path, {"tasks": chain("a")}, "echo x >> $JOURNAL; exec sleep 600", {})
    started = run.start()
    until(run.journal, what="a to be running")
    started.signal(signal.SIGINT)
    started.finish(130)
    until(lambda: cleaning.survey(run.state).outcome != "active", what="the end of its supervisor")
    assert "demo stays: it can be resumed" in pproj("clean", "--yes").err
    assert pproj("clean", "demo", "--dry-run").out.startswith("demo: interrupted, ")


def test_workspaces_whose_state_was_removed_by_hand_go(pproj: Pproj, tmp_path: Path):
    own, other = tmp_path / "xdg" / "parallelproject" / "gone-x", tmp_path / "xdg" / "parallelproject" / "there-x"
    for root, owner in ((own, tmp_path / "no-state"), (other, tmp_path)):
        root.mkdir(parents=True)
        (root / ".state").write_text(f"{owner}\n")
        (root / "file").write_text("x" * 5000)
    stranger = tmp_path / "xdg" / "parallelproject" / "stranger"
    stranger.mkdir()
    result = pproj("clean", "--yes")
    assert result.code == 0
    assert result.out.startswith(f"{own}: workspaces of a run whose state was deleted, ")
    assert not own.exists()
    assert other.is_dir()
    assert stranger.is_dir()
