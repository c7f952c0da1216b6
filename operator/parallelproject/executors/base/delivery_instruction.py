"""The instruction of ``pproj-git`` for an attempt, and what keeps work from landing, for any executor. Pure."""

import json
from typing import Any

from parallelproject.core.graph.file_overlap import normalise
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.step_at import NO_STEPS, StepAt
from parallelproject.git.plumbing.address import parse
from parallelproject.git.plumbing.delivery import ConflictMerge, Delivery, Person
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.refs import TaskRefs, check_branch, task_branch
from parallelproject.model.branches import landing_branch, level_branch, offered_branch
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Git, Spec, Workspace, WorkspaceHistory

Json = dict[str, Any]

IMAGE = "parallelproject-git"
"""Image of ``pproj-git``, unless the operator is configured with another one."""
WORKSPACE = "/pproj/workspace"
"""The checkout, in which the task's command runs."""
PRIVATE, CREDENTIALS = "/pproj/private", "/pproj/credentials"
"""The private git directory and the Secret, for our containers only."""
BODY_MAX = 8_000
"""Maximum characters of a description in a commit; instruction and task file together must fit into the annotations."""
_DEADLINE = 86_400
"""Maximum time of an attempt without a deadline: ``git`` waits for the command, even if its container cannot be
started."""


def instruction(
    spec: Spec,
    git: Git,
    project: str,
    uid: str,
    graph: CompiledGraph,
    task: int,
    number: int,
    agent: Json | None = None,
    outputs: str = "",
    repair: int = 0,
    setup: Json | None = None,
    at: StepAt = NO_STEPS,
    message_max: int = 0,
    merging: ConflictMerge | None = None,
) -> str:
    """The instruction of ``pproj-git`` for an attempt.

    Args:
        spec: The project's spec.
        git: Its ``git``.
        project: The project's name.
        uid: The project's uid, which identifies its refs and trailers.
        graph: The compiled spec.
        task: The task, as its number in the graph.
        number: Of the attempt.
        agent: The coding agent that makes the attempt: the fields of ``PodAgent``.
        outputs: The folder of the attempt's outputs, where our container sees it: of its agent, its question, its
            outputs and what it reports to have used.
        repair: Number of the repair of what the task has landed; 0: its own work.
        setup: What runs in the workspace before the command: the fields of ``PodSetup``.
        at: The step of the task that it is at.
        message_max: Maximum bytes of a result with the report of a gate.
        merging: The conflict of the branch that it resolves, if it does.
    """
    described = graph.tasks[task]
    fields = _checkout(spec, git, project, uid) | {
        "depth": _depth(spec),
        "task": graph.ids[task],
        "attempt": number,
        "title": f"Repair: {described.title or graph.ids[task]}" if repair else described.title,
        "body": described.description[:BODY_MAX],
        "policy": {
            "files": list(graph.files[task]),
            "enforceFiles": spec.conflicts.enforce_files,
            "notLanded": [normalise(path, "spec.git.notLanded") for path in git.not_landed],
        },
    }
    if repair:
        fields["repair"] = repair
    if merging:
        fields |= {"merging": {"commit": merging.commit, "paths": list(merging.paths)}, "depth": 0}
    if at.standing.work:
        fields["continues"] = TaskRefs(uid, graph.ids[task], repair=repair).held(at.standing.work)
    if at.has_steps:
        fields["step"] = {
            "name": at.name,
            "gate": at.is_gate,
            "last": at.standing.is_last,
            "onlyLands": at.only_lands,
            "messageMax": message_max,
        }
    fields |= _author(git)
    if agent:
        fields["agent"] = agent
    if outputs:
        fields["outputs"] = outputs
    if spec.budgets:
        fields["readsUsage"] = True
    if setup:
        fields["setup"] = setup
    return _json(fields)


def continues_held_work(instruction: str) -> bool:
    """Whether an attempt starts from work of its task that has not landed, by its instruction. Others can change that
    text: in one that cannot be read, it does not."""
    try:
        fields = json.loads(instruction)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and bool(fields.get("continues"))


def reading_instruction(spec: Spec, agent: Json, outputs: str) -> str:
    """The instruction of ``pproj-git`` for an attempt of an agent without a repository.

    Args:
        spec: The project's spec.
        agent: The fields of ``PodAgent``.
        outputs: As of ``instruction``.
    """
    fields: Json = {"agent": agent, "outputs": outputs, "workspace": WORKSPACE, "private": PRIVATE}
    return _json(fields | ({"readsUsage": True} if spec.budgets else {}))


def check_instruction(spec: Spec, git: Git, project: str, uid: str, check: Json, setup: Json | None = None) -> str:
    """The instruction of ``pproj-git`` for a run of a check, which needs all of the history.

    Args:
        spec: The project's spec.
        git: Its ``git``.
        project: The project's name.
        uid: The project's uid.
        check: The fields of ``PodCheck``.
        setup: As of ``instruction``.
    """
    # No ref has the name of its task: nothing is pushed.
    more: Json = {"setup": setup} if setup else {}
    return _json(_checkout(spec, git, project, uid) | {"task": "verification", "check": check} | more)


def revert_instruction(spec: Spec, git: Git, project: str, uid: str, revert: Json) -> str:
    """The instruction of ``pproj-git`` for a run that takes work off the branch, which needs all of the history.

    Args:
        spec: The project's spec.
        git: Its ``git``.
        project: The project's name.
        uid: The project's uid.
        revert: The fields of ``PodRevert``.
    """
    # No ref has the name of its task: only the branch is pushed.
    return _json(_checkout(spec, git, project, uid) | _author(git) | {"task": "verification", "revert": revert})


def checkout_instruction(spec: Spec, git: Git, project: str, uid: str) -> str:
    """The instruction of ``pproj-git`` for a checkout of which nothing lands, as hooks have it."""
    # No ref has the name of its task: nothing is pushed.
    return _json(_checkout(spec, git, project, uid) | {"depth": _depth(spec), "task": "hook"})


def _checkout(spec: Spec, git: Git, project: str, uid: str) -> Json:
    """What is checked out, how, and where."""
    fields: Json = {
        "url": git.url,
        "branch": landing_branch(git, project),
        "baseRef": git.base_ref,
        "run": uid,
        "submodules": spec.workspace.submodules,
        "lfs": spec.workspace.lfs,
        "workspace": WORKSPACE,
        "private": PRIVATE,
    }
    if git.credentials_secret_ref:
        fields["credentials"] = CREDENTIALS
    return fields


def _author(git: Git) -> Json:
    """Who makes the commits, if the spec says it."""
    if git.author is None:
        return {}
    person = {"name": git.author.name, "email": git.author.email}
    return {"author": person, "committer": person}


def _depth(spec: Spec) -> int:
    """How many commits of the history are fetched; 0: all."""
    return 0 if spec.workspace.history is WorkspaceHistory.FULL else 1


def _json(fields: Json) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def git_problems(spec: Spec, project: str) -> list[Problem]:
    """The problems that keep the work of a spec from landing, with any template."""
    git, found = spec.git, list[Problem]()
    if git is None:
        if spec.workspace != Workspace():
            found.append(Problem("spec.workspace", "needs a repository to check out", "set spec.git, or remove it"))
        if spec.conflicts.enforce_files:
            place = "spec.conflicts.enforceFiles"
            found.append(Problem(place, "needs a repository to compare with", "set spec.git, or remove it"))
        return found
    try:
        parse(git.url)
    except PolicyError as error:
        found.append(Problem("spec.git.url", str(error).removeprefix("git url: it ")))
    try:
        author = Person(git.author.name, git.author.email) if git.author else Person("x", "x@localhost")
        Delivery(
            url="https://localhost/x", branch=landing_branch(git, project), base_ref=git.base_ref, run="x", task="x",
            author=author,
        )  # fmt: skip
        for name in _offered(spec, git, project):
            check_branch(name, "branch")
    except PolicyError as error:
        found.append(Problem("spec.git", str(error)))
    for i, path in enumerate(git.not_landed):
        try:
            normalise(path, f"spec.git.notLanded[{i}]")
        except ProblemsError as error:
            found += error.problems
    return found


def _offered(spec: Spec, git: Git, project: str) -> list[str]:
    """The branches that will be published."""
    branch = offered_branch(git, project)
    if git.is_by_task:
        return [task_branch(branch, task.id) for task in spec.tasks]
    return [level_branch(branch, len(spec.tasks))] if git.is_by_level else [branch]


def deadline_of(given: int | None) -> int:
    """Maximum time of an attempt whose work lands, in seconds."""
    return given or _DEADLINE
