"""The Job of an attempt at a step of a task, and what its end means."""

import json
from typing import Any

import pytest

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase, Record
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.step_at import step_at
from parallelproject.core.steps.step import StepEnd, StepVerdict
from parallelproject.executors.base.executor import TaskStart
from parallelproject.executors.base.identity import key_of
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.executors.job.observation import JobView, PodView, attempt_of, view_job, view_pod
from parallelproject.executors.job.task_job import check_for_cluster
from parallelproject.model.names import job_name
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec
from parallelproject.model.work import WorkKey

Json = dict[str, Any]
OWNER = Owner("shop", "agents", "uid-1")
LABEL = "parallelproject.io"
HELD, PASSED, REJECTED = StepVerdict.HELD, StepVerdict.PASSED, StepVerdict.REJECTED


def template(image: str, **more: Any) -> Json:
    return {"spec": {"containers": [{"name": "agent", "image": image, "command": ["run"], "args": ["it"]}], **more}}


def project(**fields: Any) -> tuple[Spec, CompiledGraph]:
    reviewer: Json = {
        "name": "reviewer", "agent": {"type": "ClaudeCode"}, "instructions": "Be strict.",
        "podTemplate": {"spec": {"containers": [{"name": "agent", "image": "claude"}]}},
    }  # fmt: skip
    steps = [
        {"name": "review", "role": "reviewer", "gate": True},
        {"name": "lint", "role": "reviewer", "command": ["lint", "$(PPROJ_TASK_ID)"]},
        {"name": "test", "command": ["make", "test"], "gate": True, "deadlineSeconds": 60},
    ]
    spec = parse_spec(
        {
            "roles": [{"name": "coder", "podTemplate": template("node")}, reviewer],
            "defaults": {"role": "coder", "activeDeadlineSeconds": 900},
            "git": {"url": "https://git.example/shop.git"},
            "steps": steps,
            "tasks": [{"id": "a"}],
            **fields,
        }
    )
    return spec, compile_graph(spec)


def made(*ends: StepEnd, **fields: Any) -> Json:
    """The Job of the attempt after those that have ended so."""
    spec, graph = project(**fields)
    record = Record(attempts=ends[-1].attempt if ends else 0, steps=ends, step=ends[-1].step if ends else "")
    at = step_at(graph, spec, 0, record)
    key = WorkKey.of_task("a", record.attempts + 1, at.name)
    start = TaskStart(key, OWNER, {}, spec, graph, 0, "", {"a": record}, at=at)
    job = JobExecutor().task(start)
    assert job["metadata"]["name"] == job_name("shop", "uid-1", key)
    assert key_of(job["metadata"]["labels"]) == key_of(job["spec"]["template"]["metadata"]["labels"]) == key
    return job


def parts(job: Json) -> tuple[Json, Json, Json]:
    """The task's own container, its variables, and the instruction."""
    pod = job["spec"]["template"]
    container = pod["spec"]["containers"][0]
    env = {each["name"]: each.get("value") for each in container["env"]}
    return container, env, json.loads(pod["metadata"]["annotations"][f"{LABEL}/delivery"])


OWN, REVIEWED = StepEnd("", 1, HELD), StepEnd("review", 2, PASSED)
LINTED, REVIEWED_AGAIN = StepEnd("lint", 3, HELD), StepEnd("review", 4, PASSED)


def test_a_step_runs_what_its_role_or_its_command_says_with_its_own_time() -> None:
    own, env, told = parts(made())
    assert (own["image"], own["command"][3:], env["PPROJ_STEP"], env["PPROJ_ROUND"]) == ("node", ["run"], "", "1")
    assert (told["step"]["last"], "continues" in told) == (False, False)
    review, env, told = parts(made(OWN))
    assert (review["image"], env["PPROJ_STEP"], env["PPROJ_ROLE"]) == ("claude", "review", "reviewer")
    assert "claude" in " ".join(review["command"])
    assert "PPROJ_PROMPT_FILE" in env
    assert told["agent"]["type"] == "ClaudeCode"
    assert told["continues"] == "refs/parallelproject/uid-1/a/held/1"
    assert told["step"] == {
        "name": "review", "gate": True, "last": False, "onlyLands": False, "messageMax": 4096,
    }  # fmt: skip
    lint, env, told = parts(made(OWN, REVIEWED))
    assert (lint["image"], lint["command"][3:]) == ("claude", ["lint", "$(PPROJ_TASK_ID)"])
    assert ("PPROJ_PROMPT_FILE" in env, "agent" in told) == (False, False)
    last = made(OWN, REVIEWED, LINTED, REVIEWED_AGAIN)
    test, env, told = parts(last)
    assert (test["image"], test["command"][3:], "args" in test) == ("node", ["make", "test"], False)
    assert (env["PPROJ_ROLE"], told["continues"][-7:], told["step"]["last"]) == ("", "/held/3", True)
    assert last["spec"]["activeDeadlineSeconds"] == 60


def test_the_task_file_of_a_step_describes_it_and_its_role() -> None:
    pod = made(OWN)["spec"]["template"]["metadata"]["annotations"]
    document = json.loads(pod[f"{LABEL}/task-file"])
    assert document["step"] == {"name": "review", "gate": True, "round": 1, "hasWork": True}
    assert (document["role"], document["instructions"]) == ("reviewer", "Be strict.")


def test_the_claim_of_a_step_names_it_and_its_template_says_what_its_success_means() -> None:
    def claim(*ends: StepEnd) -> Claim | None:
        return Claim.from_json(made(*ends)["metadata"]["annotations"][f"{LABEL}/claim"])

    def meaning(*ends: StepEnd, **fields: Any) -> str:
        job = made(*ends, **fields)
        job["metadata"] |= {"uid": "u", "resourceVersion": "1", "annotations": {}}  # which anyone may remove
        return view_job(job).moves_on

    assert claim() == Claim("coder")
    assert claim(OWN) == Claim("reviewer", step="review")
    assert claim(OWN, REVIEWED, LINTED, REVIEWED_AGAIN) == Claim(None, step="test")
    assert Claim.from_json('{"step": "../x"}') == Claim()
    assert [meaning(), meaning(OWN), meaning(OWN, REVIEWED, LINTED, REVIEWED_AGAIN)] == ["Held", "Passed", ""]
    assert meaning(steps=[]) == ""
    assert meaning(OWN, REVIEWED, steps=[{"name": "review", "role": "reviewer", "gate": True}]) == "", "it only lands"


def test_a_session_continues_in_the_same_step_and_role_only() -> None:
    volume = {"name": "pproj-sessions", "emptyDir": {}}
    pod_template = {"spec": {"containers": [{"name": "agent", "image": "claude"}], "volumes": [volume]}}
    agent = {"type": "ClaudeCode"}
    roles = [{"name": name, "agent": agent, "podTemplate": pod_template} for name in ("coder", "spare")]
    spec, graph = project(roles=roles, steps=[{"name": "review", "role": "coder", "gate": True}])
    verdict = {"reason": "RateLimited", "session": "s-1", "sessionOf": "ClaudeCode/", "outcome": "RateLimited"}
    said = json.dumps({"outcome": "Failed", "agent": verdict})

    def resumes(step: str, fallback: str | None, start: str, acting: str | None) -> bool:
        record = Record(attempts=1, step=step, fallback=fallback, steps=(OWN,) if start else ())
        at = step_at(graph, spec, 0, record)
        assert at.name == start
        key = WorkKey.of_task("a", 2, at.name)
        earlier = [pod(26, said)]
        job = JobExecutor().task(
            TaskStart(key, OWNER, {}, spec, graph, 0, "", {"a": record}, earlier, fallback=acting, at=at)
        )
        return "--resume" in job["spec"]["template"]["spec"]["containers"][0]["command"]

    assert resumes("", None, "", None)
    assert not resumes("", None, "review", None)
    assert not resumes("", None, "", "spare")
    assert resumes("", "spare", "", "spare")


def test_no_step_sees_the_conversations_of_another_one() -> None:
    volume = {"name": "pproj-sessions", "emptyDir": {}}
    pod = {"spec": {"containers": [{"name": "agent", "image": "claude"}], "volumes": [volume]}}
    roles = [{"name": name, "agent": {"type": "ClaudeCode"}, "podTemplate": pod} for name in ("coder", "reviewer")]

    def folder(*ends: StepEnd) -> str:
        (container, *_) = made(*ends, roles=roles)["spec"]["template"]["spec"]["containers"]
        (mount,) = [each for each in container["volumeMounts"] if each["name"] == "pproj-sessions"]
        return str(mount["subPath"])

    assert [folder(), folder(OWN)] == ["uid-1/a/.own", "uid-1/a/review"]


def test_work_that_has_passed_all_gates_only_lands() -> None:
    steps = [{"name": "review", "role": "reviewer", "gate": True}]
    job = made(OWN, REVIEWED, steps=steps)
    _, env, told = parts(job)
    assert (told["step"]["onlyLands"], told["step"]["last"], env["PPROJ_STEP"]) == (True, True, "")
    assert told["continues"].endswith("/held/1")


def test_a_report_gets_less_room_where_the_pod_has_more_containers() -> None:
    many = template("node", initContainers=[{"name": f"i{i}", "image": "x"} for i in range(3)])
    _, _, told = parts(made(roles=[{"name": "coder", "podTemplate": many}], steps=[{"name": "t", "command": ["t"]}]))
    assert told["step"]["messageMax"] == 12_288 // 6


def test_a_task_without_steps_has_none_of_this() -> None:
    job = made(steps=[])
    assert "step" not in parts(job)[2]
    assert job["metadata"]["annotations"][f"{LABEL}/claim"] == '{"role":"coder"}'


def view(outcome: str, moves_on: str, **fields: Any) -> JobView:
    return JobView("n", "u", 1, 1.0, 9.0, outcome, "", "", moves_on=moves_on, **fields)


def pod(git: int, message: str, agent: int = 0, **status: Any) -> PodView:
    def ended(name: str, code: int, text: str = "") -> Json:
        return {"name": name, "state": {"terminated": {"exitCode": code, "message": text}}}

    phase = "Failed" if git or agent else "Succeeded"
    statuses = [ended("agent", agent), ended("git", git, message)]
    notes = {f"{LABEL}/delivery": "{}", f"{LABEL}/container": "agent"}
    metadata = {"annotations": notes, "ownerReferences": [{"controller": True, "uid": "u"}]}
    return view_pod({"metadata": metadata, "status": {"phase": phase, "containerStatuses": statuses, **status}})


WORK, GATE, LAST = "Held", "Passed", ""
DISRUPTED = [{"type": "DisruptionTarget", "status": "True"}]
EVICTED = pod(27, '{"outcome": "Rejected"}', conditions=DISRUPTED)
SAYS_NO = '{"outcome": "Rejected", "exitCode": 3, "message": "no"}\nuse tabs'


@pytest.mark.parametrize(
    ("moves_on", "seen", "phase"),
    [
        (WORK, [pod(0, '{"outcome": "Held"}')], Phase.HELD),
        (GATE, [pod(0, '{"outcome": "Passed"}')], Phase.PASSED),
        (LAST, [pod(0, '{"outcome": "Landed", "commit": "c"}')], Phase.SUCCEEDED),
        (WORK, [pod(0, '{"outcome": "AlreadyLanded", "commit": "c"}')], Phase.SUCCEEDED),
        (LAST, [pod(0, '{"outcome": "NoChange"}')], Phase.SUCCEEDED),
        # Its pod is gone, or says nothing: its template does.
        (WORK, [], Phase.HELD),
        (GATE, [], Phase.PASSED),
        (LAST, [], Phase.SUCCEEDED),
        (GATE, [pod(0, "cut {")], Phase.PASSED),
        # A pod that was evicted was replaced: what it said does not count, in whatever order they are read.
        (GATE, [EVICTED, pod(0, '{"outcome": "Passed"}')], Phase.PASSED),
        (GATE, [pod(0, '{"outcome": "Passed"}'), EVICTED], Phase.PASSED),
        (GATE, [pod(0, '{"outcome": "Rejected"}')], Phase.PASSED),
    ],
)
def test_a_job_that_succeeds_has_landed_only_if_it_was_to_land(
    moves_on: str, seen: list[PodView], phase: Phase
) -> None:
    assert attempt_of(2, view("Complete", moves_on), seen, False).phase is phase


def test_a_rejection_counts_at_once_and_whatever_has_stopped_its_job() -> None:
    rejecting = pod(27, SAYS_NO, 3)
    for job in (view("", LAST), view("Failed", LAST), view("Failed", LAST)._replace(stopped_for="Removed")):
        found = attempt_of(2, job, [rejecting], False)
        assert (found.phase, found.reason, found.exit_code) == (Phase.REJECTED, "GateFailed", 3)
        assert not found.running
    moved = attempt_of(2, view("", LAST), [pod(27, SAYS_NO, 3, conditions=DISRUPTED)], False)
    assert moved.phase is Phase.ACTIVE, "its Job replaces a pod that was evicted"
    lost = attempt_of(2, view("Failed", LAST), [], False)
    assert (lost.phase, lost.reason) == (Phase.FAILED, "PodFailed"), "without a report there is no verdict"


def test_attempts_at_steps_are_attempts_of_their_task_in_one_row() -> None:
    observed = ObservedAttempts(JobExecutor())
    for key in (WorkKey.of_task("a", 2, "g"), WorkKey.of_task("a", 1)):
        observed.found(key, view("Complete", GATE if key.step else WORK)._replace(name=str(key), uid=str(key)))
    observed.launching(WorkKey.of_task("a", 3, "g"), Claim("r", step="g").to_json())
    found: tuple[Attempt, ...] = observed.attempts["a"]
    assert [(each.number, each.step, each.phase) for each in found] == [
        (1, "", Phase.HELD), (2, "g", Phase.PASSED), (3, "g", Phase.LAUNCHING),
    ]  # fmt: skip
    observed.part_found(WorkKey.of_task("a", 2, "g"), "p", pod(0, "{}"))
    assert len(observed.parts_of("a", 2)) == 1
    assert observed.is_running(WorkKey.of_task("a", 3, "g"))


def test_the_texts_of_a_step_s_role_must_fit_into_the_annotations_too() -> None:
    spec, _ = project()
    assert check_for_cluster(spec) == []
    roles = [role.model_copy(update={"instructions": "x" * 270_000}) for role in spec.roles if role.agent]
    long = spec.model_copy(update={"roles": [spec.roles[0], *roles]})
    assert ["the annotations of its pod need" in problem.found for problem in check_for_cluster(long)] == [True]


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ((), "SetupFailed"),
        ((OWN,), "ExitCode"),
        ((OWN, StepEnd("review", 2, REJECTED)), "ExitCode"),
    ],
)
def test_a_setup_that_fails_on_held_work_says_nothing_of_other_tasks(ends: tuple[StepEnd, ...], reason: str) -> None:
    pod = made(*ends, workspace={"setup": ["npm", "ci"]})["spec"]["template"]
    states = {"setup": {"terminated": {"exitCode": 3}}, "after-setup": {"waiting": {"reason": "PodInitializing"}}}
    inits = [{"name": name, "state": state} for name, state in states.items()]
    found = view_pod(pod | {"status": {"phase": "Failed", "initContainerStatuses": inits}}).delivered
    assert (found.reason, found.exit_code, found.verdict) == (reason, 3, None)
    pod["metadata"]["annotations"][f"{LABEL}/delivery"] = "["
    assert view_pod(pod | {"status": {"phase": "Failed", "initContainerStatuses": inits}}).delivered.exit_code == 3
