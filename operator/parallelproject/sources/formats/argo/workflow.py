"""Reads an Argo Workflow whose entry point is a ``dag``: its tasks, and its templates as roles. Pure.

A container or script template becomes the pod template of a role, so that it runs in a cluster as it does in Argo.
Arguments become parameters: ``{{inputs.parameters.x}}`` in a template is ``$(PPROJ_PARAM_X)`` here. ``depends`` is read
if it only requires that tasks have succeeded. Everything that would run a task differently from Argo is an error:
conditions, dynamic loops, outputs and artifacts of other tasks.
"""

import copy
import re
from typing import Any

from parallelproject.core.graph.graph import compile_graph
from parallelproject.model.names import ENV_PROJECT, parameter_variable
from parallelproject.model.problem import ProblemsError, quoted
from parallelproject.model.project import ParallelProject, parse_spec
from parallelproject.sources.formats.argo.depends import DependsError, succeeded
from parallelproject.sources.formats.argo.items import expanded, scalar
from parallelproject.sources.formats.argo.roles import pod_template, role_name
from parallelproject.sources.selection.keys import Keys
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported, ImportReport
from parallelproject.sources.text import json_text, yaml_text
from parallelproject.sources.text.findings import Findings

KIND_LINE = re.compile(r"^[\"']?apiVersion[\"']?:\s*[\"']?argoproj\.io/", re.MULTILINE)
_KINDS = frozenset({"Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"})
_LIMIT = re.compile(r"[0-9]{1,9}")
_VARIABLE = re.compile(r"\{\{\s*(=?)\s*([^{}]*?)\s*\}\}")
_TASK_READ = frozenset({"name", "template", "depends", "arguments", "withItems", "inline"})
_REFUSED = {
    "when": "is a condition in the language of Argo, which is not translated",
    "withParam": "is a loop over the output of another task, which is known too late",
    "withSequence": "is an unsupported loop; withItems is supported",
    "templateRef": "uses a template of another object, which is not in this file",
    "inline": "is an inline template of a task, which is not supported",
    "continueOn": "lets tasks run after a failure, which is not translated",
}
_FIXES = {
    "when": "remove it, and write it as spec.tasks[].when of the imported project",
    "withParam": "write the items: withItems: [a, b]",
    "withSequence": "write the items: withItems: [0, 1]",
    "templateRef": "copy the template to spec.templates",
    "inline": "give the template a name in spec.templates",
    "continueOn": "let the task itself succeed, or write when with is: Failed in the imported project",
}
_SPEC_READ = frozenset({"entrypoint", "templates", "arguments", "parallelism", "activeDeadlineSeconds", "ttlStrategy"})
_SPEC_KNOWN = frozenset(
    {
        "affinity", "archiveLogs", "artifactGC", "artifactRepositoryRef", "automountServiceAccountToken", "dnsConfig",
        "dnsPolicy", "executor", "hostAliases", "hostNetwork", "imagePullSecrets", "metrics", "nodeSelector", "podGC",
        "podMetadata", "priority", "schedulerName", "securityContext", "serviceAccountName", "tolerations",
        "volumeClaimGC", "volumes", "workflowMetadata",
    }
)  # fmt: skip


def is_argo(data: object) -> bool:
    """Whether data is an Argo Workflow, or a template of one."""
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        return False
    return data["kind"] in _KINDS and str(data.get("apiVersion")).startswith("argoproj.io/")


def read_argo(text: str, findings: Findings, options: Options, name: str) -> Imported:
    """Reads the one workflow among the documents of a text.

    Raises:
        ProblemsError: everything wrong with it, by line and path; also if the text has no workflow or several.
    """
    if text.lstrip()[:1] == "{":
        documents = [yaml_text.YamlDocument(json_text.parse(text, findings, exact=False))]
        lines = False
    else:
        documents, lines = yaml_text.parse(text, findings), True
    found = [document for document in documents if is_argo(document.data)]
    if len(found) != 1:
        what = f"holds {len(found)} workflows of Argo"
        findings.stop(findings.file, what, "give a file with one, of apiVersion argoproj.io/v1alpha1")
    document = found[0]
    json_text.check(document.data, findings, findings.file, surrogates=True)
    return _Reader(document, findings, lines).project(options, name)


class _Reader:
    """Makes a project of one workflow."""

    def __init__(self, document: yaml_text.YamlDocument, findings: Findings, lines: bool) -> None:
        self._document = document
        self._findings = findings
        self._lines = lines
        data = document.data
        self._root = "spec"
        spec = _mapping(data.get("spec"))
        if data.get("kind") == "CronWorkflow":
            self._root, spec = "spec.workflowSpec", _mapping(spec.get("workflowSpec"))
        self._spec = spec
        listed = spec.get("templates")
        self._templates: dict[str, tuple[int, dict[str, Any]]] = {}
        for index, template in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(template, dict) and isinstance(template.get("name"), str):
                self._templates.setdefault(template["name"], (index, template))
        self._globals = _values(_mapping(spec.get("arguments")).get("parameters"))
        self._copies: dict[str, list[str]] = {}  # by a task's name: the ids that it became
        self._roles: dict[str, dict[str, Any]] = {}  # by the name of a template

    def project(self, options: Options, name: str) -> Imported:
        """The project.

        Raises:
            ProblemsError: everything wrong with the workflow.
        """
        index, dag = self._entry()
        path = f"{self._root}.templates[{index}].dag"
        keys = Keys(_SPEC_READ, _SPEC_KNOWN)
        keys.note(self._spec, self._at(self._root))
        tasks = dag.get("tasks")
        if not isinstance(tasks, list) or not tasks:
            self._findings.stop(
                self._at(f"{path}.tasks"), "is not a list of tasks", "write tasks: [{name: …, template: …}]"
            )
        if dag.get("target"):
            self._error(f"{path}.target", "selects the tasks to run, which is not supported", "remove the other tasks")
        rows = [(f"{path}.tasks[{i}]", task) for i, task in enumerate(tasks)]
        for place, task in rows:
            self._name_copies(place, task)
        made = [task for place, written in rows if isinstance(written, dict) for task in self._tasks(place, written)]
        spec: dict[str, Any] = {"scheduling": "Graph", "roles": list(self._roles.values()), "tasks": made}
        if dag.get("failFast") is False:
            spec["failurePolicy"] = "Continue"
        for key in ("parallelism", "activeDeadlineSeconds"):
            if self._spec.get(key) is not None:
                spec[key] = self._spec[key]
        ttl = _mapping(self._spec.get("ttlStrategy")).get("secondsAfterCompletion")
        if ttl is not None:
            spec["ttlSecondsAfterFinished"] = ttl
        parsed = None
        try:
            parsed = parse_spec(spec)
        except ProblemsError as error:
            for problem in error.problems:
                self._findings.error(self._findings.file, f"{problem.place}: {problem.found}", problem.hint)
        unread = keys.tell(self._findings)
        if parsed is not None and self._findings.errors:  # which must not hide problems of the whole graph
            try:
                compile_graph(parsed)
            except ProblemsError as error:
                for problem in error.problems:
                    if problem.reason == "CycleFound":  # others may only be caused by a task that could not be read
                        self._findings.error(self._at(path), problem.found, problem.hint, problem.reason)
        self._findings.stop_if_errors()
        assert parsed is not None  # otherwise there is an error
        named = _mapping(self._document.data.get("metadata")).get("name")
        project = ParallelProject(metadata={"name": options.name or role_name(str(named or name))[:63]}, spec=parsed)
        warnings = tuple(self._findings.warnings)
        report = ImportReport(format=Format.ARGO, found=len(made), taken=len(made), unread=unread, warnings=warnings)
        return Imported(project, report)

    def _entry(self) -> tuple[int, dict[str, Any]]:
        entry = self._spec.get("entrypoint")
        place = f"{self._root}.entrypoint"
        dags = [name for name, (_, template) in self._templates.items() if isinstance(template.get("dag"), dict)]
        if entry is None and len(dags) == 1:
            entry = dags[0]
        if not isinstance(entry, str) or entry not in self._templates:
            found = "is missing" if entry is None else f"{quoted(entry)} is not a template"
            hint = self._findings.did_you_mean(str(entry), list(self._templates)) or "name the template that is a dag"
            self._findings.stop(self._at(place), found, hint)
        index, template = self._templates[entry]
        if not isinstance(template.get("dag"), dict):
            kind = next((key for key in ("steps", "container", "script") if key in template), "no dag")
            hint = f"name one that is a dag: {', '.join(dags[:10])}" if dags else "write the tasks as a dag"
            self._findings.stop(self._at(place), f"{quoted(entry)} is no dag ({kind})", hint)
        return index, template["dag"]

    def _name_copies(self, place: str, task: object) -> None:
        """Notes the ids of a task: with ``withItems`` one for each item."""
        if not isinstance(task, dict) or not isinstance(task.get("name"), str):
            self._error(f"{place}.name" if isinstance(task, dict) else place, "is missing", "name the task")
            return
        name = task["name"]
        if name in self._copies:
            self._findings.error(
                self._at(f"{place}.name"), f"{quoted(name)} is given twice", "rename one", "DuplicateTask"
            )
            return
        items = task.get("withItems")
        if items is not None and not (isinstance(items, list) and items):
            self._error(f"{place}.withItems", "is not a list of items", "write withItems: [a, b]")
        count = len(items) if isinstance(items, list) else 0
        self._copies[name] = [f"{name}-{i}" for i in range(count)] if count else [name]

    def _tasks(self, place: str, task: dict[str, Any]) -> list[dict[str, Any]]:
        """A task of the dag as our tasks."""
        name = task.get("name")
        if not isinstance(name, str):
            return []
        for key, found in _REFUSED.items():
            if task.get(key) not in (None, "", [], {}):
                self._error(f"{place}.{key}", found, _FIXES[key])
        keys = Keys(_TASK_READ | set(_REFUSED), frozenset({"hooks", "onExit"}))
        keys.note(task, self._at(place))
        for key in keys.tell(self._findings):
            self._findings.warn(self._at(f"{place}.{key}"), "is not read")
        needs = self._needs(place, task)
        template = task.get("template")
        if not isinstance(template, str) or template not in self._templates:
            if not task.get("templateRef") and not task.get("inline"):
                found = "is missing" if template is None else f"{quoted(template)} is not a template"
                hint = self._findings.did_you_mean(str(template), list(self._templates))
                self._error(f"{place}.template", found, hint or "name one of spec.templates")
            return []
        role, more = self._role(template, place)
        made = []
        items = task.get("withItems")
        copies = (
            list(zip(self._copies[name], items, strict=False)) if isinstance(items, list) and items else [(name, None)]
        )
        for id, item in copies:
            values = self._arguments(place, task, template, item)
            titled = f"{name}({scalar(item)})" if item is not None else name
            parameters = [{"name": key, "value": value} for key, value in values.items()]
            made.append(
                {"id": id, "title": titled, "dependencies": needs, "role": role, "parameters": parameters, **more}
            )
        return made

    def _needs(self, place: str, task: dict[str, Any]) -> list[str]:
        written = task.get("dependencies")
        names: list[tuple[str, object]] = []
        if isinstance(written, list):
            names = [(f"{place}.dependencies[{i}]", part) for i, part in enumerate(written)]
        elif written is not None:
            self._error(f"{place}.dependencies", f"{quoted(written)} is not a list", "write [a, b]")
        if task.get("depends") not in (None, ""):
            try:
                names += [(f"{place}.depends", part) for part in succeeded(str(task["depends"]))]
            except DependsError as error:
                self._error(f"{place}.depends", str(error), "write it with && and .Succeeded alone")
        needs: dict[str, None] = {}
        for at, part in names:
            if isinstance(part, str) and part in self._copies:
                needs.update(dict.fromkeys(self._copies[part]))
            else:
                hint = self._findings.did_you_mean(str(part), list(self._copies)) or "remove it, or add the task"
                self._findings.error(self._at(at), f"{quoted(part)} is not a task", hint, "UnknownDependency")
        return list(needs)

    def _arguments(self, place: str, task: dict[str, Any], template: str, item: object) -> dict[str, str]:
        """A task's parameters: its arguments, and the defaults of its template's inputs."""
        arguments = _mapping(task.get("arguments"))
        if arguments.get("artifacts"):
            found = "are files of other tasks, which are not passed on"
            self._error(
                f"{place}.arguments.artifacts", found, "let the work land in git, or read the outputs of dependencies"
            )
        given = _values(arguments.get("parameters"))
        _, written = self._templates[template]
        values: dict[str, str] = {}
        for key in _names(_mapping(written.get("inputs")).get("parameters")):
            default = _values(_mapping(written.get("inputs")).get("parameters")).get(key)
            value = given.pop(key, default if default is not None else self._globals.get(key))
            if value is None:
                found = f"no value for the parameter {quoted(key)} of template {quoted(template)}"
                self._error(f"{place}.arguments.parameters", found, "add it")
                continue
            values[key] = self._text(f"{place}.arguments.parameters", scalar(value), item)
        for key in given:
            hint = self._findings.did_you_mean(key, list(values)) or "remove it, or add it to the template's inputs"
            self._error(
                f"{place}.arguments.parameters", f"template {quoted(template)} has no parameter {quoted(key)}", hint
            )
        return values

    def _text(self, place: str, text: str, item: object) -> str:
        """A value with its variables replaced; an error for variables that are only known after other tasks have
        run."""

        def value(found: re.Match[str]) -> str:
            name = found[2]
            if not found[1]:
                if name.startswith("workflow.parameters.") and (key := name.split(".", 2)[2]) in self._globals:
                    return scalar(self._globals[key])
                if (name == "item" or name.startswith("item.")) and (text := expanded(item, name)) is not None:
                    return text
            self._error(place, f"{quoted(found[0])} is not known before the task runs", "write the value")
            return found[0]

        return _VARIABLE.sub(value, text)

    def _role(self, template: str, place: str) -> tuple[str, dict[str, Any]]:
        """The role of a template, and the fields of the tasks that use it."""
        index, written = self._templates[template]
        at = f"{self._root}.templates[{index}]"
        role = role_name(template)
        if template not in self._roles:
            inputs = set(_names(_mapping(written.get("inputs")).get("parameters")))

            def error(path: str, found: str, hint: str) -> None:
                self._error(f"{at}{path}", found, hint)

            made = pod_template(written, self._spec, error)
            self._roles[template] = (
                {"name": role, "podTemplate": self._substituted(at, made, inputs)} if made else {"name": role}
            )
        more: dict[str, Any] = {}
        limit = _mapping(written.get("retryStrategy")).get("limit")
        if limit is not None and _LIMIT.fullmatch(str(limit)):
            more["maxAttempts"] = int(str(limit)) + 1
        deadline = written.get("activeDeadlineSeconds")
        if isinstance(deadline, int) and not isinstance(deadline, bool):
            more["activeDeadlineSeconds"] = deadline
        return role, more

    def _substituted(self, at: str, part: Any, inputs: set[str]) -> Any:
        """A part of a pod template with Argo's variables as Kubernetes' ones."""

        def value(found: re.Match[str]) -> str:
            name = found[2]
            if not found[1]:
                if name.startswith("inputs.parameters.") and (key := name.split(".", 2)[2]) in inputs:
                    return f"$({parameter_variable(key)})"
                if name.startswith("workflow.parameters.") and (key := name.split(".", 2)[2]) in self._globals:
                    return scalar(self._globals[key])
                if name == "workflow.name":
                    return f"$({ENV_PROJECT})"
            self._error(at, f"{quoted(found[0])} is not known here", "write the value, or make it a parameter")
            return found[0]

        if isinstance(part, str):
            return _VARIABLE.sub(value, part)
        if isinstance(part, list):
            return [self._substituted(at, inner, inputs) for inner in part]
        if isinstance(part, dict):
            return {key: self._substituted(at, inner, inputs) for key, inner in part.items()}
        return copy.copy(part)

    def _at(self, path: str) -> str:
        if not self._lines:
            return self._findings.at(path)
        return f"{self._findings.line(self._document.line_of(path))}: {path}"

    def _error(self, path: str, found: str, hint: str) -> None:
        self._findings.error(self._at(path), found, hint)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _names(parameters: object) -> list[str]:
    """The names of a list of parameters."""
    rows = parameters if isinstance(parameters, list) else []
    return [row["name"] for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)]


def _values(parameters: object) -> dict[str, Any]:
    """The values of a list of parameters, or their defaults, where they have one."""
    rows = parameters if isinstance(parameters, list) else []
    found = {}
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("name"), str):
            found[row["name"]] = row.get("value", row.get("default"))
    return found
