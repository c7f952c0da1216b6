"""Steps and gates in a cluster: each step is a Job of its own, and nothing lands before its gates have accepted it.

The nodes are fake here, and so is what the containers report; those are tested in tests/git/test_pod_steps.py.
"""

import json

import pytest

from tests.controller.audit import AuditLog, history
from tests.controller.cluster import LABEL, Json, Namespace, condition, has_completed, role, rows, spec, states
from tests.controller.operator_process import OperatorProcess
from tests.controller.stepped import GIT, At, End, Steps, at_of, conflict, feedback, held_task, instruction, killed
from tests.controller.stepped import rejected as rejects

pytestmark = pytest.mark.cluster

REVIEW: Json = {"name": "review", "role": "reviewer", "gate": True, "maxRounds": 2}
FORMAT: Json = {"name": "format", "command": ["format", "$(PPROJ_TASK_ID)"], "deadlineSeconds": 60}
TEST: Json = {"name": "test", "command": ["make", "test"], "gate": True}


def stepped_spec(*tasks: Json, steps: tuple[Json, ...] = (REVIEW, FORMAT, TEST), **fields: object) -> Json:
    reviewer = role("reviewer", maxConcurrent=1)
    reviewer["podTemplate"]["spec"]["containers"][0] |= {"image": "reviewer", "command": ["review"]}
    made = {"defaults": {"role": "coder"}, "roles": [role(), reviewer], **fields}
    return spec(*tasks, steps=list(steps), git=GIT, **made)


def test_each_step_is_a_job_of_its_own_that_goes_on_with_the_work_before(ns: Namespace) -> None:
    made = ns.create(stepped_spec(held_task("a"), held_task("b", "a", steps=[])))
    first = {At("a", 2, "review", 1): rejects("use tabs\n", 3)}
    steps = Steps(ns, first.get)
    done = steps.wait(has_completed, "the end")
    assert states(done) == {"a": "Succeeded", "b": "Succeeded"}
    order = ["a1", "a2 review", "a3", "a4 review", "a5 format", "a6 review", "a7 test", "b1"]
    assert steps.answered == order
    jobs = {at_of(job).number: job for job in ns.jobs("a")}
    assert [at_of(jobs[number]).round for number in range(1, 8)] == [1, 1, 2, 2, 2, 2, 2]
    folder = f"refs/parallelproject/{made['metadata']['uid']}/a/held"
    continued = [instruction(jobs[number]).get("continues", "") for number in range(1, 8)]
    assert continued == ["", *(f"{folder}/{work}" for work in (1, 1, 3, 3, 5, 5))]
    lands = [number for number, job in jobs.items() if instruction(job)["step"]["last"]]
    assert lands == [7], "only what the last gate accepts"
    container = {number: job["spec"]["template"]["spec"]["containers"][0] for number, job in jobs.items()}
    assert (container[2]["image"], container[2]["command"][3:]) == ("reviewer", ["review"])
    assert container[5]["command"][3:] == ["format", "$(PPROJ_TASK_ID)"]
    assert (jobs[5]["spec"]["activeDeadlineSeconds"], container[5]["image"]) == (60, "none")
    for number, step in ((1, ""), (2, "review"), (7, "test")):
        assert jobs[number]["metadata"]["labels"].get(f"{LABEL}/step", "") == step
        assert (f"-a-{step}-" if step else "-a-") in jobs[number]["metadata"]["name"]
    claim = json.loads(jobs[2]["metadata"]["annotations"][f"{LABEL}/claim"])
    assert claim == {"role": "reviewer", "step": "review"}
    told = json.loads(jobs[4]["spec"]["template"]["metadata"]["annotations"][f"{LABEL}/task-file"])
    assert (told["step"], told["role"]) == (
        {"name": "review", "gate": True, "round": 2, "hasWork": True},
        "reviewer",
    )
    redone = feedback(jobs[3])
    assert "The work did not land: it rejected the work with exit code 3 (attempt 2)." in redone
    assert "use tabs" in redone
    assert "You have judged this work before, in attempt 2" in feedback(jobs[4])
    assert (feedback(jobs[5]), feedback(jobs[7])) == ("", "")
    row = rows(done)["a"]
    assert (row["outputs"], row["commit"], row.get("failures")) == ({"answer": "of 3"}, "c" * 10, None)
    shown = ns.pproj("get", "p", "a").stdout
    assert "Step:         review: rejected (attempt 2)\n" in shown
    assert "Step:         test: landed (attempt 7)\n" in shown
    assert ("StepRejected", "a: review rejected the work, with attempt 2") in ns.events()


def test_a_gate_that_never_accepts_fails_the_task_and_its_work_is_kept(ns: Namespace) -> None:
    ns.create(stepped_spec(held_task("a"), held_task("b", "a"), steps=(REVIEW | {"maxRounds": 1},)))
    steps = Steps(ns, lambda at: rejects("never") if at.step else None)
    done = steps.wait(has_completed, "the end")
    assert steps.answered == ["a1", "a2 review", "a3", "a4 review"]
    row = rows(done)["a"]
    assert (row["state"], row["reason"], row["exitCode"], row.get("failures")) == ("Failed", "GateFailed", 1, None)
    assert rows(done)["b"]["reason"] == "DependencyFailed"
    said = ns.why("a")
    assert "review rejected it, twice in all, and its maxRounds is 1" in said
    assert "that of attempt 3 is kept, in the ref of the task held/3" in said
    ns.pproj("retry", "p", "a")
    more = Steps(ns)
    again = more.wait(lambda found: rows(found)["b"]["state"] == "Succeeded", "the end")
    assert more.answered[:2] == ["a5", "a6 review"]
    assert states(again) == {"a": "Succeeded", "b": "Succeeded"}


def test_a_step_has_the_limit_of_its_role_and_keeps_the_files_of_its_task(ns: Namespace) -> None:
    files = {"files": ["src/**"]}
    tasks = [held_task("a"), held_task("b"), held_task("c", **files), held_task("d", **files)]
    ns.create(stepped_spec(*tasks, steps=(REVIEW,)))
    steps = Steps(ns, lambda at: None)
    ns.until(lambda: len(steps.running()) == 3, "the tasks to run")
    assert rows(ns.get())["d"]["reason"] == "WaitingForFiles"
    for pod in steps.running():
        steps.end(pod, End(0, 0, json.dumps({"outcome": "Held"})))
    ns.wait(
        lambda found: sum(row.get("reason") == "WaitingForRole" for row in rows(found).values()) == 2, "two to wait"
    )
    assert [at_of(pod).step for pod in steps.running()] == ["review"]
    waits = rows(ns.get())
    assert waits["d"]["reason"] == "WaitingForFiles"
    waiting = next(task for task in "abc" if waits[task].get("reason") == "WaitingForRole")
    assert "step review is next, on the work of attempt 1" in ns.why(waiting)
    steps.wait(has_completed, "the end")


def test_a_gate_without_a_verdict_runs_again_and_a_conflict_starts_all_over(ns: Namespace) -> None:
    ends = {At("a", 2, "test", 1): killed(), At("a", 3, "test", 1): conflict()}
    ns.create(stepped_spec(held_task("a"), steps=(TEST,)))
    steps = Steps(ns, ends.get)
    row = rows(steps.wait(has_completed, "the end"))["a"]
    assert steps.answered == ["a1", "a2 test", "a3 test", "a4", "a5 test"]
    assert (row["state"], row["failures"], row["conflicts"]) == ("Succeeded", 1, 1)
    assert "continues" not in instruction(ns.jobs("a")[3])
    assert instruction(ns.jobs("a")[4])["continues"].endswith("/a/held/4")


def test_killed_before_each_of_its_decisions_it_lands_the_same_work_in_the_same_order(
    ns: Namespace, operator: OperatorProcess, audit: AuditLog
) -> None:
    since = audit.position()
    made = ns.create(stepped_spec(held_task("a")))
    ends = {At("a", 2, "review", 1): rejects("use tabs\n")}
    order = ["a1", "a2 review", "a3", "a4 review", "a5 format", "a6 review", "a7 test"]
    steps = Steps(ns, ends.get)
    for attempt in order:
        ns.until(lambda attempt=attempt: [str(at_of(pod)) for pod in steps.running()] == [attempt], attempt)
        operator.kill()
        steps.answer()
        operator.start()
    done = ns.wait_end()
    assert (states(done), steps.answered) == ({"a": "Succeeded"}, order)
    created = [h.value for h in history(audit.events(since, ns.name), made["metadata"]["uid"]) if h.kind == "created"]
    assert [str(at_of(job)) for job in created] == order, "each once"
    assert "use tabs" in feedback(ns.jobs("a")[2])
    assert rows(done)["a"]["outputs"] == {"answer": "of 3"}


def test_a_pod_that_is_gone_before_its_end_was_read_counts_for_what_its_job_was_to_do(
    ns: Namespace, operator: OperatorProcess
) -> None:
    ns.create(stepped_spec(held_task("a"), steps=(TEST,)))
    steps = Steps(ns)
    for attempt in ("a1", "a2 test"):
        ns.until(lambda attempt=attempt: [str(at_of(pod)) for pod in steps.running()] == [attempt], attempt)
        operator.kill()
        (pod,) = steps.running()
        steps.answer()
        name = pod["metadata"]["name"]
        ns.until(lambda: all(job["status"].get("succeeded") for job in ns.jobs("a")), "the Job to have its end")
        ns.kubectl("delete", "pod", name, "--wait=false")
        operator.start()
    done = ns.wait_end()
    assert (states(done), steps.answered) == ({"a": "Succeeded"}, ["a1", "a2 test"])
    assert rows(done)["a"]["steps"] == [":1:Held:0"]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"git": None}, "need spec.git in a cluster: the work between two steps is kept in the repository"),
        ({"steps": [{"name": "review", "role": "nobody"}]}, '"nobody" is not a role'),
    ],
)
def test_what_cannot_hand_its_work_on_is_not_accepted(ns: Namespace, fields: Json, found: str) -> None:
    ns.create(stepped_spec(held_task("a")) | fields)
    refused = ns.wait(lambda p: condition(p, "Accepted")["status"] == "False", "a refusal")
    assert found in condition(refused, "Accepted")["message"]
