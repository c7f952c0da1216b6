"""The Job of a run that takes work off the branch: what its pod does and sees, and what its end means."""

import json
import random
import string
from typing import Any

import pytest

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.verification.check_run import CheckLaunch
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.revert_message import (
    not_taken_out_message,
    read_request,
    read_taken_out,
    taken_out_message,
)
from parallelproject.core.verification.revert_request import RevertRequest
from parallelproject.core.verification.reverting import REVERT
from parallelproject.executors.base.executor import CheckClaim, CheckStart
from parallelproject.executors.base.identity import key_of
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.base.observed_checks import observed_checks
from parallelproject.executors.cluster_check import check_for_cluster
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.executors.job.observation import JobView, view_pod
from parallelproject.git.container import instructions
from parallelproject.git.container.main import read
from parallelproject.git.container.reverting import PodRevert
from parallelproject.model import names
from parallelproject.model.project import parse_spec
from parallelproject.model.work import WorkKey
from tests.executors.test_check_job import CHECK, GIT, OWNER, Json, spec

KEY = WorkKey.of_check(REVERT.name, 2)
REQUEST = RevertRequest(1, ("a",), {"a": ["b"], "b": []}, ("b",), "c" * 40, "test failed")
REVERTS: Json = {"checks": [CHECK], "afterMaxRepairs": "Revert"}
DONE = taken_out_message("d" * 40, ["a", "b"], ["a", "b"])
ENDED = Attempt(2, Phase.FAILED)


def job(**fields: Any) -> Json:
    launch = CheckLaunch(REVERT, 2, "revert-1", None, None, "", REQUEST)
    made = JobExecutor("git:1").check(CheckStart(KEY, OWNER, {}, parse_spec(spec(**fields)), launch))
    json.dumps(made)
    return made


def test_its_pod_has_one_container_of_ours_and_none_of_a_role() -> None:
    made = job(queueName="team")
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "initContainers" not in pod
    assert (container["name"], container["image"]) == ("git", "git:1")
    assert container["command"] == ["pproj-git", "revert", "/pproj/task/check.json", "--result", "/dev/termination-log"]
    assert {"/pproj/private", "/pproj/credentials"} <= {mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert (pod["restartPolicy"], pod["automountServiceAccountToken"]) == ("Never", False)
    assert "suspend" not in made["spec"], "no queue holds it up"
    assert names.LABEL_QUEUE not in made["metadata"]["labels"]


def test_what_is_taken_out_is_in_the_instruction() -> None:
    made = job(git={**GIT, "author": {"name": "Team", "email": "team@example.org"}})
    content = instructions.parse(made["spec"]["template"]["metadata"]["annotations"][names.ANNOTATION_CHECK])
    wanted = instructions.as_type(PodRevert, content.pop("revert"))
    assert read_request(wanted.number, wanted.tasks, wanted.graph, wanted.since, wanted.why) == REQUEST
    delivery = read(json.dumps(content)).delivery
    assert (delivery.branch, delivery.run, delivery.author.name) == ("parallel/shop", OWNER.uid, "Team")
    assert delivery.committer == delivery.author


def test_its_object_belongs_to_the_project_and_holds_a_slot() -> None:
    made = job(queueName="team")
    assert key_of(made["metadata"]["labels"]) == key_of(made["spec"]["template"]["metadata"]["labels"]) == KEY
    assert made["metadata"]["name"] == names.job_name("shop", OWNER.uid, KEY)
    assert made["metadata"]["annotations"][names.ANNOTATION_CLAIM] == CheckClaim("revert-1", "", 1).to_json()
    assert made["spec"]["backoffLimit"] == 0
    assert made["spec"]["activeDeadlineSeconds"] > 0


def pod(said: str, phase: str = "Succeeded", *, disrupted: bool = False) -> Json:
    template = job()["spec"]["template"]
    ended = {"name": "git", "state": {"terminated": {"exitCode": 0, "message": said}}}
    conditions = [{"type": "DisruptionTarget", "status": "True"}] if disrupted else []
    return {
        "metadata": {**template["metadata"], "ownerReferences": [{"uid": "job-1", "controller": True}]},
        "spec": template["spec"],
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": [ended]},
    }


@pytest.mark.parametrize(
    ("pods", "outcome"),
    [
        ([pod(DONE)], ProbeOutcome.PASSED),
        ([pod("", "Failed"), pod(DONE)], ProbeOutcome.PASSED),
        ([pod(DONE, "Failed", disrupted=True)], ProbeOutcome.PASSED),
        ([pod(DONE, "Running")], None),
        ([pod(not_taken_out_message(ProbeOutcome.CONFLICT, "no"))], ProbeOutcome.CONFLICT),
        ([pod(not_taken_out_message(ProbeOutcome.BROKEN, "no"), "Failed")], ProbeOutcome.BROKEN),
        ([pod('{"outcome": "Transient", "message": "no"}', "Failed")], None),
        ([pod("")], None),
        ([], None),
    ],
)
def test_how_a_run_has_ended(pods: list[Json], outcome: ProbeOutcome | None) -> None:
    found = JobExecutor().check_end(ENDED, None, [view_pod(each) for each in pods])
    assert (found and found.outcome) == outcome


def test_an_observed_run_is_one_of_the_verification() -> None:
    observed = ObservedAttempts(JobExecutor())
    claim = CheckClaim("revert-1", "").to_json()
    observed.found(KEY, JobView("x", "job-1", 1, 1.0, 2.0, "Complete", "", "", claim))
    observed.part_found(KEY, "pod-1", view_pod(pod(DONE)))
    (found,) = observed_checks(observed)
    assert (found.run.check, found.run.revision, found.run.outcome) == (REVERT.name, "revert-1", ProbeOutcome.PASSED)
    report = read_taken_out(found.run.printed, ["a", "b"])
    assert report is not None
    assert report.tasks == ("a", "b")


def problems(**fields: Any) -> list[str]:
    return [str(problem) for problem in check_for_cluster(parse_spec(spec(**fields)))]


def test_a_graph_that_does_not_fit_into_an_annotation_is_refused_before_it_runs() -> None:
    assert problems(verification=REVERTS) == []
    drawn = random.Random(1)
    ids = ["".join(drawn.choices(string.ascii_lowercase, k=5)) for _ in range(1200)]
    plain = [{"id": task} for task in ids]
    assert problems(tasks=plain, verification=REVERTS) == []
    dense = [{"id": t, "dependencies": sorted(drawn.sample(ids[:i], min(i, 150)))} for i, t in enumerate(ids)]
    found = problems(tasks=dense, verification=REVERTS)
    assert any(each.startswith("spec.verification.afterMaxRepairs: Revert: the instruction for it") for each in found)
    assert not any("afterMaxRepairs" in each for each in problems(tasks=dense, verification={"checks": [CHECK]}))
