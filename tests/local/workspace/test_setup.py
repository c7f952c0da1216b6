"""``spec.workspace.setup``: what it makes is there and does not land, is made once for the same key, and fails once."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.model.problem import ProblemsError
from tests.local.checkout import BRANCH, Checkout
from tests.local.runner import Runner, chain, tasks, until

Make = Callable[..., Runner]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    (made.path / ".gitignore").write_text("modules/\n")
    (made.path / "lock").write_text("1\n")
    made.git("add", ".")
    made.git("commit", "--quiet", "-m", "lock")
    return made


def spec(items: list[dict[str, object]], script: str, **workspace: object) -> dict[str, object]:
    return {
        "tasks": items, "parallelism": 4, "scheduling": "Graph",
        "workspace": {"setup": ["/bin/sh", "-c", script], **workspace},
    }  # fmt: skip


MAKE = (
    "echo setup >> $JOURNAL; mkdir -p modules/a; cat lock > modules/a/x; ln -s a modules/b; echo new > made; "
    "ln -s made other; echo changed >> README; rm shared.txt"
)


def test_what_setup_makes_is_there_and_is_not_work(runner: Make, checkout: Checkout) -> None:
    command = "cat modules/b/x other >> $JOURNAL; git status --porcelain >> $JOURNAL; cat shared.txt > work"
    run = runner(spec(tasks("a"), MAKE), command, options={"repository": checkout.path})
    run.run()
    assert run.journal() == ["setup", "1", "new"]
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == ["work"]
    log = (run.state / "logs/a.1.log").read_text()
    assert log.startswith("pproj: setup: /bin/sh -c ")
    assert "pproj: setup changed files of the branch, which is undone: README, shared.txt\n" in log


def test_a_task_that_only_has_a_setup_has_changed_nothing(runner: Make, checkout: Checkout) -> None:
    run = runner(spec(tasks("a"), MAKE, cacheKey=["lock"]), "true", options={"repository": checkout.path})
    assert "Changed nothing: a" in run.run()
    run = runner(spec(tasks("a", "b"), MAKE, cacheKey=["lock"]), "true", options={"repository": checkout.path})
    assert "Changed nothing: a, b" in run.run(), "the same from the cache"


def test_a_setup_with_a_key_runs_once_until_the_key_files_change(runner: Make, checkout: Checkout) -> None:
    command = (
        "readlink modules/b >> $JOURNAL; cat modules/a/x made >> $JOURNAL; echo mine >> modules/a/x; "
        "[ $PPROJ_TASK_ID != b ] || echo 2 > lock; echo x > $PPROJ_TASK_ID"
    )
    run = runner(spec(chain("a", "b", "c"), MAKE, cacheKey=["loc*"]), command, options={"repository": checkout.path})
    run.run()
    made = ["a", "1", "new"]
    assert run.journal() == ["setup", *made, *made, "setup", "a", "2", "new"]
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == ["a", "b", "c", "lock"]
    assert (
        "setup: copied made, modules, other, made before for the same lock" in (run.state / "logs/b.1.log").read_text()
    )


def test_tasks_that_start_together_pay_for_one_setup(runner: Make, checkout: Checkout) -> None:
    run = runner(spec(tasks("a", "b", "c"), MAKE, cacheKey=["lock"]), "cat made > $PPROJ_TASK_ID")
    run.options = {"repository": checkout.path}
    run.run()
    assert run.journal() == ["setup"]
    assert sorted(checkout.tasks()) == ["a", "b", "c"]


def test_files_that_the_branch_has_now_are_not_replaced_by_the_cache(runner: Make, checkout: Checkout) -> None:
    script = "echo setup >> $JOURNAL; [ -e made ] || echo setup > made"
    command = "[ $PPROJ_TASK_ID != a ] || { git add -f made; exit; }; cat made > $PPROJ_TASK_ID"
    run = runner(spec(chain("a", "b"), script, cacheKey=["lock"]), command, options={"repository": checkout.path})
    run.run()
    assert run.journal() == ["setup"]
    checkout.git("switch", "--quiet", BRANCH)
    (checkout.path / "made").write_text("branch\n")
    checkout.git("add", "made")
    checkout.git("commit", "--quiet", "-m", "made")
    checkout.git("switch", "--quiet", "main")
    run = runner(spec(chain("a", "b", "c"), script, cacheKey=["lock"]), command, options={"repository": checkout.path})
    run.run()
    assert checkout.show("c") == "branch"


@pytest.mark.parametrize("key", [[], ["lock"]])
def test_a_failure_is_reported_once_and_ends_the_run(runner: Make, checkout: Checkout, key: list[str]) -> None:
    script = "echo setup >> $JOURNAL; echo no such package >&2; exit 3"
    items = [*tasks("a", "b", "c"), {"id": "d", "dependencies": ["a"]}, *tasks("e", "f")]
    wanted = spec(items, script, cacheKey=key) | {"failurePolicy": "Continue"}
    run = runner(wanted, "echo command >> $JOURNAL", options={"repository": checkout.path})
    said = run.run(1)
    assert "0 of 6 tasks succeeded, 1 failed, 5 skipped" in said
    assert said.count("SetupFailed, 1 attempt") == 1, said
    assert "no such package" in said
    assert said.count("failed (SetupFailed)") == 1, "nor is it shown for others that failed in it"
    assert set(run.journal()) == {"setup"}
    assert checkout.tasks() == []
    run.spec["workspace"]["setup"] = ["true"]
    run.run()
    assert sorted(checkout.tasks()) == [], "there was nothing to land"
    assert run.journal().count("command") == 6


def test_a_key_without_a_setup_is_refused(runner: Make, checkout: Checkout) -> None:
    run = runner({"tasks": tasks("a"), "workspace": {"cacheKey": ["lock"]}}, "true")
    run.options = {"repository": checkout.path}
    with pytest.raises(ProblemsError) as error:
        run.run()
    assert "spec.workspace.cacheKey: is set, and setup is not (remove it, or set setup)" in str(error.value)


def test_a_setup_that_says_later_costs_no_attempt(runner: Make, checkout: Checkout) -> None:
    script = "echo setup >> $JOURNAL; [ $(wc -l < $JOURNAL) -gt 1 ] || exit 75"
    wanted = spec(tasks("a"), script) | {"defaults": {"maxAttempts": 1, "backoffSeconds": 0}}
    run = runner(wanted, "echo x > work", options={"repository": checkout.path})
    run.run()
    assert run.journal() == ["setup", "setup"]
    assert checkout.tasks() == ["a"]


def test_a_setup_that_takes_too_long_is_a_deadline_of_the_attempt(runner: Make, checkout: Checkout) -> None:
    items = tasks("a", activeDeadlineSeconds=1, maxAttempts=1)
    run = runner(spec(items, "exec sleep 600"), "echo x > work", options={"repository": checkout.path})
    assert "DeadlineExceeded" in run.run(1)
    assert checkout.tasks() == []


def test_an_attempt_that_was_cut_off_in_its_setup_keeps_nothing_and_runs_again(
    runner: Make, checkout: Checkout
) -> None:
    script = "echo setup >> $JOURNAL; echo x > made; [ $(wc -l < $JOURNAL) -gt 1 ] || exec sleep 600"
    run = runner(spec(tasks("a"), script, cacheKey=["lock"]), "cat made > work", options={"repository": checkout.path})
    process = run.start()
    until(run.journal, what="the setup")
    run.kill_all(process)
    run.run()
    assert run.journal() == ["setup", "setup"]
    assert [ref for ref in checkout.state() if "salvage" in ref] == []
    assert checkout.show("work") == "x"


def test_an_interruption_during_setup_is_no_failure(runner: Make, checkout: Checkout) -> None:
    script = "echo setup >> $JOURNAL; exec sleep 600"
    run = runner(spec(tasks("a", "b"), script, cacheKey=["lock"]), "true", options={"repository": checkout.path})
    process = run.start()
    until(run.journal, what="the setup")
    process.signal(signal.SIGINT)
    assert "interrupted: 0 of 2 tasks succeeded" in process.finish(130)
    assert {row.phase for row in run.attempts()} == {"Stopped"}
    assert run.journal() == ["setup"]


def test_what_a_task_adds_to_a_folder_that_setup_made_is_its_work(runner: Make, checkout: Checkout) -> None:
    script = "mkdir -p docs/a 'new [x]'; echo index > docs/a/index.md; echo x > 'new [x]/y'; mkdir -p modules/a"
    command = "echo guide > docs/guide.md; echo own > 'new [x]/own'; echo x > modules/a/x; echo x >> docs/a/index.md"
    run = runner(spec(tasks("a"), script), command, options={"repository": checkout.path})
    run.run()
    assert checkout.tasks() == ["a"]
    landed = checkout.git("diff", "--name-only", "main", BRANCH).splitlines()
    assert landed == ["docs/guide.md", "new [x]/own"], "not what setup made, nor what is ignored"


def test_what_a_task_adds_to_the_folder_of_a_copied_file_is_its_work_and_the_cache_is_used(
    runner: Make, checkout: Checkout
) -> None:
    """The folders are not ignored, and all that is in one of them is."""
    (checkout.path / ".gitignore").write_text("modules/\n.env\n")
    checkout.git("commit", "--quiet", "--all", "-m", "ignore .env")
    for name in ("config/.env", "data/x"):
        (checkout.path / name).parent.mkdir()
        (checkout.path / name).write_text("x\n")
    script = "echo setup >> $JOURNAL; echo made > config/made.txt; mkdir -p config/deep; echo x > config/deep/.env"
    command = "cat config/made.txt config/deep/.env >> $JOURNAL; echo x > config/$PPROJ_TASK_ID.txt; echo x > data/no"
    wanted = spec(chain("a", "b"), script, cacheKey=["lock"], copy=["config/.env", "data"])
    run = runner(wanted, command, options={"repository": checkout.path})
    run.run()
    assert run.journal() == ["setup", "made", "x", "made", "x"]
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == ["config/a.txt", "config/b.txt"]


def test_a_setup_that_ends_well_when_it_is_asked_to_end_is_not_done(runner: Make, checkout: Checkout) -> None:
    end = "[ $(wc -l < $JOURNAL) -gt 1 ] || { sleep 600 & wait; }"
    script = f"trap 'exit 0' TERM; echo half > made; echo setup >> $JOURNAL; {end}"
    run = runner(spec(tasks("a"), script), "cat made > work", options={"repository": checkout.path})
    process = run.start()
    until(run.journal, what="the setup")
    process.signal(signal.SIGINT)
    process.finish(130)
    run.run()
    assert run.journal() == ["setup", "setup"]
    assert [ref for ref in checkout.state() if "salvage" in ref] == [], "what it has made is no work"
    assert checkout.show("work") == "half"


def test_a_folder_with_copied_files_in_it_is_cached_without_them(runner: Make, checkout: Checkout) -> None:
    for name in ("copied", "deep/copied", "linked"):
        (checkout.path / "modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.path / "modules" / name).write_text("secret\n")
    script = "echo setup >> $JOURNAL; mkdir modules/new; echo x > modules/new/x; echo y > modules/deep/y"
    command = "cat modules/new/x modules/deep/y modules/deep/copied >> $JOURNAL; echo x > $PPROJ_TASK_ID"
    wanted = spec(chain("a", "b"), script, cacheKey=["lock"], copy=["/modules/copied", "/modules/deep/copied"])
    wanted["workspace"]["link"] = ["/modules/linked"]  # type: ignore[index]
    run = runner(wanted, command, options={"repository": checkout.path})
    run.run()
    assert run.journal() == ["setup", *["x", "y", "secret"] * 2]
    kept = sorted(path.name for path in (run.state / "setup").glob("*/files/**/*") if not path.is_dir())
    assert kept == ["x", "y"], "no copy of what is the user's"


def test_folders_are_those_of_the_branch_even_if_setup_changes_what_git_ignores(
    runner: Make, checkout: Checkout
) -> None:
    (checkout.path / "app").mkdir()
    (checkout.path / "app/code").write_text("code\n")
    checkout.git("add", "app")
    checkout.git("commit", "--quiet", "-m", "app")
    script = "echo gen/ >> .gitignore; mkdir gen; echo x > gen/x; rm -r app; ln -s gen app"
    command = "cat gen/x app/code >> $JOURNAL; echo x > gen/own; echo x > app/own"
    run = runner(spec(tasks("a"), script), command, options={"repository": checkout.path})
    run.run()
    assert run.journal() == ["x", "code"]
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == ["app/own", "gen/own"]


@pytest.mark.parametrize("key", [[], ["lock"]])
def test_a_failure_that_its_attempt_could_not_report_stops_no_other(
    runner: Make, checkout: Checkout, key: list[str]
) -> None:
    """As of a process that is killed: the failure is noted, and there is no result."""
    first = '[ $(wc -l < $JOURNAL) -gt 1 ] || { mkdir "$STATE/results/a.1.json"; exit 3; }'
    run = runner(spec(tasks("a"), "", cacheKey=key), "echo command >> $JOURNAL", options={"repository": checkout.path})
    run.spec |= {"defaults": {"maxAttempts": 2, "backoffSeconds": 0}}
    run.spec["workspace"]["setup"] = ["sh", "-c", f"STATE={run.state}; echo setup >> $JOURNAL; {first}"]
    run.run()
    assert run.journal() == ["setup", "setup", "command"]
    assert [(row.reason, row.exit_code) for row in run.attempts()] == [("ExitCode", 1), (None, 0)]


def test_a_setup_that_fails_for_a_check_is_no_failure_of_the_tasks(runner: Make, checkout: Checkout) -> None:
    script = '[ -n "$PPROJ_TASK_ID" ] || [ -s $JOURNAL ] || { echo check >> $JOURNAL; exit 3; }'
    wanted = spec(chain("a", "b"), script, cacheKey=["lock"])
    wanted["verification"] = {"checks": [{"name": "test", "command": ["test", "-e", "lock"]}]}
    run = runner(wanted, "echo $PPROJ_TASK_ID >> lock", options={"repository": checkout.path})
    run.run()
    assert run.journal() == ["check"]
    assert checkout.tasks() == ["a", "b"]
