"""``why``: one right answer for every reason, from the spec and the rows alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, DeliveryNotes, Phase
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.status import rejected_status, render_status
from parallelproject.core.report.why.answer import UnknownTaskError, Why
from parallelproject.core.report.why.why import deleted, not_accepted, why
from parallelproject.model.problem import Problem
from parallelproject.model.project import parse_spec
from parallelproject.model.status import Reason

from .projects import task_lists

NOW = 1_800_000_000.0


class Project:
    """A project as the planner leaves it, and what is asked about it."""

    def __init__(self, *tasks: dict[str, Any], **spec: Any) -> None:
        self.spec = parse_spec({"tasks": list(tasks), "defaults": {"backoffSeconds": 30, "role": None}, **spec})
        self.graph = compile_graph(self.spec)
        self.observed: dict[str, list[Attempt]] = {}
        self.status: dict[str, Any] = {}
        self.merged: tuple[int, int] | None = None
        self.share: Share | None = None
        self.troubles: dict[str, str] = {}
        self.refusals: dict[str, str] = {}

    def seen(self, task: str, phase: Phase, number: int = 1, **more: Any) -> "Project":
        running = phase in (Phase.ACTIVE, Phase.LAUNCHING)
        began = {"started": NOW - 60, "ended": None if running else NOW - 10, "name": f"job-{task}-{number}"}
        self.observed.setdefault(task, []).append(Attempt(number, phase, running, **(began | more)))
        return self

    def failed(self, task: str, attempts: int = 1, code: int = 3) -> "Project":
        for number in range(1, attempts + 1):
            self.seen(task, Phase.FAILED, number, reason="ExitCode", exit_code=code)
        return self

    def why(self, task: str) -> Why:
        made = plan(
            self.graph, self.spec, Ledger(start_time=NOW - 100, merged=self.merged), self.observed, NOW, self.share
        )
        self.status = render_status(
            self.graph, self.spec, made, {}, 1, NOW, troubles=self.troubles, refusals=self.refusals, name="p"
        )
        return why(self.graph, self.spec, self.status, task, NOW)


def t(id: str, *dependencies: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "dependencies": list(dependencies), **more}


def test_a_dependency_is_named_with_what_it_does():
    found = Project(t("a"), t("b", "a")).seen("a", Phase.ACTIVE).why("b")
    assert (found.state, found.reason, found.tasks) == ("Pending", "WaitingForDependencies", ("a",))
    assert found.answer == "it waits for a (running for 1 min 0 s)"
    assert found.more == ()


def test_a_chain_of_dependencies_is_followed_to_its_cause():
    project = Project(t("a"), t("b", "a"), t("c", "b")).failed("a")
    found = project.why("c")
    assert found.answer == "it waits for b (pending: WaitingForDependencies)"
    assert found.more == ("the first in this chain: a (pending: Backoff)",)


def test_of_many_dependencies_some_are_named():
    project = Project(*(t(f"t{i}") for i in range(20)), t("z", *(f"t{i}" for i in range(20))))
    assert project.why("z").answer.endswith("t7 (pending: WaitingForSlot) and 12 others")


def test_a_level_is_named_with_what_is_open_in_it():
    project = Project(t("a"), t("b"), t("c", "a")).seen("a", Phase.SUCCEEDED).seen("b", Phase.ACTIVE)
    found = project.why("c")
    assert found.reason == "WaitingForLevel"
    assert found.answer == "it is in L1, and L0 is not done: b (running for 1 min 0 s)"
    assert found.tasks == ("b",)
    assert found.hint == "graph"


def test_a_slot_is_told_with_who_holds_them_and_who_is_before_it():
    project = Project(t("a"), t("b"), t("c", priority=1), t("d"), parallelism=2)
    project.seen("a", Phase.ACTIVE).seen("b", Phase.ACTIVE)
    found = project.why("d")
    assert found.reason == "WaitingForSlot"
    holders = "a (running for 1 min 0 s) and b (running for 1 min 0 s)"
    assert found.answer == f"parallelism is 2 and all slots are held by {holders}"
    assert found.more == ("one other is before it in the queue",)
    assert found.tasks == ("a", "b")
    assert project.why("c").more == ("it is next in the queue",)


def test_a_file_is_told_with_its_path_and_who_holds_it():
    project = Project(t("a", files=["src/**"]), t("b", files=["docs/x.md", "src/app.py"]), t("c", files=["docs/z.md"]))
    project.seen("a", Phase.ACTIVE)
    found = project.why("b")
    assert found.reason == "WaitingForFiles"
    assert found.answer == "it writes src/app.py, which a (running for 1 min 0 s) writes (as src/**)"
    assert found.tasks == ("a",)


def test_several_holders_of_files_are_all_named():
    project = Project(t("a", files=["x"]), t("b", files=["y"]), t("c", files=["x", "y"]))
    found = project.seen("a", Phase.ACTIVE).seen("b", Phase.ACTIVE).why("c")
    assert (
        found.answer
        == "it writes x, which a (running for 1 min 0 s) writes; and y, which b (running for 1 min 0 s) writes"
    )


def test_a_role_is_told_with_its_cap_and_who_holds_it():
    roles = [{"name": "coder"}, {"name": "reviewer", "maxConcurrent": 1}]
    project = Project(t("a", role="reviewer"), t("b", role="reviewer"), t("c", role="coder"), roles=roles)
    project.seen("a", Phase.ACTIVE).seen("c", Phase.ACTIVE)
    found = project.why("b")
    assert found.reason == "WaitingForRole"
    assert found.answer == "role reviewer has maxConcurrent 1 and that many are running: a (running for 1 min 0 s)"
    assert found.tasks == ("a",)


def test_a_backoff_is_told_with_its_end_and_the_failure():
    found = Project(t("a", maxAttempts=3)).failed("a").why("a")
    assert found.reason == "Backoff"
    assert found.answer == "attempt 1 failed (exit code 3), 1 of at most 3 failures"
    assert found.more == ("the next attempt starts at 2027-01-15T08:00:20Z, in 20 s",)
    assert found.job == "job-a-1"


def test_suspended_is_told():
    found = Project(t("a"), suspend=True).why("a")
    assert (found.reason, found.hint) == ("Suspended", "resume")
    assert "suspended" in found.answer


def test_starting_is_told_with_the_attempt():
    assert Project(t("a")).why("a").answer == "nothing blocks it: attempt 1 is being created"


def test_running_is_told_with_since_attempt_and_job():
    project = Project(t("a")).failed("a").seen("a", Phase.ACTIVE, 2)
    found = project.why("a")
    assert found.state == "Running"
    assert found.answer == "attempt 2 is running since 2027-01-15T07:59:00Z, for 1 min 0 s, as Job job-a-2"
    assert found.more == ("one attempt failed before, the last one with exit code 3",)


def test_failed_is_told_with_reason_attempts_job_and_what_did_not_run():
    project = Project(t("a"), t("b", "a"), t("c", "b")).failed("a", attempts=2, code=7)
    found = project.why("a")
    assert (found.state, found.reason, found.job, found.hint) == ("Failed", "ExitCode", "job-a-2", "retry")
    assert found.answer == "all 2 attempts failed; the last one with exit code 7, at 2027-01-15T07:59:50Z"
    assert found.more == ("the Job of the last attempt is job-a-2", "b and c did not run because of it")


def test_a_single_attempt_is_its_only_one():
    found = Project(t("a", maxAttempts=1)).failed("a").why("a")
    assert found.answer.startswith("its only attempt failed with exit code 3")


def test_skipped_is_told_with_the_failed_task():
    project = Project(t("a"), t("b", "a"), t("c", "b"))
    found = project.failed("a", attempts=2).why("c")
    assert (found.state, found.reason, found.tasks) == ("Skipped", "DependencyFailed", ("a",))
    assert found.answer == "it depends on a (failed: exit code 3)"


@pytest.mark.parametrize(
    ("policy", "told"), [("FinishLevel", "no further level starts"), ("FailFast", "all other tasks are stopped")]
)
def test_skipped_by_the_failure_policy_names_it(policy: str, told: str):
    project = Project(t("a"), t("b"), t("c", "b"), failurePolicy=policy)
    project.failed("a", attempts=2).seen("b", Phase.SUCCEEDED)
    found = project.why("c")
    assert (found.reason, found.tasks) == ("Stopped", ("a",))
    assert found.answer == f"a (failed: exit code 3); with failurePolicy {policy} {told} after that"


def test_skipped_by_request_says_so_and_nobody_waits_for_it():
    project = Project(t("a"), t("b"), t("c", "a", "b"), skip=["a"], scheduling="Graph").seen("b", Phase.ACTIVE)
    found = project.why("a")
    assert (found.state, found.reason, found.hint) == ("Skipped", "SkipRequested", "retry")
    assert found.answer == "it is skipped by request (spec.skip); what depends on it runs without it"
    found = project.why("c")
    assert found.answer == "it waits for b (running for 1 min 0 s)"
    assert found.tasks == ("b",)


def test_who_waits_for_a_skipped_task_waits_for_what_that_depends_on():
    tasks = [t("a"), t("b", "a"), t("c", "b"), t("d", "c")]
    project = Project(*tasks, skip=["b"], scheduling="Graph").seen("a", Phase.ACTIVE)
    found = project.why("c")
    assert found.answer == "it waits for a (running for 1 min 0 s)"
    assert found.tasks == ("a",)
    assert list(project.why("d").more) == ["the first in this chain: a (running for 1 min 0 s)"]


def test_skipped_by_a_stop_says_so():
    assert Project(t("a"), stop=True).why("a").answer == "the project was stopped before it started"


def test_skipped_by_the_deadline_says_so():
    found = Project(t("a"), activeDeadlineSeconds=50).why("a")
    assert found.answer == "the project's deadline (50 s) passed before it started"


def test_succeeded_is_told_with_its_time():
    found = Project(t("a")).seen("a", Phase.SUCCEEDED).why("a")
    assert found.answer == "attempt 1 succeeded at 2027-01-15T07:59:50Z, after 50 s"


def conflict(project: Project, number: int) -> Project:
    return project.seen("a", Phase.FAILED, number, reason="Conflict")


def test_what_landed_is_told_with_its_commit_and_the_conflicts_before():
    found = conflict(Project(t("a")), 1).seen("a", Phase.SUCCEEDED, 2, commit="9b1e77c000").why("a")
    assert found.answer.endswith("and landed as 9b1e77c000")
    assert found.more == ("its work was in conflict once, and it was rerun on the new state of the branch",)


def test_what_nothing_had_announced_is_told():
    found = Project(t("a")).seen("a", Phase.SUCCEEDED, 1, commit="9b1e77c000", notes=DeliveryNotes(2, 1, 1)).why("a")
    assert found.more == (
        "it changed 2 paths that it does not declare in files",
        "it changed a path that another task also changed while it ran: that merged, but only "
        "declared files are kept apart",
        "it left a piece of work outside of its files, such as on another branch: kept, not landed",
    )


def test_who_waits_for_what_projects_share_is_told_for_which_limit():
    project = Project(t("a"), t("b"), priority="P1").seen("a", Phase.ACTIVE)
    project.share = Share(0, message="namespace team has a limit of 1 running task, and it is reached")
    found = project.why("b")
    assert (found.state, found.reason) == ("Pending", "WaitingForCapacity")
    assert found.answer == "it could start, but namespace team has a limit of 1 running task, and it is reached"
    assert found.more == ("1 of them is this project's, whose priority is P1",)


def test_who_waits_for_another_project_is_told_for_which():
    project = Project(t("a"))
    project.share = Share(0, Reason.WAITING_FOR_PROJECT, "project hotfix goes first (suspendOthers)")
    found = project.why("a")
    assert (found.state, found.reason) == ("Pending", "WaitingForProject")
    assert found.answer == "it could start, but project hotfix goes first (suspendOthers): no new task starts"


def test_an_image_that_cannot_be_pulled_is_named():
    container = {"name": "agent", "image": "registry.example/agnet:1.4", "command": ["agent"]}
    roles = [{"name": "coder", "podTemplate": {"spec": {"containers": [container]}}}]
    project = Project(t("a", role="coder"), roles=roles).seen("a", Phase.ACTIVE)
    project.troubles = {"a": "ImagePullBackOff"}
    assert project.why("a").more[-1] == "its images: registry.example/agnet:1.4"


def test_a_suspended_job_is_reported_with_what_it_keeps():
    project = Project(t("a")).seen("a", Phase.ACTIVE, reason="JobSuspended")
    project.troubles = {"a": "JobSuspended"}
    found = project.why("a")
    assert (found.state, found.reason, found.hint) == ("Running", "JobSuspended", "resume-job")
    assert found.answer.startswith("attempt 1 is held since")
    assert "the task keeps its slot and its files until a user resumes the Job" in found.more[0]


def test_a_suspended_workflow_is_called_one():
    project = Project(t("a"), executor="Workflow").seen("a", Phase.ACTIVE, reason="JobSuspended")
    project.troubles = {"a": "JobSuspended"}
    found = project.why("a")
    assert (found.kind, found.hint) == ("Workflow", "resume-job")
    assert "until a user resumes the Workflow" in found.more[0]
    assert "Job" not in " ".join([found.answer.replace("job-a-1", ""), *found.more])


def test_who_waits_for_a_merge_is_told_for_which():
    pull = {"scope": "Level", "merge": "WhenChecksPass"}
    git = {"url": "https://git.example/x/y.git", "forge": {"type": "Gitea"}, "pullRequest": pull}
    project = Project(t("a"), t("b", "a"), git=git).seen("a", Phase.SUCCEEDED)
    project.merged = (0, 0)
    found = project.why("b")
    assert (found.state, found.reason) == ("Pending", "WaitingForMerge")
    assert found.answer == "it is in L1, which starts when the pull request of L0 is merged"
    status = project.status
    status["levels"][0]["pullRequest"] = {"number": 4, "url": "https://git.example/x/y/pulls/4", "state": "open"}
    status["conditions"].append({"type": "Published", "status": "False", "reason": "ChecksFailed", "message": "ci: 1"})
    told = why(project.graph, project.spec, status, "b", NOW)
    assert "the pull request of L0, https://git.example/x/y/pulls/4, is merged" in told.answer
    assert told.more == ("publishing reports ChecksFailed: ci: 1",)


def test_a_conflict_that_is_final_is_told_with_its_limit():
    found = conflict(conflict(Project(t("a"), conflicts={"maxReruns": 1}), 1), 2).why("a")
    assert found.answer.startswith("all 2 attempts failed; the last one with Conflict")
    assert "it was in conflict twice, and maxReruns is 1" in found.more
    found = conflict(Project(t("a"), conflicts={"onMergeConflict": "Fail"}), 1).why("a")
    assert "it was in conflict once, and onMergeConflict is Fail" in found.more


@pytest.mark.parametrize("reason", ["BranchRewritten", "Policy", "AuthOrProtected"])
def test_a_failure_to_land_is_told_with_what_lies_behind_it(reason: str):
    found = Project(t("a")).seen("a", Phase.FAILED, reason=reason).why("a")
    assert reason in found.answer
    assert len(found.more[0]) > 60


def test_a_task_that_left_the_spec_is_told():
    project = Project(t("a"))
    project.seen("gone", Phase.SUCCEEDED)
    assert project.why("gone").answer == "it is no longer in the spec; its result is kept"


def test_a_task_that_was_not_looked_at_yet_is_told():
    project = Project(t("a"))
    found = why(project.graph, project.spec, {}, "a", NOW)
    assert (found.state, found.answer) == ("Pending", "the operator has not seen it yet")


def test_an_unknown_task_gets_a_suggestion():
    with pytest.raises(UnknownTaskError) as caught:
        Project(t("api-schema")).why("api-shema")
    assert caught.value.hint == 'did you mean "api-schema"?'


def test_a_project_that_is_not_accepted_says_why():
    status = rejected_status([Problem("spec.tasks[0].id", "is odd", reason="InvalidSpec")], {}, {}, 1, NOW)
    found = not_accepted("a", status)
    assert found is not None
    assert (found.state, found.reason) == ("Pending", "InvalidSpec")
    assert "spec.tasks[0].id: is odd" in found.answer
    assert not_accepted("a", {"conditions": [{"type": "Accepted", "status": "True"}]}) is None


def test_rows_that_are_a_moment_old_make_no_nonsense():
    """The holder of a slot, a role or a file may have ended since the row was written."""
    roles = [{"name": "r", "maxConcurrent": 1}]
    project = Project(t("a", files=["x"], role="r"), t("b", files=["x"], role="r"), roles=roles)
    for reason in (Reason.WAITING_FOR_SLOT, Reason.WAITING_FOR_ROLE, Reason.WAITING_FOR_FILES,
                   Reason.WAITING_FOR_LEVEL, Reason.WAITING_FOR_DEPENDENCIES):  # fmt: skip
        rows = [{"id": "a", "state": "Succeeded"}, {"id": "b", "state": "Pending", "reason": reason.value}]
        found = why(project.graph, project.spec, {"tasks": rows}, "b", NOW)
        assert found.answer.endswith("it starts in the operator's next round")
        assert found.tasks == ()


def test_a_slot_may_be_held_by_a_refused_job_that_is_tried_again() -> None:
    roles = [{"name": "r"}, {"name": "s"}]
    project = Project(t("a", role="r", priority=9), t("b", role="s"), roles=roles, parallelism=1)
    project.seen("a", Phase.REFUSED, started=NOW - 20, ended=NOW - 10, reason=Reason.REFUSED_BY_POLICY, name=None)
    found = project.why("b")
    assert found.reason == "WaitingForSlot"
    assert found.answer == "parallelism is 1 and all slots are held by a (pending: RefusedByPolicy)"


PHASES = st.sampled_from(list(Phase))


@given(
    tasks=task_lists(roles=("r", "s")),
    phases=st.lists(st.lists(PHASES, max_size=3), min_size=9, max_size=9),
    parallelism=st.integers(1, 3),
    suspend=st.booleans(),
    stop=st.booleans(),
    scheduling=st.sampled_from(["Levels", "Graph"]),
    policy=st.sampled_from(["FinishLevel", "Continue", "FailFast"]),
)
def test_every_task_of_any_project_has_an_answer(
    tasks: list[dict[str, Any]],
    phases: list[list[Phase]],
    parallelism: int,
    suspend: bool,
    stop: bool,
    scheduling: str,
    policy: str,
):
    roles = [{"name": "r", "maxConcurrent": 1}, {"name": "s"}]
    project = Project(*tasks, roles=roles, parallelism=parallelism, suspend=suspend, stop=stop, scheduling=scheduling,
                      failurePolicy=policy)  # fmt: skip
    for task, seen in zip(tasks, phases, strict=False):
        for number, phase in enumerate(seen, start=1):
            if number < len(seen) and phase in (Phase.ACTIVE, Phase.LAUNCHING, Phase.REFUSED):
                phase = Phase.STOPPED  # an attempt starts when the one before has ended
            reason = {Phase.LAUNCHING: None, Phase.REFUSED: Reason.REFUSED_BY_POLICY}.get(phase, "ExitCode")
            project.seen(task["id"], phase, number, reason=reason, exit_code=1)
            if phase is Phase.SUCCEEDED:
                break
    ids = set(project.graph.ids)
    for task in tasks:
        found = project.why(task["id"])
        (row,) = (row for row in project.status["tasks"] if row["id"] == task["id"])
        assert found.answer
        assert (found.state, found.reason) == (row["state"], row.get("reason", ""))
        assert task["id"] not in found.tasks
        assert ids.issuperset(found.tasks)
        assert "next round" not in found.answer  # rows of one moment always have someone to name


@pytest.mark.parametrize("kind", ["Job", "Workflow"])
def test_a_refused_job_is_told_with_the_words_of_the_api_server(kind: str) -> None:
    project = Project(t("a"), t("b"), executor=kind)
    project.refusals = {"a": "exceeded quota: three"}
    project.seen("a", Phase.REFUSED, started=NOW - 1, ended=NOW + 9, reason=Reason.WAITING_FOR_QUOTA, name=None)
    found = project.why("a")
    assert (found.state, found.reason, found.job, found.hint) == ("Pending", "WaitingForQuota", "", "")
    assert found.answer == f"attempt 1 cannot be created: the API server refuses its {kind}"
    assert found.more[0] == f"the API server refuses {kind}s of 1 task; a: exceeded quota: three"
    assert "raise it" in found.more[1]


@pytest.mark.parametrize(
    ("reason", "look", "job"),
    [
        ("ExitCode", "logs", "job-a-1"),
        ("Conflict", "logs", "job-a-1"),
        ("DeadlineExceeded", "job", "job-a-1"),  # its pod is deleted
        ("StartError", "job", "job-a-1"),
        ("Lost", "job", ""),  # so is its Job
        ("InvalidPodTemplate", "job", ""),
    ],
)
def test_what_there_is_to_look_at_exists(reason: str, look: str, job: str) -> None:
    project = Project(t("a"), defaults={"maxAttempts": 1}, conflicts={"maxReruns": 0})
    phase = Phase.LOST if reason == "Lost" else Phase.FAILED
    found = project.seen("a", phase, reason=reason).why("a")
    assert (found.state, found.look, found.job) == ("Failed", look, job)


def test_a_job_without_a_pod_is_looked_at_itself() -> None:
    project = Project(t("a")).seen("a", Phase.ACTIVE)
    project.troubles = {"a": Reason.POD_NOT_CREATED}
    assert project.why("a").look == "job"


def test_a_deletion_that_finalizers_hold_up_comes_before_any_other_reason() -> None:
    project = Project(t("a"), t("b", "a"), t("c", "b")).seen("a", Phase.SUCCEEDED).seen("b", Phase.ACTIVE)
    metadata = {"deletionTimestamp": "2026-11-29T20:00:00Z", "finalizers": ["example.com/x", "foregroundDeletion"]}
    runs, waits = (deleted(project.why(task), metadata) for task in "bc")
    assert (runs.reason, waits.reason) == ("Deleted", "Deleted")
    assert runs.answer.startswith("it is being stopped: the project was deleted at 2026-11-29T20:00:00Z")
    assert waits.answer.startswith("it does not start")
    assert all(found.answer.endswith("until these finalizers are removed: example.com/x") for found in (runs, waits))
    assert deleted(project.why("a"), metadata) == project.why("a")


def test_a_deletion_that_the_garbage_collector_carries_out_is_no_reason() -> None:
    found = Project(t("a")).why("a")
    for finalizers in ([], ["foregroundDeletion"], ["orphan", "example.com/x"]):
        assert deleted(found, {"deletionTimestamp": "2026-11-29T20:00:00Z", "finalizers": finalizers}) == found
    assert deleted(found, {"finalizers": ["example.com/x"]}) == found
