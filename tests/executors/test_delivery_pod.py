"""The pod of an attempt whose work lands: who sees what, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.job.task_job import check_for_cluster, job_manifest
from parallelproject.git.container.main import read
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec

Json = dict[str, Any]
OWNER = Owner("shop", "agents", "0f5e4a52-0000-4000-8000-000000000000")
GIT: Json = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}}


def spec(pod: Json | None = None, git: Json | None = None, **fields: Any) -> Json:
    container = {"name": "agent", "image": "x", "command": ["agent", "--file", "$(PPROJ_TASK_FILE)"], "args": ["-v"]}
    template = {"spec": {"containers": [container], **(pod or {})}}
    return {
        "roles": [{"name": "r", "podTemplate": template}],
        "tasks": [{"id": "a"}],
        "git": GIT | (git or {}),
        **fields,
    }


def job(data: Json, number: int = 1, feedback: str = "") -> Json:
    given = parse_spec(data)
    made = job_manifest(OWNER, given, compile_graph(given), 0, number, {}, git_image="git:1", feedback=feedback)
    json.dumps(made)
    return made


def pod_of(made: Json) -> Json:
    pod: Json = made["spec"]["template"]["spec"]
    return pod


def containers(made: Json) -> dict[str, Json]:
    pod = pod_of(made)
    return {c["name"]: c for c in (*pod["initContainers"], *pod["containers"])}


def mounted(container: Json) -> dict[str, str]:
    return {m["mountPath"]: m["name"] for m in container["volumeMounts"]}


def test_only_the_containers_that_land_see_the_git_directory_and_the_credentials() -> None:
    found = containers(job(spec()))
    assert list(found) == ["prepare", "agent", "git"]
    for name in ("prepare", "git"):
        assert {"/pproj/private", "/pproj/credentials"} <= mounted(found[name]).keys()
    assert not {"/pproj/private", "/pproj/credentials"} & mounted(found["agent"]).keys()
    assert all("subPath" in m for m in found["agent"]["volumeMounts"] if m["name"] == "pproj-work")


def test_no_credential_is_in_the_manifest_and_none_is_mounted_where_none_is_named() -> None:
    made = job(spec(git={"credentialsSecretRef": None}))
    assert "credentials" not in json.dumps(made)


def test_the_command_is_wrapped_and_its_arguments_stay() -> None:
    agent = containers(job(spec()))["agent"]
    wrapper = ["/pproj/bin/pproj-wrap", "/pproj/state", "/pproj/workspace"]
    assert agent["command"] == [*wrapper, "agent", "--file", "$(PPROJ_TASK_FILE)"]
    assert agent["args"] == ["-v"]
    environment = {entry["name"]: entry["value"] for entry in agent["env"]}
    assert [environment[f"GIT_CONFIG_{key}"] for key in ("COUNT", "KEY_0", "VALUE_0")] == [
        "1", "safe.directory", "/pproj/workspace"
    ]  # fmt: skip


def test_the_instruction_is_one_that_pproj_git_reads() -> None:
    conflicts = {"enforceFiles": True}
    author = {"name": "agents", "email": "agents@acme.example"}
    tasks = [{"id": "a", "title": "A title", "description": "ü" * 30_000, "files": ["src/**"]}]
    made = job(spec(git={"author": author, "branch": "work/x"}, conflicts=conflicts, tasks=tasks), number=3)
    notes = made["spec"]["template"]["metadata"]["annotations"]
    delivery, place, _, outputs, *_ = read(notes["parallelproject.io/delivery"])
    assert (delivery.branch, delivery.base_ref, delivery.run, delivery.task) == ("work/x", "main", OWNER.uid, "a")
    assert (delivery.attempt, delivery.title, delivery.author.name) == (3, "A title", "agents")
    assert (delivery.policy.files, delivery.policy.enforce_files) == (("src/**",), True)
    assert str(outputs) == "/pproj/outputs"
    assert (str(place.workspace), str(place.private)) == ("/pproj/workspace", "/pproj/private")
    assert sum(map(len, (value.encode() for value in notes.values()))) < 256 * 1024


def test_the_branch_is_named_after_the_project() -> None:
    delivery, *_ = read(job(spec())["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"])
    assert delivery.branch == "parallel/shop"


def test_feedback_is_a_file() -> None:
    made = job(spec(), number=2, feedback="Both have changed: x")
    assert made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/feedback"] == "Both have changed: x"
    items = pod_of(made)["volumes"]
    paths = {item["path"] for volume in items for item in volume.get("downwardAPI", {}).get("items", ())}
    assert paths == {"task.json", "delivery.json", "feedback.txt"}
    assert "PPROJ_FEEDBACK" not in {entry["name"] for entry in containers(job(spec()))["agent"]["env"]}


def test_it_runs_as_the_task_s_user_where_one_is_named() -> None:
    assert "runAsUser" not in containers(job(spec()))["git"]["securityContext"]
    made = job(spec({"securityContext": {"runAsUser": 1000, "runAsGroup": 2000}}))
    assert (
        containers(made)["git"]["securityContext"] | {"runAsUser": 1000} == containers(made)["git"]["securityContext"]
    )
    root = containers(job(spec({"securityContext": {"runAsUser": 0}})))["prepare"]["securityContext"]
    assert (root["runAsUser"], root["runAsNonRoot"]) == (0, False)


def test_an_attempt_always_ends() -> None:
    assert job(spec())["spec"]["activeDeadlineSeconds"] == 86_400
    assert job(spec(defaults={"activeDeadlineSeconds": 60}))["spec"]["activeDeadlineSeconds"] == 60


def test_the_template_s_own_containers_and_settings_stay() -> None:
    own = {
        "name": "install",
        "image": "y",
        "volumeMounts": [{"name": "pproj-work", "subPath": "workspace", "mountPath": "/w"}],
    }
    data = spec({"initContainers": [own]})
    data["roles"][0]["podTemplate"]["spec"]["containers"].append({"name": "db", "image": "z"})
    env = [{"name": "GIT_CONFIG_COUNT", "value": "0"}]
    data["roles"][0]["podTemplate"]["spec"]["containers"][0]["env"] = env
    found = containers(job(data))
    assert list(found) == ["prepare", "install", "agent", "db", "git"]
    assert [e["value"] for e in found["agent"]["env"] if e["name"] == "GIT_CONFIG_COUNT"] == ["0"]


def test_a_sandbox_that_the_template_names_is_that_of_the_pod() -> None:
    assert pod_of(job(spec({"runtimeClassName": "gvisor"})))["runtimeClassName"] == "gvisor"


@pytest.mark.parametrize(
    ("pod", "place", "found"),
    [
        ({"shareProcessNamespace": True}, ".shareProcessNamespace", "would let the task read"),
        ({"hostPID": True}, ".hostPID", "would let the task read"),
        ({"initContainers": [{"name": "git", "image": "x"}]}, "", "has a container git"),
        ({"containers": [{"name": "prepare", "image": "x", "command": ["x"]}]}, "", "has a container prepare"),
    ],
)
def test_a_template_that_does_not_go_with_delivery_is_refused(pod: Json, place: str, found: str) -> None:
    (problem,) = check_for_cluster(parse_spec(spec(pod)))
    assert problem.place == f"spec.roles[0].podTemplate.spec{place}"
    assert found in problem.found
    assert check_for_cluster(parse_spec({**spec(pod), "git": None})) == []


_FROM_KEY = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "shop-git", "key": "password"}}}


@pytest.mark.parametrize(
    ("pod", "place"),
    [
        (
            {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "secret": {"secretName": "shop-git"}}]},
            ".volumes[1]",
        ),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "shop-forge"}}]}}]},
            ".volumes[0]",
        ),
        ({"containers": [{"name": "a", "image": "x", "command": ["x"], "env": [_FROM_KEY]}]}, ".containers[0].env"),
        ({"initContainers": [{"name": "a", "image": "x", "env": [_FROM_KEY]}]}, ".initContainers[0].env"),
        (
            {"initContainers": [{"name": "a", "image": "x", "envFrom": [{"secretRef": {"name": "shop-forge"}}]}]},
            ".initContainers[0].envFrom",
        ),
    ],
)
def test_a_template_that_gives_the_task_what_lands_its_work_is_refused(pod: Json, place: str) -> None:
    forge = {"type": "Gitea", "url": "https://git.example", "tokenSecretRef": {"name": "shop-forge", "key": "token"}}
    (problem,) = check_for_cluster(parse_spec(spec(pod, {"forge": forge})))
    assert problem.place == f"spec.roles[0].podTemplate.spec{place}"
    assert "gives the task the Secret shop-" in problem.found
    text = json.dumps(pod).replace("shop-git", "shop-own").replace("shop-forge", "shop-own")
    assert check_for_cluster(parse_spec(spec(json.loads(text), {"forge": forge}))) == []


@pytest.mark.parametrize(
    "mount",
    [
        {"name": "pproj-work", "mountPath": "/all"},
        {"name": "pproj-work", "mountPath": "/p", "subPath": "private"},
        {"name": "pproj-work", "mountPath": "/p", "subPath": "workspace/../private"},
        {"name": "pproj-work", "mountPath": "/p", "subPathExpr": "$(X)"},
        {"name": "pproj-credentials", "mountPath": "/c"},
    ],
)
def test_a_template_cannot_mount_what_a_task_must_not_see(mount: Json) -> None:
    data = spec()
    data["roles"][0]["podTemplate"]["spec"]["containers"][0]["volumeMounts"] = [mount]
    (problem,) = check_for_cluster(parse_spec(data))
    assert "a task must not see its content" in problem.found


@pytest.mark.parametrize(
    ("git", "place"),
    [
        ({"url": "/srv/shop.git"}, "spec.git.url"),
        ({"url": "https://user:password@git.example/x.git"}, "spec.git.url"),
        ({"branch": "-x"}, "spec.git"),
        ({"baseRef": "a..b"}, "spec.git"),
        ({"author": {"name": "<>", "email": "x"}}, "spec.git"),
    ],
)
def test_where_nothing_can_land_the_spec_is_refused(git: Json, place: str) -> None:
    (problem,) = check_for_cluster(parse_spec(spec(git=git)))
    assert problem.place == place
    assert "password" not in str(problem).replace("a password", "")


def test_files_cannot_be_enforced_without_a_repository() -> None:
    data = spec(conflicts={"enforceFiles": True}) | {"git": None}
    (problem,) = check_for_cluster(parse_spec(data))
    assert problem.place == "spec.conflicts.enforceFiles"


def test_a_template_nested_without_end_is_refused_before_it_is_read() -> None:
    deep: Json = {}
    for _ in range(2000):
        deep = {"x": deep}
    data = spec()
    data["roles"][0]["podTemplate"]["spec"]["affinity"] = deep
    (problem,) = check_for_cluster(parse_spec(data))
    assert "nested" in problem.found


@given(
    st.fixed_dictionaries(
        {"url": st.text(max_size=40)},
        optional={
            "branch": st.text(min_size=1, max_size=40),
            "baseRef": st.text(min_size=1, max_size=40),
            "author": st.fixed_dictionaries(
                {"name": st.text(min_size=1, max_size=20), "email": st.text(min_size=1, max_size=20)}
            ),
        },
    )
)
def test_whatever_git_says_has_an_answer_and_what_is_accepted_makes_an_instruction(git: Json) -> None:
    try:
        given_spec = parse_spec(spec(git=git))
    except ProblemsError:
        return
    if not check_for_cluster(given_spec):
        told = job(spec(git=git))["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"]
        assert read(told)[0].task == "a"


def test_what_would_not_fit_into_annotations_is_refused_before_anything_runs() -> None:
    many = [{"id": f"{'x' * 50}-{i}"} for i in range(1999)]
    (problem,) = check_for_cluster(
        parse_spec(spec(tasks=[*many, {"id": "last", "dependencies": [t["id"] for t in many]}]))
    )
    assert problem.place == "spec.tasks[1999]"
    assert "put a task between" in problem.hint
    few = [{"id": f"t{i}"} for i in range(1000)]
    assert (
        check_for_cluster(parse_spec(spec(tasks=[*few, {"id": "last", "dependencies": [t["id"] for t in few]}]))) == []
    )
    long = [
        {
            "id": "a",
            "description": "\n" * 32_768,
            "parameters": [{"name": f"p{i}", "value": "é" * 4096} for i in range(30)],
        }
    ]
    assert [p.place for p in check_for_cluster(parse_spec(spec(tasks=long)))] == ["spec.tasks[0]"]


def test_the_branch_of_this_very_project_is_checked() -> None:
    assert check_for_cluster(parse_spec(spec()), "a.lock")
    assert check_for_cluster(parse_spec(spec()), "a.lock.b") == []


@pytest.mark.parametrize("git", [{"strategy": "BranchPerTask"}, {"pullRequest": {"scope": "Level"}}])
def test_the_branches_that_will_be_offered_are_checked(git: dict[str, Any]) -> None:
    def found(branch: str) -> list[str]:
        return [str(problem) for problem in check_for_cluster(parse_spec(spec(git={**GIT, "branch": branch, **git})))]

    assert found("b" * 150) == []
    (told,) = found("b" * 196)
    assert "is longer than 200 bytes" in told


def agent_spec(**fields: Any) -> Json:
    container = {"name": "agent", "image": "x", "env": [{"name": "PPROJ_PROMPT_FILE", "value": "/mine"}]}
    agent = {"type": "ClaudeCode", "model": "opus", "args": ["--max-turns", "9"], "maxCost": {"usd": "2"}}
    role = {"name": "r", "agent": agent, "podTemplate": {"spec": {"containers": [container]}}}
    return {"roles": [role], "tasks": [{"id": "a"}], "git": GIT, **fields}


def test_an_agent_is_the_command_and_the_git_container_reads_what_it_leaves() -> None:
    data = agent_spec(prompt="Do {{ task.id }}")
    assert check_for_cluster(parse_spec(data)) == []
    made = job(data)
    found = containers(made)
    agent = read(made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"]).agent
    assert agent is not None
    assert (agent.type, agent.model, agent.template) == ("ClaudeCode", "opus", "Do {{ task.id }}")
    assert str(agent.prompt_file).startswith("/pproj/bin/")
    environment = [entry["value"] for entry in found["agent"]["env"] if entry["name"] == "PPROJ_PROMPT_FILE"]
    assert environment == [str(agent.prompt_file)]
    command = found["agent"]["command"]
    assert command[:5] == ["/pproj/bin/pproj-wrap", "/pproj/state", "/pproj/workspace", "/bin/sh", "-c"]
    assert {"opus", "--max-turns", "2"} < set(command)
    by_path = {mount["mountPath"]: mount for mount in found["git"]["volumeMounts"]}
    assert by_path[str(agent.outputs)]["readOnly"] is True
    assert by_path[str(agent.task_file.parent)]["readOnly"] is True
    assert str(agent.prompt_file.parent) in mounted(found["prepare"])


def test_of_a_command_that_is_no_agent_only_a_question_is_read() -> None:
    made = job(spec())
    _, _, agent, outputs, *_ = read(made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"])
    assert agent is None
    by_path = {mount["mountPath"]: mount for mount in containers(made)["git"]["volumeMounts"]}
    assert by_path[str(outputs)]["readOnly"] is True


def test_the_container_that_lands_the_work_reads_the_outputs() -> None:
    made = job(spec())
    found = containers(made)["git"]
    (mount,) = [mount for mount in found["volumeMounts"] if mount["mountPath"] == "/pproj/outputs"]
    assert mount["readOnly"]
    instruction = read(made["spec"]["template"]["metadata"]["annotations"]["parallelproject.io/delivery"])
    assert (str(instruction.outputs), instruction.reads_usage) == (mount["mountPath"], False)
