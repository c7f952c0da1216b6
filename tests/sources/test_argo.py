"""Argo Workflows: a dag's tasks, templates as roles, what cannot be expressed."""

import pytest
import yaml

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, read
from parallelproject.sources.formats.argo.depends import DependsError, succeeded

HEAD = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: diamond-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: env, value: prod}]}
  serviceAccountName: builder
  templates:
  - name: echo
    inputs: {parameters: [{name: message}, {name: mode, value: fast}]}
    retryStrategy: {limit: "2"}
    activeDeadlineSeconds: 60
    container:
      image: alpine:3.7
      command: [echo, "{{inputs.parameters.message}} {{workflow.parameters.env}}"]
      env: [{name: MODE, value: "{{inputs.parameters.mode}}"}]
  - name: Gen
    script:
      image: python:3
      command: [python3]
      source: |
        print("$(HOME) $$")
  - name: main
    dag:
      tasks:
"""
GOOD = HEAD + """\
      - {name: A, template: echo, arguments: {parameters: [{name: message, value: "in {{workflow.parameters.env}}"}]}}
      - name: B
        template: echo
        dependencies: [A]
        withItems: [x, {k: y}]
        arguments: {parameters: [{name: message, value: "{{item}}"}]}
      - {name: C, template: Gen, depends: "A && B.Succeeded"}
"""  # fmt: skip


def load(text: str) -> Imported:
    return read(text, file="flow.yaml", name="flow")


def problems(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_dag_becomes_tasks_and_its_templates_roles():
    imported = load(GOOD)
    spec = imported.project.spec
    assert imported.report.format is Format.ARGO
    assert {task.id: task.dependencies for task in spec.tasks} == {
        "A": [], "B-0": ["A"], "B-1": ["A"], "C": ["A", "B-0", "B-1"],
    }  # fmt: skip
    assert spec.scheduling == "Graph"
    first, item = spec.tasks[0], spec.tasks[2]
    assert {p.name: p.value for p in first.parameters} == {"message": "in prod", "mode": "fast"}
    assert {p.name: p.value for p in item.parameters} == {"message": '{"k": "y"}', "mode": "fast"}
    assert (first.role, first.max_attempts, first.active_deadline_seconds) == ("echo", 3, 60)
    echo, gen = (role.pod_template.spec for role in spec.roles if role.pod_template)
    assert echo.containers[0].command == ["echo", "$(PPROJ_PARAM_MESSAGE) prod"]
    assert (echo.containers[0].model_extra or {})["env"] == [{"name": "MODE", "value": "$(PPROJ_PARAM_MODE)"}]
    assert (echo.model_extra or {})["serviceAccountName"] == "builder"
    assert gen.containers[0].command == ["python3", "-c", 'print("$$(HOME) $$$$")\n']
    assert not imported.report.warnings


def test_json_and_templates_of_workflows_are_read_too():
    data = yaml.safe_load(GOOD)
    data["kind"] = "WorkflowTemplate"
    import json

    assert len(read(json.dumps(data), file="x.json").project.spec.tasks) == 4
    data["kind"] = "CronWorkflow"
    data["spec"] = {"schedule": "* * * * *", "workflowSpec": data["spec"]}
    assert len(read(yaml.safe_dump(data), file="x.yaml").project.spec.tasks) == 4


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{name: A, template: Gen, when: '1 == 1'}", "tasks[0].when: is a condition"),
        ("{name: A, template: Gen, withParam: '[1]'}", "tasks[0].withParam: is a loop over the output of another task"),
        ("{name: A, template: Gen, withSequence: {count: 3}}", "tasks[0].withSequence: is an unsupported loop"),
        ("{name: A, template: Gen, continueOn: {failed: true}}", "tasks[0].continueOn: lets tasks run after a failure"),
        ("{name: A, templateRef: {name: x, template: y}}", "tasks[0].templateRef: uses a template of another object"),
        ("{name: A, template: gem}", 'tasks[0].template: "gem" is not a template'),
        ("{name: A, template: main}", "dag: is not a container or script"),
        ("{name: A, template: echo}", 'no value for the parameter "message" of template "echo"'),
        ("{name: A, template: Gen, depends: B.Failed}", "B.Failed: only success can be waited for here"),
        ("{name: A, template: Gen, depends: B || C}", "has || between tasks"),
        ("{name: A, template: Gen, depends: B}", '"B" is not a task'),
        ("{name: A, template: Gen, arguments: {artifacts: [{name: x}]}}", "artifacts: are files of other tasks"),
        ("{name: A, template: echo, arguments: {parameters: [{name: message, value: '{{tasks.B.outputs.result}}'}]}}",
         "is not known before the task runs"),
        ("{name: A, template: Gen, arguments: {parameters: [{name: massage, value: x}]}}", 'no parameter "massage"'),
        ("{name: A, template: Gen, withItems: 3}", "withItems: is not a list of items"),
        ("{template: Gen}", "tasks[0].name: is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_expressed_is_an_error_with_its_line(task: str, said: str):
    lines = problems(f"{HEAD}      - {task}\n")
    assert any(said in line for line in lines), lines
    assert all(line.startswith("flow.yaml:") for line in lines)


def test_all_is_told_at_once_the_cycle_too():
    lines = problems(
        HEAD
        + "      - {name: A, template: Gen, depends: B, when: x}\n"
        + "      - {name: B, template: Gen, dependencies: [A]}\n      - {name: B, template: Gen}\n"
    )
    assert len(lines) == 3
    assert any("cycle of 2: A → B → A" in line for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("entrypoint: main", "entrypoint: man", 'spec.entrypoint: "man" is not a template (did you mean "main"?)'),
        ("entrypoint: main", "entrypoint: echo", '"echo" is no dag (container) (name one that is a dag: main)'),
        ("command: [python3]", "command: [cobol]", '"cobol": not known to take a script'),
        ("command: [echo,", "args: [echo,", "container.command: is missing"),
        ("{{workflow.parameters.env}}\"]", "{{workflow.uid}}\"]", '"{{workflow.uid}}" is not known here'),
        ("    dag:\n", "    dag:\n      target: A\n", "dag.target: selects the tasks to run"),
    ],
)  # fmt: skip
def test_a_workflow_that_is_not_a_dag_of_containers_is_refused(old: str, new: str, said: str):
    assert any(said in line for line in problems(GOOD.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A", ["A"]),
        ("A.Succeeded && B", ["A", "B"]),
        ("(A && (B)) && A", ["A", "B"]),
        ("(A.Succeeded || A.Skipped) && b-1", ["A", "b-1"]),
        ("A.Succeeded||A.Daemoned", ["A"]),
    ],
)
def test_expressions_that_say_succeeded(text: str, names: list[str]):
    assert succeeded(text) == names


@pytest.mark.parametrize(
    "text", ["", "A ||", "!A", "A || B", "A.Failed", "A.Skipped", "A &&", "(A", "A)", "A B", "A.AnySucceeded", "&& A",
             "A + B", "(A && B) || A", "(" * 5000]
)  # fmt: skip
def test_expressions_that_say_something_else(text: str):
    with pytest.raises(DependsError):
        succeeded(text)


@pytest.mark.parametrize("limit", ["²", "9" * 5000, "{{workflow.parameters.env}}"])
def test_a_retry_limit_that_is_no_small_number_is_ignored(limit: str):
    assert load(GOOD.replace('limit: "2"', f'limit: "{limit}"')).project.spec.tasks[0].max_attempts is None
