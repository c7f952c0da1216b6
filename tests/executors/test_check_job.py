"""The Job of a run of a check: what its pod does and sees, and what its end means."""

import json
from typing import Any

import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.verification.check_message import CHECKED_OUT, checkout_message, end_message
from parallelproject.core.verification.check_run import CheckLaunch
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.executors.base.executor import CheckClaim, CheckStart, RepairStart, TaskStart
from parallelproject.executors.base.identity import key_of
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.base.observed_checks import observed_checks
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.task_file import end_of
from parallelproject.executors.cluster_check import check_for_cluster
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.executors.job.observation import JobView, view_pod
from parallelproject.git.container import instructions
from parallelproject.git.container.checking import PodCheck
from parallelproject.git.container.main import read
from parallelproject.model import names
from parallelproject.model.project import parse_spec
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey

Json = dict[str, Any]
OWNER = Owner("shop", "agents", "0f5e4a52-0000-4000-8000-000000000000")
GIT: Json = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}}
KEY = WorkKey.of_check("test", 3)
WORK = LandedWork("b" * 40, "t" * 40, (LandedChange("a", "", ("a.py",)),))
CHECK: Json = {"name": "test", "command": ["sh", "-c", "make test $(nproc) $$"], "paths": ["src/**"]}


def spec(check: Json | None = None, more: tuple[Json, ...] = (), **fields: Any) -> Json:
    agent = {"name": "agent", "image": "coder:1", "command": ["agent"], "args": ["-v"]}
    tester = {
        "name": "tester",
        "image": "tester:1",
        "command": ["x"],
        "args": ["y"],
        "env": [{"name": "DB", "value": "1"}],
    }
    return {
        "roles": [
            {"name": "coder", "podTemplate": {"spec": {"containers": [agent]}}},
            {"name": "tester", "podTemplate": {"spec": {"containers": [tester, *more]}}},
        ],
        "defaults": {"role": "coder"},
        "tasks": [{"id": "a"}],
        "git": GIT,
        "verification": {"checks": [CHECK | (check or {})]},
        **fields,
    }  # fmt: skip


def job(data: Json, probe: Probe | None = None) -> Json:
    given = parse_spec(data)
    assert given.verification is not None
    launch = CheckLaunch(given.verification.checks[0], 3, "rev", probe, WORK if probe else None, "s" * 40)
    made = JobExecutor("git:1").check(CheckStart(KEY, OWNER, {}, given, launch))
    json.dumps(made)
    return made


def asked(made: Json) -> PodCheck:
    text = made["spec"]["template"]["metadata"]["annotations"][names.ANNOTATION_CHECK]
    content = instructions.parse(text)
    check = instructions.as_type(PodCheck, content.pop("check"))
    assert read(json.dumps(content)).delivery.branch == "parallel/shop"
    return check


def containers(made: Json) -> dict[str, Json]:
    pod = made["spec"]["template"]["spec"]
    return {c["name"]: c for c in (*pod["initContainers"], *pod["containers"])}


def test_the_command_of_a_role_s_container_is_the_check_s() -> None:
    found = containers(job(spec({"role": "tester"})))
    assert list(found) == ["prepare", "tester", "git"]
    wrapper = ["/pproj/bin/pproj-wrap", "/pproj/state", "/pproj/workspace"]
    # The kubelet makes $ of $$: the command is the same as in a local run.
    assert found["tester"]["command"] == [*wrapper, "sh", "-c", "make test $$(nproc) $$$$"]
    assert "args" not in found["tester"]
    assert found["tester"]["image"] == "tester:1"
    environment = {entry["name"]: entry["value"] for entry in found["tester"]["env"]}
    assert (environment["DB"], environment["PPROJ_WORKSPACE"]) == ("1", "/pproj/workspace")
    assert found["prepare"]["command"][:3] == ["pproj-git", "prepare-check", "/pproj/task/check.json"]
    assert found["git"]["command"][:3] == ["pproj-git", "report-check", "/pproj/task/check.json"]
    assert "coder:1" in json.dumps(job(spec())), "by default that of defaults"


def test_only_our_containers_see_the_credentials() -> None:
    found = containers(job(spec()))
    seen = {name: {m["mountPath"] for m in each["volumeMounts"]} for name, each in found.items()}
    assert not {"/pproj/private", "/pproj/credentials"} & seen["agent"]
    assert {"/pproj/private", "/pproj/credentials"} <= seen["git"] & seen["prepare"]


def test_what_is_checked_is_in_the_instruction() -> None:
    assert asked(job(spec())) == PodCheck(4096, since="s" * 40, paths=("src/**",))
    probe = Probe(3, (2,))
    assert asked(job(spec(), probe)) == PodCheck(4096, "3-without-2", "b" * 40, "t" * 40, "s" * 40, ("src/**",))


def test_the_reports_share_what_the_kubelet_keeps_of_a_pod() -> None:
    proxies = tuple({"name": f"proxy{i}", "image": "p", "command": ["p"]} for i in range(3))
    assert asked(job(spec({"role": "tester"}, proxies))).message_max == 12_288 // 6
    many = tuple({"name": f"proxy{i}", "image": "p", "command": ["p"]} for i in range(30))
    assert asked(job(spec({"role": "tester"}, many))).message_max == 1_024


def test_its_object_belongs_to_the_project_and_says_what_it_ran_on() -> None:
    made = job(spec(), Probe(3, (2,)))
    marks = made["metadata"]["labels"]
    assert key_of(marks) == key_of(made["spec"]["template"]["metadata"]["labels"]) == KEY
    assert made["metadata"]["name"] == names.job_name("shop", OWNER.uid, KEY)
    assert made["metadata"]["ownerReferences"] == [OWNER.reference]
    claim = CheckClaim.from_json(made["metadata"]["annotations"][names.ANNOTATION_CLAIM])
    assert claim == CheckClaim("rev", "3-without-2")
    assert made["spec"]["ttlSecondsAfterFinished"] > 0
    assert made["spec"]["backoffLimit"] == 0
    assert "finalizers" not in made["metadata"], "a run without a result runs again"


@pytest.mark.parametrize("text", ["", "{}", "x", '{"revision": 1}', '{"revision": "r", "probe": "x-y"}', "[]"])
def test_a_claim_that_somebody_has_changed_is_none(text: str) -> None:
    assert CheckClaim.from_json(text) is None


def test_the_setup_of_a_workspace_runs_before_the_check() -> None:
    made = job(spec(workspace={"setup": ["npm", "ci"]}))
    found = containers(made)
    assert list(found)[:3] == ["prepare", "setup", "after-setup"]
    assert found["setup"]["image"] == made["spec"]["template"]["spec"]["containers"][0]["image"]
    setup = read(made["spec"]["template"]["metadata"]["annotations"][names.ANNOTATION_CHECK]).setup
    assert setup is not None
    assert setup.command == ("npm", "ci")
    assert asked(made).message_max < asked(job(spec())).message_max, "the reports of more containers share the space"


def test_deadlines_and_queues() -> None:
    assert job(spec())["spec"]["activeDeadlineSeconds"] == 86_400
    assert job(spec({"activeDeadlineSeconds": 60}))["spec"]["activeDeadlineSeconds"] == 60
    assert job(spec(defaults={"role": "coder", "activeDeadlineSeconds": 9}))["spec"]["activeDeadlineSeconds"] == 9
    queued = job(spec(queueName="team"))
    assert queued["spec"]["suspend"] is True
    assert queued["metadata"]["labels"][names.LABEL_QUEUE] == "team"
    assert '"slots":0' in queued["metadata"]["annotations"][names.ANNOTATION_CLAIM], "else it counts as suspended"
    assert "suspend" not in job(spec())["spec"]


def test_where_verification_works() -> None:
    def problems(**fields: Any) -> list[str]:
        return [str(problem) for problem in check_for_cluster(parse_spec(spec(**fields)))]

    assert problems() == []
    (needs_git,) = problems(git=None)
    assert needs_git.startswith("spec.verification: needs a repository that the work lands in")
    roles = [{"name": "coder", "workflowTemplateRef": {"name": "x"}}]
    found = problems(roles=roles, executor="Workflow")
    assert any(each.startswith("spec.verification: is not for executor Workflow") for each in found)


def pod(said: tuple[str, str], phase: str = "Failed", *, disrupted: bool = False) -> Json:
    made = job(spec())
    ended = [{"name": name, "state": {"terminated": {"exitCode": 0, "message": text}}} for name, text in
             (("prepare", said[0]), ("git", said[1]))]  # fmt: skip
    conditions = [{"type": "DisruptionTarget", "status": "True"}] if disrupted else []
    owner = {"uid": "job-1", "controller": True, "name": made["metadata"]["name"]}
    return {
        "metadata": {**made["spec"]["template"]["metadata"], "ownerReferences": [owner]},
        "spec": made["spec"]["template"]["spec"],
        "status": {
            "phase": phase, "conditions": conditions,
            "initContainerStatuses": ended[:1], "containerStatuses": ended[1:],
        },
    }  # fmt: skip


READY = str(checkout_message(CHECKED_OUT, WORK, 4096))
FAILED = (READY, end_message("Failed", "no\n", 4096))
PASSED = (READY, end_message("Passed", "", 4096))
TOLD = (READY, end_message("Stopped", "half\n", 4096))
ENDED = Attempt(3, Phase.FAILED)


@pytest.mark.parametrize(
    ("attempt", "pods", "outcome"),
    [
        (ENDED, [pod(FAILED)], ProbeOutcome.FAILED),
        (Attempt(3, Phase.SUCCEEDED), [pod(PASSED, "Succeeded")], ProbeOutcome.PASSED),
        (ENDED, [pod(("", ""))], None),
        (ENDED, [pod(FAILED, disrupted=True)], None),
        (ENDED, [pod(FAILED, disrupted=True), pod(FAILED)], ProbeOutcome.FAILED),
        (ENDED, [pod(FAILED, "Running")], None),
        (ENDED, [pod(TOLD)], ProbeOutcome.BROKEN),
        (ENDED._replace(reason=Reason.DEADLINE_EXCEEDED), [pod(TOLD)], ProbeOutcome.FAILED),
        (ENDED, [], None),
    ],
)  # fmt: skip
def test_how_a_run_has_ended(attempt: Attempt, pods: list[Json], outcome: ProbeOutcome | None) -> None:
    found = JobExecutor().check_end(attempt, None, [view_pod(each) for each in pods])
    assert (found and found.outcome) == outcome
    if outcome is ProbeOutcome.FAILED:
        assert found is not None
        assert found.work == WORK
    if attempt.reason:
        assert found is not None
        assert found.printed.startswith("half\nThe check was stopped: its activeDeadlineSeconds")


@pytest.mark.parametrize(
    ("code", "more", "outcome"),
    [
        (3, {}, ProbeOutcome.FAILED),
        (75, {}, None),
        (137, {}, None),
        (3, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, None),
    ],
)
def test_work_that_breaks_setup_has_failed(code: int, more: Json, outcome: ProbeOutcome | None) -> None:
    ended = pod((READY, ""))
    ended["metadata"] |= more
    ended["status"]["initContainerStatuses"] += [
        {"name": "setup", "state": {"terminated": {"exitCode": code}}},
        {"name": "after-setup", "state": {"waiting": {"reason": "PodInitializing"}}},
    ]
    found = JobExecutor().check_end(ENDED, None, [view_pod(ended)])
    assert (found and found.outcome) == outcome
    if found:
        assert (found.work, f"setup failed with exit code {code}" in found.printed) == (WORK, True)


def view(outcome: str = "", stopped: str = "", claim: str = CheckClaim("rev", "").to_json()) -> JobView:
    return JobView("x", "job-1", 1, 1.0, 2.0 if outcome else None, outcome, "", stopped, claim)


def test_observed_runs_are_those_that_were_asked_for() -> None:
    observed = ObservedAttempts(JobExecutor())
    keys = [WorkKey.of_check("test", number) for number in range(1, 6)]
    observed.launching(keys[0], CheckClaim("rev", "2").to_json())
    observed.found(keys[1], view())
    observed.found(keys[2], view("Failed"))
    observed.part_found(keys[2], "pod-3", view_pod(pod(FAILED)))
    observed.found(keys[3], view("Failed", "Stopped"))
    observed.found(keys[4], view("Failed", claim="?"))
    observed.found(WorkKey.of_publishing(1), view())
    found = {each.key.attempt: each.run for each in observed_checks(observed)}
    assert found.keys() == {1, 2, 3, 4, 5}
    assert (found[1].probe, found[1].outcome, found[2].revision, found[2].outcome) == (Probe(2), None, "rev", None)
    assert (found[3].outcome, found[3].work, found[3].printed) == (ProbeOutcome.FAILED, WORK, "no\n")
    assert found[4].outcome is ProbeOutcome.STOPPED
    assert (found[5].revision, found[5].outcome) == ("", ProbeOutcome.BROKEN)


def test_a_repair_lands_as_one_and_is_told_what_is_broken() -> None:
    given = parse_spec(spec())
    start = TaskStart(
        WorkKey.of_task("a", 2), OWNER, {}, given, compile_graph(given), 0, "", {}, repair=RepairStart(1, "broken")
    )
    notes = JobExecutor().task(start)["spec"]["template"]["metadata"]["annotations"]
    assert notes[names.ANNOTATION_FEEDBACK] == "broken"
    delivery = read(notes[names.ANNOTATION_DELIVERY]).delivery
    assert (delivery.repair, delivery.title, delivery.attempt) == (1, "Repair: a", 2)


def test_the_end_of_a_text_has_whole_lines() -> None:
    assert end_of("a\nb\n", 100) == "a\nb\n"
    assert end_of("first line\nlast line\n", 12) == "last line\n"
    assert len(end_of("ü" * 100 + "\n" + "ü" * 5, 20).encode()) <= 20
