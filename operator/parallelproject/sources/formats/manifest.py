"""Reads a ParallelProject from a manifest, YAML or JSON, exactly as it is written: nothing is inferred."""

import re
from collections.abc import Callable
from typing import Any

from parallelproject.model.names import API_VERSION, GROUP, KIND
from parallelproject.model.problem import Problem, ProblemsError, quoted
from parallelproject.model.project import ParallelProject, parse_spec
from parallelproject.model.spec import Spec
from parallelproject.model.suggest import did_you_mean
from parallelproject.sources.formats.manifest_salvage import Salvage
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import Imported, ImportReport
from parallelproject.sources.text import json_text, yaml_text
from parallelproject.sources.text.findings import Findings

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


class ManifestError(ProblemsError):
    """A manifest with errors in its fields; it carries what of it can be checked as a whole."""

    def __init__(self, findings: Findings, metadata: dict[str, Any], salvage: Salvage) -> None:
        super().__init__(findings.errors, findings.warnings)
        self.metadata = metadata
        self.salvage = salvage


def read_manifest(text: str, findings: Findings, options: Options, default_name: str) -> Imported:
    """Reads the one ParallelProject among the documents of ``text``; other objects are ignored.

    The status of an object from a cluster is dropped. A manifest without a name gets
    ``default_name``, with a warning.

    Raises:
        ProblemsError: everything wrong with it, by line and path; also none or more than one.
    """
    if text.lstrip()[:1] in ("{", "[") and not findings.file.lower().endswith((".yaml", ".yml")):
        documents = [yaml_text.YamlDocument(json_text.parse(text, findings, exact=False))]
        lines = False
    else:
        documents = yaml_text.parse(text, findings)
        lines = True
    document = _only_project(documents, findings)
    data: dict[str, Any] = document.data
    json_text.check(data, findings, findings.file, surrogates=True)

    def at(path: str) -> str:
        return f"{findings.line(document.line_of(path))}: {path}" if lines else findings.at(path)

    for key in data:
        if key not in _FIELDS:
            hint = did_you_mean(key, _FIELDS) or "remove it, or check its spelling"
            findings.error(at(key), "is not a field", hint)
    if data.get("apiVersion") != API_VERSION:
        found = f"{quoted(data['apiVersion'])} is not known" if "apiVersion" in data else "is missing"
        findings.error(at("apiVersion"), found, f"write {API_VERSION}")
    metadata = _metadata(data.get("metadata"), findings, options, default_name, at)
    written = {} if data.get("spec") is None else data["spec"]
    spec, wrong = Spec(), list[Problem]()
    try:
        spec = parse_spec(written)
    except ProblemsError as error:
        wrong = error.problems
    if findings.errors or wrong:
        salvage = Salvage(written)
        problems = dict.fromkeys([*wrong, *salvage.problems()])
        findings.errors.extend(_problem_at(problem, document, at(problem.place)) for problem in problems)
        raise ManifestError(findings, metadata, salvage)
    project = ParallelProject(metadata=metadata, spec=spec)
    count = len(spec.tasks)
    warnings = tuple(findings.warnings)
    return Imported(project, ImportReport(format=Format.MANIFEST, found=count, taken=count, warnings=warnings))


def is_project(data: object) -> bool:
    """Whether data is a ParallelProject, or means to be one."""
    if not isinstance(data, dict):
        return False
    return data.get("kind") == KIND or str(data.get("apiVersion")).startswith(f"{GROUP}/")


def _only_project(documents: list[yaml_text.YamlDocument], findings: Findings) -> yaml_text.YamlDocument:
    projects = [document for document in documents if is_project(document.data)]
    if not projects:
        findings.stop(findings.file, f"contains no {KIND}", f"write apiVersion: {API_VERSION} and kind: {KIND}")
    if len(projects) > 1:
        places = ", ".join(str(project.line) for project in projects[:5])
        found = f"holds {len(projects)} {KIND}s, on lines {places}"
        findings.stop(findings.line(projects[1].line), found, "give each its own file")
    others = sum(document.data is not None for document in documents) - 1
    if others:
        found = f"{others} other object{'s' if others > 1 else ''} in it not read"
        findings.warn(findings.file, found, "apply them with kubectl")
    if projects[0].data.get("kind") != KIND:
        findings.error(findings.line(projects[0].line), "kind: is not that of a project", f"write kind: {KIND}")
    return projects[0]


def _metadata(
    metadata: object, findings: Findings, options: Options, default_name: str, at: Callable[[str], str]
) -> dict[str, Any]:
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        findings.error(at("metadata"), "is not a mapping", "write metadata: {name: …}")
        return {}
    name = metadata.get("name")
    if options.name is not None:
        metadata = {**metadata, "name": options.name}
    elif name is None and "generateName" not in metadata:
        findings.warn(at("metadata"), f'has no name; "{default_name}" is used', "give it metadata.name")
        metadata = {**metadata, "name": default_name}
    elif name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        hint = "small letters, digits, - and ., at most 253"
        findings.error(at("metadata.name"), f"{quoted(name)} is not a name", hint)
    return metadata


def _problem_at(problem: Problem, document: yaml_text.YamlDocument, place: str) -> Problem:
    hint = problem.hint
    if "valid string" in problem.found:
        spelled = document.spelled.get(problem.place)
        hint = f'write it in quotes: "{spelled}"' if spelled and spelled.isprintable() else "write it as text"
    return Problem(place, problem.found, hint, problem.reason)
