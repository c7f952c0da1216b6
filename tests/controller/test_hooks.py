"""Hooks of projects in a cluster: each run is one Job, over restarts of the operator and deletions of Jobs."""

import json
from typing import Any

import pytest

from tests.controller.cluster import LABEL, Json, Namespace, condition, role, rows, spec, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

COMMAND = ["sh", "-c", "refresh"]


def hook(**fields: Any) -> Json:
    return {"command": COMMAND, "role": "tools", **fields}


def tools(**behaviour: int) -> list[Json]:
    """The roles of tasks and of hooks; how the pods of hooks behave is in their variables."""
    made = role("tools")
    container = made["podTemplate"]["spec"]["containers"][0]
    container["env"] = [
        {"name": f"PPROJ_PARAM_{name.upper()}", "value": str(value)} for name, value in behaviour.items()
    ]
    container["args"] = ["of the template"]
    return [role(), made]


def hook_jobs(ns: Namespace) -> list[Json]:
    """The Jobs of hooks."""
    return [job for job in ns.jobs() if job["metadata"]["labels"].get(f"{LABEL}/kind") == "Hook"]


def steps(ns: Namespace) -> list[tuple[str, str]]:
    """The steps and attempts of all Jobs of hooks."""
    marks = [job["metadata"]["labels"] for job in hook_jobs(ns)]
    return sorted((each[f"{LABEL}/step"], each[f"{LABEL}/attempt"]) for each in marks)


def release_hook(ns: Namespace) -> None:
    """Lets one hook that is held end."""

    def released() -> bool:
        held = [pod for pod in ns.held() if pod["metadata"]["labels"].get(f"{LABEL}/kind") == "Hook"]
        return ns.release_pods(held[:1])

    ns.until(released, "a hook that is held")


def test_hooks_run_around_levels_and_groups_and_a_restart_repeats_none(
    ns: Namespace, operator: OperatorProcess
) -> None:
    tasks = (task("a", group="X"), task("b", "a", group="X"))
    made = {"beforeLevel": hook(), "afterLevel": hook(), "beforeGroup": hook(), "afterGroup": hook()}
    ns.create(spec(*tasks, roles=tools(hold_attempts=9), defaults={"role": "coder"}, hooks=made))
    waiting = ns.wait(lambda p: p["status"].get("hooks"), "the first hook")
    assert rows(waiting)["a"]["reason"] == "WaitingForHook"
    assert condition(waiting, "HooksSucceeded")["message"] == "beforeLevel of L0"
    assert waiting["status"]["groups"] == [{"name": "X", "phase": "PreExecution"}]
    assert "it starts when the hook beforeLevel of L0 has ended" in ns.why("a")
    operator.kill()
    operator.start()
    for _ in range(6):
        release_hook(ns)
    done = ns.wait_end()
    assert [(row["hook"], row.get("level", row.get("group")), row["state"]) for row in done["status"]["hooks"]] == [
        *[("beforeLevel", level, "Succeeded") for level in (0, 1)],
        *[("afterLevel", level, "Succeeded") for level in (0, 1)],
        *[(kind, "X", "Succeeded") for kind in ("beforeGroup", "afterGroup")],
    ]
    assert {number for _, number in steps(ns)} == {"1"}
    assert condition(done, "Succeeded")["status"] == "True"
    assert done["status"]["groups"] == [{"name": "X", "phase": "Done"}]
    jobs = {job["metadata"]["labels"][f"{LABEL}/step"]: job for job in hook_jobs(ns)}
    pod = jobs["before-level-0"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert (container["command"], container.get("args")) == (COMMAND, None)
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert (variables["PPROJ_HOOK"], variables["PPROJ_LEVEL"], variables["PPROJ_ROLE"]) == ("beforeLevel", "0", "tools")
    ns.until(lambda: not any(job["metadata"].get("finalizers") for job in hook_jobs(ns)), "the Jobs to be released")
    reasons = [reason for reason, _ in ns.events()]
    assert [reasons.count(each) for each in ("GroupPhase", "HookFailed")] == [reasons.count("GroupPhase"), 0]
    assert ("GroupPhase", "group X is in phase Execution; next: Coordination") in ns.events()
    shown = ns.pproj("get", "p").stdout
    assert "beforeGroup of X" in shown


def test_a_failure_is_reported_and_the_project_continues(ns: Namespace) -> None:
    ns.create(spec(task("a"), roles=tools(fail_attempts=9, exit_code=3), defaults={"role": "coder"},
                   hooks={"beforeLevel": hook()}))  # fmt: skip
    done = ns.wait_end()
    assert condition(done, "Succeeded")["status"] == "True"
    found = condition(done, "HooksSucceeded")
    assert (found["status"], found["reason"]) == ("False", "HookFailed")
    assert found["message"] == "beforeLevel of L0 failed (exit code 3), the project continues"
    assert steps(ns) == [("before-level-0", "1")]
    ns.until(lambda: any(reason == "HookFailed" for reason, _ in ns.events()), "an Event")


def test_a_failure_stops_the_project_where_that_is_asked_for_and_a_retry_runs_it_again(ns: Namespace) -> None:
    made = {"beforeGroup": hook(onFailure="Stop")}
    tasks = (task("long", hold=True), task("a", group="X"))
    ns.create(spec(*tasks, roles=tools(fail_attempts=1), defaults={"role": "coder"}, hooks=made))
    done = ns.wait_end()
    assert condition(done, "Succeeded")["reason"] == "HookFailed"
    assert rows(done)["a"]["reason"] == "HookFailed"
    assert rows(done)["long"].get("failures", 0) == 0
    assert "a hook failed before it started, which stops the project" in ns.why("a")
    assert ns.why("a").splitlines()[-1].startswith("next: pproj retry ")
    said = ns.pproj("retry", "p").stdout
    assert "the hook that failed runs again" in said
    ns.release("long")
    done = ns.wait_end()
    assert condition(done, "Succeeded")["status"] == "True"
    assert steps(ns) == [(job, number) for job, number in steps(ns) if number in "12"]
    assert len(hook_jobs(ns)) == 2


def test_a_hook_whose_job_is_deleted_while_it_runs_runs_again_and_one_that_has_ended_does_not(ns: Namespace) -> None:
    tasks = (task("a", hold=True), task("b", "a"))
    ns.create(spec(*tasks, roles=tools(hold_attempts=1), defaults={"role": "coder"}, hooks={"beforeLevel": hook()}))
    ns.wait(lambda p: p["status"]["hooks"][0]["state"] == "Running", "the hook to run")
    (job,) = hook_jobs(ns)
    ns.kubectl("delete", "job", job["metadata"]["name"], "--wait=false")
    ns.wait(lambda p: p["status"]["hooks"][0] == {
        "hook": "beforeLevel", "level": 0, "state": "Succeeded", "attempts": 2, "generation": 1,
    }, "the second run")  # fmt: skip
    for each in hook_jobs(ns):
        ns.kubectl("delete", "job", each["metadata"]["name"], "--wait=false", "--ignore-not-found")
    ns.release("a")
    release_hook(ns)
    done = ns.wait_end()
    assert condition(done, "Succeeded")["status"] == "True"
    assert [(row["level"], row["attempts"]) for row in done["status"]["hooks"]] == [(0, 2), (1, 1)]


def test_a_project_that_is_stopped_stops_its_hooks(ns: Namespace) -> None:
    ns.create(spec(task("a"), roles=tools(hold_attempts=9), defaults={"role": "coder"}, hooks={"beforeLevel": hook()}))
    ns.wait(lambda p: p["status"]["hooks"][0]["state"] == "Running", "the hook to run")
    ns.patch({"stop": True})
    done = ns.wait_end()
    assert condition(done, "Succeeded")["reason"] == "Stopped"
    ns.wait(lambda p: p["status"]["hooks"][0]["state"] == "Stopped", "the hook to be stopped")
    assert json.dumps(hook_jobs(ns)).count("stopped-for") >= 1
