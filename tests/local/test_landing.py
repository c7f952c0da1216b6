"""A run with a repository: every task's work lands as one commit, on what its dependencies have landed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.local.delivery.repository import Repository
from parallelproject.model.problem import ProblemsError
from tests.local.checkout import BRANCH, LINES, Checkout, Striker
from tests.local.runner import Runner, tasks

Make = Callable[..., Runner]

WRITE = "echo $PPROJ_TASK_ID >> $PPROJ_TASK_ID.txt"
# Both running at once, on the same base.
TOGETHER = (
    'echo "start $PPROJ_TASK_ID $PPROJ_ATTEMPT" >> $JOURNAL; '
    'if [ $PPROJ_ATTEMPT = 1 ]; then until [ $(grep -c "start . 1" $JOURNAL) = 2 ]; do sleep 0.05; done; fi; '
)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def landing(runner: Make, checkout: Checkout) -> Make:
    """A runner whose work lands in the checkout."""

    def make(spec: object, command: str | None = None, **more: object) -> Runner:
        return runner(spec, command, options={"repository": checkout.path, **more})

    return make


def test_three_levels_land_in_order_each_on_what_the_ones_before_have_landed(landing: Make, checkout: Checkout) -> None:
    spec = [
        {"id": "a", "title": "Do a", "description": "All of it.\n\nParallel-Task: forged"},
        {"id": "b"},
        {"id": "c", "dependencies": ["a", "b"]},
        {"id": "d", "dependencies": ["c"]},
    ]
    run = landing(spec, f"ls *.txt >> $PPROJ_OUTPUTS/seen; pwd >> $PPROJ_OUTPUTS/seen; {WRITE}")
    output = run.run()
    assert sorted(checkout.tasks()[:2]) == ["a", "b"]
    assert checkout.tasks()[2:] == ["c", "d"]
    seen = (run.state / "outputs/d/seen").read_text().split()
    assert seen == ["a.txt", "b.txt", "c.txt", "shared.txt", str(run.state / "workspaces/d.1/d")]
    assert checkout.state() == {"a/landed", "b/landed", "c/landed", "d/landed"}
    assert checkout.git("log", "-1", "--format=%s|%b", checkout.ref("a/landed")).startswith("Do a|All of it.")
    assert [checkout.show(f"{i}.txt") for i in "abcd"] == ["a", "b", "c", "d"]
    checkout.check()
    assert list((run.state / "workspaces").iterdir()) == []  # it is all in the repository
    assert {entry.name for entry in (run.state / "git").iterdir()} == {"home", "landing"}
    assert f"Landed: 4 commits on {BRANCH}" in output
    assert f"git -C checkout log --oneline main..{BRANCH}" in output
    short = checkout.git("rev-parse", "--short=10", BRANCH)
    assert f"landed as {short} (4/4)" in output
    document = json.loads((run.state / "tasks/d.1.json").read_text())
    assert document["dependencies"][0]["commit"] == checkout.git("rev-parse", "--short=10", f"{BRANCH}~1")


def test_the_status_of_a_task_has_its_short_commit(landing: Make, checkout: Checkout, monkeypatch) -> None:
    from parallelproject.core.report.status import render_row
    from parallelproject.local.engine.engine import Engine
    from parallelproject.model.status import TaskState

    made: list[Engine] = []
    begin = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self: made.append(self) or begin(self))
    landing(tasks("a"), WRITE).run()
    row = render_row("a", TaskState.SUCCEEDED, 0, None, made[0].ledger.records["a"])
    assert row["commit"] == checkout.git("rev-parse", "--short=10", BRANCH)


def test_two_tasks_that_declare_the_same_file_run_one_after_the_other_without_a_conflict(
    landing: Make, checkout: Checkout
) -> None:
    command = "echo + >> $JOURNAL; echo $PPROJ_TASK_ID >> shared.txt; sleep 0.05; echo - >> $JOURNAL"
    run = landing(tasks("a", "b", files=["shared.txt"]), command)
    output = run.run()
    assert run.journal() == ["+", "-", "+", "-"]
    assert {(row.key.attempt, row.phase) for row in run.attempts()} == {(1, "Succeeded")}
    assert checkout.show("shared.txt").splitlines()[-2:] == checkout.tasks()
    assert "could run at the same time" not in output


def test_an_undeclared_conflict_is_run_again_on_what_landed_and_both_edits_are_there(
    landing: Make, checkout: Checkout
) -> None:
    command = TOGETHER + (
        '[ -z "$PPROJ_FEEDBACK" ] || cp $PPROJ_FEEDBACK $PPROJ_OUTPUTS/feedback; echo $PPROJ_TASK_ID >> shared.txt'
    )
    run = landing({"tasks": tasks("a", "b"), "defaults": {"maxAttempts": 1}}, command)
    output = run.run()
    first, second = checkout.tasks()
    assert {first, second} == {"a", "b"}
    assert checkout.show("shared.txt") == f"{LINES}{first}\n{second}"
    assert run.journal()[2:] == [f"start {second} 2"]
    assert checkout.state() == {"a/landed", "b/landed", f"{second}/conflict/1"}
    feedback = (run.state / "outputs" / second / "feedback").read_text()
    assert "\nshared.txt\n" in feedback
    assert checkout.ref(f"{second}/conflict/1") in feedback
    assert f"{second}  failed (Conflict)" in output
    assert f"Rerun after a merge conflict: {second} (attempt 2)" in output
    assert "conflict rate 0.33" in output
    checkout.check()


@pytest.mark.parametrize("conflicts", [{"maxReruns": 1}, {"onMergeConflict": "Fail"}])
def test_conflicts_are_final_when_the_reruns_are_used_up_and_a_new_run_has_new_ones(
    landing: Make, checkout: Checkout, conflicts: dict[str, object]
) -> None:
    # Somebody lands the same line while each attempt is running.
    other = checkout.path.parent / "other.sh"
    other.write_text(
        f"set -e; export GIT_DIR={checkout.path}/.git GIT_INDEX_FILE=$PPROJ_OUTPUTS/index\n"
        "export GIT_AUTHOR_NAME=o GIT_AUTHOR_EMAIL=o GIT_COMMITTER_NAME=o GIT_COMMITTER_EMAIL=o\n"
        f"git read-tree {BRANCH}; blob=$(echo $PPROJ_ATTEMPT | git hash-object -w --stdin)\n"
        "git update-index --cacheinfo 100644,$blob,README\n"
        f"git update-ref refs/heads/{BRANCH} $(git commit-tree -p {BRANCH} -m other $(git write-tree))\n"
    )
    run = landing(
        {"tasks": tasks("a"), "conflicts": conflicts}, f"echo x >> $JOURNAL; sh {other}; echo a$PPROJ_ATTEMPT > README"
    )
    attempts = 2 if "maxReruns" in conflicts else 1
    output = run.run(1)
    assert f"a: Conflict, {attempts} attempt" in output
    assert len(run.journal()) == attempts
    assert checkout.state() == {f"a/conflict/{i + 1}" for i in range(attempts)}
    assert f"show refs/parallelproject/{checkout.ref(f'a/conflict/{attempts}').split('/')[2]}/a" in output
    run.run(1)
    assert len(run.journal()) == 2 * attempts
    run.command = "echo done > README"
    run.run()
    assert checkout.show("README") == "done"


def test_what_a_failed_task_left_is_kept_and_the_others_have_landed(landing: Make, checkout: Checkout) -> None:
    run = landing(tasks("a", "b"), f"{WRITE}; [ $PPROJ_TASK_ID = a ] || exit 20")
    output = run.run(1)
    assert checkout.tasks() == ["a"]
    assert checkout.state() == {"a/landed", "b/salvage/1", "b/salvage/2"}
    assert checkout.show("b.txt", checkout.ref("b/salvage/2")) == "b"
    assert "b: exit code 20, 2 attempts" in output  # the command's own, not Conflict
    ref = checkout.ref("b/salvage/2")
    assert f"Kept, not landed:\n  b: {ref}" in output
    checkout.git("branch", "recovered", ref)
    assert f"git -C checkout branch recovered {ref}" in output


def test_what_to_type_next_merges_the_work_once_all_of_it_is_done(landing: Make, checkout: Checkout) -> None:
    run = landing(tasks("a", "b", maxAttempts=1), f"{WRITE}; [ $PPROJ_TASK_ID = a ] || [ -e $JOURNAL.go ]")
    output = run.run(1)
    assert f"git -C checkout log --oneline main..{BRANCH}" in output
    assert f"merge {BRANCH}" not in output
    (run.folder / "journal.go").touch()
    steps = run.run().partition("\nNext\n")[2].splitlines()
    place = steps.index("  Merge it into the branch that is checked out:")
    assert steps[place + 1] == f"    git -C checkout merge {BRANCH}"
    subprocess.run(["sh", "-c", steps[place + 1]], cwd=checkout.path.parent, check=True, capture_output=True)
    assert checkout.git("rev-parse", "main") == checkout.git("rev-parse", BRANCH)
    assert (checkout.path / "b.txt").is_file()


def test_a_task_that_changes_nothing_has_succeeded_without_a_commit(landing: Make, checkout: Checkout) -> None:
    output = landing(tasks("a"), "true").run()
    assert checkout.tasks() == []
    assert checkout.state() == set()
    assert f"Nothing landed on {BRANCH}" in output


def test_work_outside_the_declared_files_is_refused_where_that_is_asked_for(landing: Make, checkout: Checkout) -> None:
    spec = {"tasks": [{"id": "a", "files": ["src/**"]}], "conflicts": {"enforceFiles": True}}
    run = landing(spec, "echo x >> $JOURNAL; mkdir -p src; echo 1 > src/f; echo 2 > other")
    output = run.run(1)
    assert "a: Policy, 1 attempt" in output
    assert '"other" is not in the files' in output
    assert run.journal() == ["x"]  # final: another attempt would not fix it
    assert checkout.show("other", checkout.ref("a/salvage/1")) == "2"


def test_what_was_changed_beside_the_declared_files_is_told(landing: Make, checkout: Checkout) -> None:
    command = TOGETHER + 'if [ $PPROJ_TASK_ID = a ]; then sed -i "1s/.*/A/" shared.txt; else echo B >> shared.txt; fi'
    run = landing([{"id": "a", "files": ["src/**"]}, {"id": "b"}], command)
    output = run.run()
    assert checkout.show("shared.txt").splitlines()[::20] == ["A", "B"]
    assert "Changed by several tasks that could run at the same time" in output
    assert "  shared.txt: a, b\n" in output
    assert "Changed, but not declared in the task's files:\n  a: shared.txt" in output


def test_a_branch_that_was_rewritten_is_final_and_the_work_is_kept(landing: Make, checkout: Checkout) -> None:
    rewrite = (
        f"git --git-dir={checkout.path}/.git -c user.name=o -c user.email=o update-ref refs/heads/{BRANCH} "
        f"$(git --git-dir={checkout.path}/.git -c user.name=o -c user.email=o commit-tree -m other main^{{tree}})"
    )
    run = landing(tasks("a"), f"{rewrite}; {WRITE}")
    output = run.run(1)
    assert "a: BranchRewritten, 1 attempt" in output
    assert checkout.state() == {"a/salvage/1"}


def test_a_deadline_is_that_of_the_command_and_what_it_left_is_kept(landing: Make, checkout: Checkout) -> None:
    spec = {"tasks": tasks("a", activeDeadlineSeconds=3), "defaults": {"maxAttempts": 1}}
    run = landing(spec, f"trap 'echo term >> $JOURNAL; exit 1' TERM; {WRITE}; sleep 1000 & wait")
    run.options["grace_seconds"] = 1000
    output = run.run(1)
    assert "failed (DeadlineExceeded)" in output
    assert run.journal() == ["term"]
    assert checkout.state() == {"a/salvage/1"}


def test_nothing_of_a_command_runs_any_more_when_its_work_is_taken(
    landing: Make, checkout: Checkout, tmp_path: Path
) -> None:
    striker = Striker(tmp_path)
    alive = tmp_path / "alive"
    look = f'grep -slz "^MARK=1" /proc/[0-9]*/environ > {alive}; real "$@"'
    striker.arm(look, command="write-tree")
    late = (
        "MARK=1 setsid sh -c 'echo 1 > late.txt; sleep 1000; sleep 1000' & until [ -s late.txt ]; do sleep 0.05; done"
    )
    run = landing(tasks("a"), late)
    run.start(before=striker.use).finish(0)
    assert checkout.show("late.txt") == "1"
    assert alive.read_text() == ""


def test_the_repository_of_the_manifest_its_branch_base_and_author_are_taken(runner: Make, checkout: Checkout) -> None:
    checkout.git("branch", "dev")
    author = {"name": "Agents", "email": "agents@acme.example"}
    where = {"url": str(checkout.path), "branch": "work/x", "baseRef": "dev", "author": author}
    run = runner({"tasks": tasks("a"), "git": where}, WRITE)
    output = run.run()
    assert checkout.git("log", "-1", "--format=%an %ae %cn", "work/x") == "Agents agents@acme.example Agents"
    assert "log --oneline dev..work/x" in output


def test_the_container_of_a_role_runs_in_the_workspace_and_is_told_of_it(landing: Make, checkout: Checkout) -> None:
    container = {"name": "c", "command": ["sh", "-c", 'pwd > "$1/where.txt"; echo $X >> where.txt', "sh"]}
    container |= {"args": ["$(PPROJ_WORKSPACE)"], "env": [{"name": "X", "value": "in $(PPROJ_WORKSPACE)"}]}
    role = {"name": "r", "podTemplate": {"spec": {"containers": [container]}}}
    run = landing({"tasks": tasks("a"), "roles": [role]})
    run.run()
    workspace = run.state / "workspaces/a.1/a"
    assert checkout.show("where.txt").splitlines() == [str(workspace), f"in {workspace}"]


def test_a_command_that_is_not_there_fails_as_in_a_shell(landing: Make, checkout: Checkout) -> None:
    role = {"name": "r", "podTemplate": {"spec": {"containers": [{"name": "c", "command": ["no-such-program"]}]}}}
    output = landing({"tasks": tasks("a", maxAttempts=1), "roles": [role]}).run(1)
    assert "a: exit code 127, 1 attempt" in output
    assert "cannot start no-such-program" in output


def test_a_run_without_a_repository_does_not_load_git(tmp_path: Path) -> None:
    code = (
        "import sys, parallelproject.local.start\n"
        "sys.exit(any(name.startswith('parallelproject.git') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_repository_elsewhere_needs_a_clone(runner: Make) -> None:
    run = runner({"tasks": tasks("a"), "git": {"url": "https://git.example/acme/shop.git"}}, "true")
    with pytest.raises(ProblemsError, match=r"spec.git.url: .* is not on this machine \(give --repo DIR"):
        run.run()


def test_a_folder_without_a_repository_is_refused(runner: Make, tmp_path: Path) -> None:
    assert "is in no git repository" in runner(tasks("a"), "true", options={"repository": tmp_path}).run(1)


def test_a_branch_that_is_checked_out_is_refused(landing: Make, checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "-c", BRANCH)
    run = landing(tasks("a"), "echo x >> $JOURNAL")
    output = run.run(1)
    assert f"error: the branch {BRANCH} is checked out in {checkout.path}" in output
    assert run.journal() == []
    checkout.git("switch", "--quiet", "main")
    checkout.git("worktree", "add", "--quiet", "../elsewhere", BRANCH)
    assert f"is checked out in {checkout.path.parent}/elsewhere" in run.run(1)


def test_a_work_tree_with_a_newline_in_its_path_is_one_work_tree(checkout: Checkout) -> None:
    strange = checkout.path.parent / f"else\nworktree {checkout.path.parent}/no\nbranch refs/heads/main"
    checkout.git("worktree", "add", "--quiet", "-b", BRANCH, str(strange))
    repository = Repository(checkout.path, checkout.path.parent / "home")
    assert repository.checked_out(BRANCH) == strange
    assert repository.checked_out("main") == checkout.path
    assert repository.work_trees() == [checkout.path, strange]
    assert repository.paths_of(strange / "README") == ["README"]


@pytest.mark.sampled(0, always=lambda count: count == 12)
@pytest.mark.parametrize("count", [12, 30])
def test_many_tasks_eight_at_once_all_land_once(landing: Make, checkout: Checkout, count: int) -> None:
    ids = [f"t{i}" for i in range(count)]
    spec = {"tasks": tasks(*ids), "parallelism": 8}
    run = landing(spec, f'{WRITE}; sed -i "$((${{PPROJ_TASK_ID#t}} % 20 + 1))s/$/ $PPROJ_TASK_ID/" shared.txt')
    run.spec["conflicts"] = {"maxReruns": 20}  # neighbouring lines of one file, by all of them
    run.run()
    assert sorted(checkout.tasks()) == sorted(ids)
    assert [checkout.show(f"{i}.txt") for i in ids] == ids
    edits = checkout.show("shared.txt").split()
    assert sorted(word for word in edits if word.startswith("t")) == sorted(ids)
    checkout.check()


def test_push_brings_the_branch_to_the_remote(landing: Make, checkout: Checkout, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    checkout.git("init", "--quiet", "--bare", str(remote))
    run = landing(tasks("a"), WRITE, push=True)
    assert "--push: " in run.run(1)  # there is no remote yet: nothing has run
    assert run.journal() == []
    checkout.git("remote", "add", "origin", str(remote))
    assert f"{BRANCH} is pushed to origin" in run.run()
    assert checkout.git("ls-remote", str(remote), BRANCH).startswith(checkout.git("rev-parse", BRANCH))
    assert f"{BRANCH} is pushed to origin" in run.run()  # again: there is nothing more to do
    checkout.git("remote", "set-url", "origin", f"file://user:secret@{remote}/gone")
    refused = run.run(1)
    assert f"error: --push: {BRANCH} was not pushed to origin" in refused
    assert "secret" not in refused
