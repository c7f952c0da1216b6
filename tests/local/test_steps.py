"""Steps and gates with a real repository: what lands has passed all gates as it is, once, whatever was cut off."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parallelproject.local.delivery.gate import rejection
from parallelproject.local.delivery.result import FAILED, DeliveryResult
from parallelproject.local.delivery.step_order import StepOrder
from tests.local.checkout import Checkout, Striker
from tests.local.runner import Runner, tasks, until
from tests.local.test_landing_killed import VICTIMS

GATE = {"name": "review", "gate": True}
COMMAND = """
echo "do $PPROJ_ATTEMPT $PPROJ_ROUND" >> $JOURNAL
cat ${PPROJ_FEEDBACK:-/dev/null} >> $JOURNAL.feedback
echo "round $PPROJ_ROUND" > work; echo kept >> all
"""


@pytest.fixture
def stepped(runner: Callable[..., Runner], tmp_path: Path) -> Callable[..., tuple[Runner, Checkout]]:
    def make(
        *steps: dict[str, Any], command: str = COMMAND, work: Any = None, options: Any = None, **fields: Any
    ) -> tuple[Runner, Checkout]:
        checkout = Checkout(tmp_path)
        spec = {"steps": list(steps), "tasks": work or tasks("a"), **fields}
        return runner(spec, command, options={"repository": checkout.path, **(options or {})}), checkout

    return make


def gate(script: str, name: str = "review", **fields: Any) -> dict[str, Any]:
    said = f'echo "{name} $PPROJ_ROUND" >> $JOURNAL; {script}'
    return {"name": name, "gate": True, "command": ["sh", "-c", said], **fields}


def step(script: str, name: str) -> dict[str, Any]:
    return {"name": name, "command": ["sh", "-c", f'echo "{name} $PPROJ_ROUND" >> $JOURNAL; {script}']}


REVIEWER = 'git show --stat HEAD; grep -q "round 3" work || { echo "not yet: $(cat work)"; exit 1; }'


def test_a_reviewer_that_rejects_twice_then_accepts(stepped: Callable[..., tuple[Runner, Checkout]]) -> None:
    run, checkout = stepped(gate(REVIEWER))
    run.run()
    assert run.journal() == ["do 1 1", "review 1", "do 3 2", "review 2", "do 5 3", "review 3"]
    assert checkout.tasks() == ["a"]
    assert checkout.show("work") == "round 3"
    assert checkout.show("all") == "kept\nkept\nkept", "each round goes on with the work before"
    assert checkout.state() == {"a/landed"}, "nothing is held any more"
    feedback = Path(f"{run.journal_file}.feedback").read_text()
    assert "The work did not land: review rejected the work with exit code 1 (attempt 2)." in feedback
    assert "not yet: round 1" in feedback
    assert "not yet: round 2" in feedback
    run.run()
    assert len(run.journal()) == 6, "nothing is left to do"
    checkout.check()


def test_one_that_never_accepts_fails_the_task_and_its_work_is_kept(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    work = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}]
    run, checkout = stepped(gate("echo never; exit 3", maxRounds=1), work=work)
    said = run.run(1)
    assert run.journal() == ["do 1 1", "review 1", "do 3 2", "review 2"]
    assert checkout.tasks() == []
    assert {"a/held/1", "a/held/3"} <= checkout.state()
    assert checkout.show("work", checkout.ref("a/held/3")) == "round 2"
    assert "GateFailed" in said or "rejected" in said
    assert "review rejected" in said
    run.run(1)
    assert run.journal()[4:] == ["do 5 3", "review 3", "do 7 4", "review 4"], "started again it has as many rounds"


def test_a_security_gate_that_finds_a_planted_key_and_a_fix_that_removes_it(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    planted = 'test $PPROJ_ROUND = 2 || { echo "token = tok-12345" > settings; exit; }; rm -f settings; echo x > work'
    find = '! grep -rn "tok-" --exclude-dir=.git . > $PPROJ_OUTPUTS/found || { cat $PPROJ_OUTPUTS/found; exit 1; }'
    run, checkout = stepped(gate(find, "security"), command=planted)
    run.run()
    assert "./settings:1:token" in Path(run.state / "logs" / "a.2.log").read_text()
    assert checkout.git("log", "--format=%H", "--all", "-S", "tok-12345", "--", "settings") == ""
    assert checkout.git("ls-tree", "--name-only", "parallel/demo").splitlines() == ["README", "shared.txt", "work"]


def test_steps_follow_in_order_and_only_what_those_change_that_are_no_gates_lands(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    spoil = gate("echo spoilt > work; echo more > more; git commit --quiet --allow-empty -m x")
    fixed = step("sed -i s/round/Round/ work; echo formatted > format.txt", "format")
    seen = gate('test "$(cat work)" = "Round 1" && test ! -e more && test "$(git log --oneline | wc -l)" = 2', "test")
    run, checkout = stepped(spoil, fixed, seen)
    run.run()
    assert run.journal() == ["do 1 1", "review 1", "format 1", "review 1", "test 1"]
    assert checkout.show("work") == "Round 1"
    assert checkout.git("diff", "--name-only", "main", "parallel/demo").splitlines() == ["all", "format.txt", "work"]
    assert checkout.tasks() == ["a"]


def test_the_last_step_lands_its_own_change(stepped: Callable[..., tuple[Runner, Checkout]]) -> None:
    run, checkout = stepped(step("echo formatted >> work", "format"))
    run.run()
    assert checkout.show("work") == "round 1\nformatted"
    assert checkout.state() == {"a/landed"}


def test_a_report_in_a_file_rejects_whatever_the_exit_code_is_and_later_is_no_verdict(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    once = "test -e $JOURNAL.later || { touch $JOURNAL.later; exit 75; }"
    file = f'{once}; test $PPROJ_ROUND != 1 || echo "use tabs" > $PPROJ_OUTPUTS/rejected.md'
    run, checkout = stepped(gate(file))
    run.run()
    assert run.journal() == ["do 1 1", "review 1", "review 1", "do 4 2", "review 2"]
    assert "use tabs" in Path(f"{run.journal_file}.feedback").read_text()
    assert checkout.tasks() == ["a"]


def test_a_gate_that_is_killed_is_tried_again_and_is_no_verdict(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    run, checkout = stepped(gate("test -e $JOURNAL.once || { touch $JOURNAL.once; kill -9 $$$$; }"))
    run.run()
    assert run.journal() == ["do 1 1", "review 1", "review 1"]
    assert [row.key[1:] for row in run.attempts()] == [("a", "", 1), ("a", "review", 2), ("a", "review", 3)]
    assert checkout.tasks() == ["a"]


def test_work_that_conflicts_when_all_gates_have_passed_goes_through_all_of_them_again(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    command = """
    echo "$PPROJ_TASK_ID" >> $JOURNAL
    echo "$PPROJ_TASK_ID of $(tail -1 shared.txt)" >> shared.txt
    """
    wait = gate("while test $PPROJ_TASK_ID = a && ! grep -q landed $JOURNAL; do sleep 0.02; done")
    run, checkout = stepped(wait, command=command, work=[{"id": "a"}, {"id": "b", "steps": []}], parallelism=2)
    process = run.start()
    until(lambda: checkout.tasks() == ["b"] if "b/landed" in checkout.state() else False, what="b has landed")
    with run.journal_file.open("a") as journal:
        journal.write("landed\n")
    process.finish(0)
    assert checkout.tasks() == ["b", "a"]
    assert run.journal().count("review 1") == 2
    assert "b/landed" in checkout.state()
    assert not any("held" in ref for ref in checkout.state())


def test_a_run_that_is_stopped_in_a_gate_goes_on_with_that_gate(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    run, checkout = stepped(gate("test -e $JOURNAL.go || exec sleep 600"))
    process = run.start()
    until(lambda: "review 1" in run.journal(), what="the gate")
    process.signal(signal.SIGINT)
    process.finish(130)
    assert checkout.tasks() == []
    Path(f"{run.journal_file}.go").touch()
    run.run()
    assert run.journal() == ["do 1 1", "review 1", "review 1"]
    assert checkout.tasks() == ["a"]


def test_a_task_that_changes_nothing_goes_through_its_gates_and_lands_nothing(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    run, checkout = stepped(gate("true"), command="echo do >> $JOURNAL")
    run.run()
    assert run.journal() == ["do", "review 1"]
    assert checkout.tasks() == []
    assert checkout.state() == set()


def test_a_repair_of_landed_work_goes_through_the_gates_too(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    command = """
    echo "do $PPROJ_ATTEMPT" >> $JOURNAL
    if grep -q "breaks the check" ${PPROJ_FEEDBACK:-/dev/null}; then echo good > work; else echo bad > work; fi
    """
    check = {"name": "sound", "command": ["sh", "-c", "! grep bad work"]}
    run, checkout = stepped(gate("cat work >> $JOURNAL"), command=command, verification={"checks": [check]})
    run.run()
    assert run.journal() == ["do 1", "review 1", "bad", "do 3", "review 1", "good"]
    assert checkout.tasks() == ["a", "a"]
    assert checkout.show("work") == "good"
    assert checkout.state() == {"a/landed", "a/repair/1/landed"}


def leave_ended(run: Runner, attempt: int) -> None:
    """As if an attempt had been cut off after its command had ended well, before its work was held or landed."""
    (run.state / "git" / f"a.{attempt}" / "ended.json").write_text('{"code": 0}')
    (run.state / "results" / f"a.{attempt}.json").unlink()
    Path(f"{run.journal_file}.go").touch()


def test_work_of_a_step_that_was_removed_does_not_land_past_the_gate_that_took_its_place(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    cut = step("echo unjudged >> work; test -e $JOURNAL.go || { touch $JOURNAL.formats; exec sleep 600; }", "format")
    run, checkout = stepped(cut)
    process = run.start()
    until(Path(f"{run.journal_file}.formats").exists, what="the step")
    process.signal(signal.SIGINT)
    process.finish(130)
    leave_ended(run, 2)
    run.spec["steps"] = [gate("! grep unjudged work")]
    run.run()
    assert run.journal() == ["do 1 1", "format 1", "review 1"]
    assert checkout.show("work") == "round 1", "what no gate has judged does not land"
    assert checkout.tasks() == ["a"]


def test_work_that_waits_to_land_does_not_land_past_a_gate_that_was_added(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    run, checkout = stepped(gate("test -e $JOURNAL.go || exec sleep 600; cat work >> $JOURNAL"))
    process = run.start()
    until(lambda: "review 1" in run.journal(), what="the gate")
    process.signal(signal.SIGINT)
    process.finish(130)
    checkout.git("checkout", "--quiet", "-b", "other", "main")
    (checkout.path / "work").write_text("unjudged\n")
    checkout.git("add", "work")
    checkout.git("-c", "user.name=x", "-c", "user.email=x@y", "commit", "--quiet", "--message=a")
    held = checkout.ref("a/held/1")
    checkout.git("update-ref", held.replace("held/1", "result"), "other")
    checkout.git("checkout", "--quiet", "main")
    Path(f"{run.journal_file}.go").touch()
    run.run()
    assert run.journal() == ["do 1 1", "review 1", "review 1", "round 1"]
    assert checkout.show("work") == "round 1"
    assert checkout.state() == {"a/landed", "a/salvage/3"}, "what waited is kept"


def test_a_gate_that_has_accepted_does_not_judge_again_because_landing_was_cut_off(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    run, checkout = stepped(gate("exec sleep 600"))
    process = run.start()
    until(lambda: "review 1" in run.journal(), what="the gate")
    process.signal(signal.SIGINT)
    process.finish(130)
    note = run.state / "git" / "a.2" / "step.json"
    assert note.read_text().endswith(", false]")
    note.write_text(note.read_text().replace(", false]", ", true]"))  # as if it had accepted just before
    run.run()
    assert run.journal() == ["do 1 1", "review 1"]
    assert checkout.tasks() == ["a"]


def test_in_a_repair_the_author_gets_both_reports_and_a_gate_gets_none(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    command = """
    echo "do $PPROJ_ATTEMPT" >> $JOURNAL
    cp ${PPROJ_FEEDBACK:-/dev/null} $JOURNAL.$PPROJ_ATTEMPT
    if test $PPROJ_ATTEMPT -gt 2; then echo "good $PPROJ_ATTEMPT" > work; else echo bad > work; fi
    """
    check = {"name": "sound", "command": ["sh", "-c", "! grep bad work"]}
    judged = 'echo "feedback: $PPROJ_FEEDBACK" >> $JOURNAL; ! grep 3 work || { echo "not three"; exit 1; }'
    run, checkout = stepped(gate(judged), command=command, verification={"checks": [check]})
    run.run()
    first, again = (Path(f"{run.journal_file}.{number}").read_text() for number in (3, 5))
    assert "breaks the check" in first
    assert "breaks the check" in again
    assert "not three" in again
    feedback = [line for line in run.journal() if line.startswith("feedback:")]
    assert feedback[:2] == ["feedback: ", "feedback: "]
    assert feedback[2].endswith("gate.feedback")
    assert checkout.show("work") == "good 5"


def test_outputs_of_the_work_stay_when_it_is_changed_after_a_rejection(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    command = """
    test $PPROJ_ROUND != 1 || echo first > $PPROJ_OUTPUTS/value
    echo "round $PPROJ_ROUND" > work
    """
    run, _ = stepped(gate('grep -q "round 2" work'), command=command)
    run.run()
    assert (run.state / "outputs" / "a" / "value").read_text() == "first\n"


def test_a_step_with_a_command_of_its_own_has_the_environment_of_its_role(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    container = {"name": "x", "image": "x", "command": ["true"], "env": [{"name": "LEVEL", "value": "strict"}]}
    roles = [{"name": "coder"}, {"name": "reviewer", "podTemplate": {"spec": {"containers": [container]}}}]
    judged = gate("echo $LEVEL >> $JOURNAL", role="reviewer")
    run, _ = stepped(judged, roles=roles, defaults={"role": "coder"})
    run.run()
    assert run.journal() == ["do 1 1", "review 1", "strict"]


def test_held_refs_that_cannot_be_removed_fail_no_task_that_has_landed(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    name = 'git --git-dir=$repo for-each-ref --format="%(refname)" | grep held'
    lock = f'repo=$(cat $JOURNAL.repo); touch "$repo/$({name}).lock"'
    run, checkout = stepped(gate(lock))
    Path(f"{run.journal_file}.repo").write_text(str(checkout.path / ".git"))
    run.run()
    assert checkout.tasks() == ["a"]
    assert run.journal() == ["do 1 1", "review 1"]


@pytest.mark.parametrize(
    ("code", "rejects"), [(1, True), (75, False), (127, False), (128, True), (137, False), (192, False), (193, True)]
)
def test_which_exit_codes_of_a_gate_are_a_verdict(tmp_path: Path, code: int, rejects: bool) -> None:
    ended = DeliveryResult(FAILED, "ExitCode", exit_code=code)
    found = rejection(StepOrder("review", True, True), ended, tmp_path, "", by_agent=False)
    assert (found is not None) is rejects


def test_steps_need_a_repository(runner: Callable[..., Runner]) -> None:
    run = runner({"tasks": tasks("a"), "steps": [gate("true")]}, COMMAND)
    with pytest.raises(Exception, match=r"spec\.steps: needs a repository"):
        run.run(1)


def test_held_work_that_somebody_removed_fails_the_task_and_says_so(
    stepped: Callable[..., tuple[Runner, Checkout]],
) -> None:
    names = "for-each-ref --format='%(refname)' refs/parallelproject/"
    remove = f"repo=$(cat $JOURNAL.repo); git --git-dir=$repo update-ref -d $(git --git-dir=$repo {names})"
    run, checkout = stepped(gate(remove), step("true", "format"))
    Path(f"{run.journal_file}.repo").write_text(str(checkout.path / ".git"))
    said = run.run(1)
    assert checkout.tasks() == []
    assert "BranchRewritten" in said
    assert "after pproj run the task does all of its work again" in Path(run.state / "logs" / "a.3.log").read_text()


@pytest.mark.timeout(1200)
@pytest.mark.sampled(1, by=("victim",))
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("at", range(6, 96, 5))
def test_killed_at_a_call_of_git_it_comes_to_the_same_end(
    stepped: Callable[..., tuple[Runner, Checkout]], tmp_path: Path, victim: str, at: int
) -> None:
    judged = 'git show HEAD:work | tee -a $JOURNAL.seen; grep -q "round 2" work || exit 1'
    more = {"defaults": {"backoffSeconds": 0, "maxAttempts": 5}, "conflicts": {"maxReruns": 5}}
    work = [{"id": "a"}, {"id": "b", "dependencies": ["a"], "steps": ["format"]}]
    run, checkout = stepped(gate(judged), step("echo formatted >> work", "format"), work=work, **more)
    striker = Striker(tmp_path)
    striker.arm(f'{VICTIMS[victim]}; real "$@"', at=at)
    run.start(before=striker.use).finish(None)
    assert striker.has_struck
    run.run()
    assert checkout.tasks() == ["a", "b"]
    assert checkout.show("work", "parallel/demo~1") == "round 2\nformatted", "what landed is what passed the gate"
    assert Path(f"{run.journal_file}.seen").read_text().endswith("round 2\nformatted\n")
    left = {name for name in checkout.state() if name.split("/")[1] not in ("salvage", "conflict")}
    assert left == {"a/landed", "b/landed"}
    assert run.journal().count("review 3") == 0, "being killed is no rejection"
    assert run.processes() == []
    checkout.check()


def test_a_failure_after_a_rejection_is_what_the_summary_says(stepped: Callable[..., tuple[Runner, Checkout]]) -> None:
    """The rejection is still open when the attempt that should answer it fails in its own way."""
    command = f'[ "$PPROJ_ROUND" = 1 ] || {{ echo no room; exit 7; }}; {COMMAND}'
    run, _ = stepped(gate("exit 1", maxRounds=3), command=command, work=[{"id": "a", "maxAttempts": 1}])
    said = run.run(1)
    assert "  a: exit code 7, " in said
    assert "no room" in said


def test_work_that_breaks_setup_fails_its_own_task_alone(stepped: Callable[..., tuple[Runner, Checkout]]) -> None:
    setup = ["sh", "-c", "echo set-up >&2; ! test -e broken"]
    run, checkout = stepped(
        gate("true"), command="test $PPROJ_TASK_ID = b || echo x > broken; echo x > $PPROJ_TASK_ID",
        work=[{"id": "a"}, {"id": "b"}], workspace={"setup": setup}, failurePolicy="Continue", parallelism=1,
        defaults={"maxAttempts": 1},
    )  # fmt: skip
    said = run.run(1)
    assert "1 of 2 tasks succeeded, 1 failed" in said, said
    assert "SetupFailed" not in said
    assert "setup failed with exit code 1" in Path(run.state / "logs" / "a.2.log").read_text()
    assert checkout.tasks() == ["b"]
