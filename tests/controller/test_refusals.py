"""Jobs that the API server refuses and may allow later: never a failure, always visible, and over by itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import ControlPlane
from tests.controller.admission import Webhook, denial, mutation, refusal
from tests.controller.cluster import Json, Namespace, condition, role, rows, spec, states, task
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def impatient(cluster: ControlPlane, _operator: OperatorProcess) -> Iterator[OperatorProcess]:
    """An operator that tries again and renews Events every second, in place of the other."""
    patch = "import parallelproject.controller.projects.renewal as e; e.RENEW_SECONDS = 1.0"
    patch += "\nimport parallelproject.executors.base.creations as s; s.REFUSED_LONGEST = s.REFUSED_FIRST = 1.0"
    made = OperatorProcess(cluster, name="impatient", patch=patch)
    with in_place_of(_operator, made):
        yield made


@pytest.fixture
def operator(impatient: OperatorProcess) -> OperatorProcess:
    """The one that runs for the namespaces of these tests."""
    impatient.check()
    return impatient


def why(ns: Namespace, name: str) -> str:
    command = [str(Path(sys.executable).with_name("pproj")), "why", "p", name, "-n", ns.name]
    where = ["--kubeconfig", str(ns.cluster.kubeconfig)]
    return subprocess.run([*command, *where], capture_output=True, text=True, check=True).stdout


def refused(ns: Namespace, reason: str, words: str, *tasks: str) -> Json:
    """Waits until tasks stand as refused everywhere where somebody looks; the project then."""

    def found(project: Json) -> bool:
        row = rows(project)
        told = condition(project, "Refused")
        return all(row[t]["state"] == "Pending" and row[t].get("reason") == reason for t in tasks) and bool(
            words in told.get("message", "") and told["status"] == "True" and told["reason"] == reason
        )

    project = ns.wait(found, f"{', '.join(tasks)} to be {reason}")
    ready = condition(project, "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", reason)
    for name in tasks:
        assert "attempts" not in rows(project)[name], "a refused Job is no attempt"
    # A creation that has no answer is planned anew, and for that moment stands as one that starts.
    said = ns.until(lambda: found if f": Pending, {reason}" in (found := why(ns, tasks[0])) else "", "why to say so")
    assert words in said
    ns.until(lambda: [m for r, m in ns.events() if r == "FailedCreate" and words in m], "an Event of it")
    return project


def all_succeeded_at_once(ns: Namespace) -> None:
    done = ns.wait_end(seconds=90)
    assert set(states(done).values()) == {"Succeeded"}
    assert {row["attempts"] for row in rows(done).values()} == {1}
    assert not any(row.get("failures") for row in rows(done).values())
    assert condition(done, "Refused") == {}
    assert condition(done, "Ready")["status"] == "True"


@pytest.mark.parametrize("reason", ["Invalid", "RequestEntityTooLarge"])
def test_a_policy_that_denies_jobs_is_no_broken_template(ns: Namespace, reason: str) -> None:
    with denial(ns, "no Jobs today", reason):
        ns.create(spec(task("a"), task("b", "a")))
        refused(ns, "RefusedByPolicy", "no Jobs today", "a")
    all_succeeded_at_once(ns)


def test_a_policy_may_deny_with_403(forbidden_ns: Namespace) -> None:
    ns = forbidden_ns
    with denial(ns, "no Jobs today", "Forbidden"):
        ns.create(spec(task("a")))
        refused(ns, "RefusedByPolicy", "no Jobs today", "a")
    all_succeeded_at_once(ns)


def test_a_job_that_a_policy_breaks_is_no_broken_template_and_a_broken_one_is(ns: Namespace) -> None:
    twice = '[JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image", value: ""}]'
    broken = role("broken")
    broken["podTemplate"]["spec"]["containers"][0]["image"] = ""
    with mutation(ns, "batch", "jobs", twice):
        ns.until(lambda: "image" in refusal(ns), "the policy to be in force")
        ns.create(spec(task("a", role="coder"), roles=[role()]))
        refused(ns, "RefusedByPolicy", "spec.template.spec.containers[0].image: Required value", "a")
    all_succeeded_at_once(ns)


def test_a_task_that_is_refused_keeps_no_other_from_starting(ns: Namespace) -> None:
    bad = role("bad")
    bad["podTemplate"]["spec"]["containers"][0]["image"] = "evil"
    unless = "object.spec.template.spec.containers[0].image != 'evil'"
    with denial(ns, "no evil images", unless=unless, image="evil"):
        tasks = [task(f"b{i}", role="bad", priority=9) for i in range(3)] + [
            task(f"g{i}", role="good") for i in range(3)
        ]
        ns.create(spec(*tasks, roles=[bad, role("good")], parallelism=1))
        ns.wait(lambda p: {states(p)[f"g{i}"] for i in range(3)} == {"Succeeded"}, "the others to succeed")
        refused(ns, "RefusedByPolicy", "no evil images", "b0", "b1", "b2")
    all_succeeded_at_once(ns)


def test_an_edit_is_tried_at_once(ns: Namespace) -> None:
    unless = "object.spec.template.spec.containers[0].image != 'none'"
    with denial(ns, "no such images", unless=unless):
        made = ns.create(spec(task("a")))
        refused(ns, "RefusedByPolicy", "no such images", "a")
        roles = made["spec"]["roles"]
        roles[0]["podTemplate"]["spec"]["containers"][0]["image"] = "some"
        ns.patch({"roles": roles})
        all_succeeded_at_once(ns)


def test_a_quota_of_jobs_is_reported_for_as_long_as_it_is_met(forbidden_ns: Namespace) -> None:
    ns = forbidden_ns
    ns.kubectl("create", "quota", "three", "--hard=count/jobs.batch=3")
    ns.until(lambda: "3" in ns.kubectl("get", "quota", "three", "-o", "jsonpath={.status.hard}"), "the quota")
    ns.create(spec(*(task(f"t{i}", hold=True) for i in range(6)), parallelism=6))
    ns.wait(lambda p: p["status"]["counts"]["running"] == 3, "three to run")
    project = ns.wait(lambda p: condition(p, "Refused"), "word of it")
    waiting = [name for name, state in states(project).items() if state == "Pending"]
    assert len(waiting) == 3
    refused(ns, "WaitingForQuota", "exceeded quota: three", *waiting)
    ns.kubectl("delete", "quota", "three")
    ns.release(*(f"t{i}" for i in range(6)))
    all_succeeded_at_once(ns)


# Each by itself: all in one test would have one deadline together.
@pytest.mark.sampled(2)
@pytest.mark.parametrize("code", [400, 403, 409, 422, 500, 503])
def test_a_webhook_may_deny_with_any_code(forbidden_ns: Namespace, tmp_path: Path, code: int) -> None:
    ns, webhook = forbidden_ns, Webhook(tmp_path)
    webhook.status = {"code": code, "message": f"not by me: {code}"}
    if code == 400:
        del webhook.status["code"]  # what a webhook that names none is answered with
    if code == 422:
        causes = [{"reason": "FieldValueInvalid", "field": "spec", "message": "as if invalid"}]
        webhook.status |= {"reason": "Invalid", "details": {"causes": causes}}
    with webhook.registered(ns, "not by me"):
        ns.create(spec(task("t0")))
        refused(ns, "RefusedByPolicy", f"not by me: {code}", "t0")
    all_succeeded_at_once(ns)


def test_a_webhook_may_be_away(forbidden_ns: Namespace, tmp_path: Path) -> None:
    ns, webhook = forbidden_ns, Webhook(tmp_path)
    webhook.status = {"message": "not by me"}
    with webhook.registered(ns, "not by me"):
        ns.create(spec(task("t0")))
        refused(ns, "RefusedByPolicy", "not by me", "t0")
        webhook.stop()
        refused(ns, "FailedCreate", "failed calling webhook", "t0")
    all_succeeded_at_once(ns)


def test_the_event_of_a_refusal_is_renewed(forbidden_ns: Namespace) -> None:
    ns = forbidden_ns
    with denial(ns, "no Jobs today"):
        ns.create(spec(task("a")))
        told = lambda: [m for r, m in ns.events() if r == "FailedCreate"]  # noqa: E731
        ns.until(lambda: len(told()) >= 3, "the Event again and again")
    all_succeeded_at_once(ns)
