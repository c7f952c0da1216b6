"""``pproj import``: a manifest of any file; and the same for the commands that need one."""

import json
import re
from pathlib import Path
from typing import Any

from parallelproject.cli.input.arguments import (
    HERE,
    All,
    Command,
    Dangling,
    DanglingOption,
    File,
    Format,
    Image,
    ManifestOutput,
    NoColor,
    ProjectName,
    Sets,
    SourceFormat,
    Tag,
    YamlOrJson,
)  # fmt: skip
from parallelproject.cli.input.check import check
from parallelproject.cli.input.role_templates import with_roles
from parallelproject.cli.input.set_field import set_all
from parallelproject.cli.input.task_file import located, placed, read_file, tell, written
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import of_problems
from parallelproject.cli.output.yamldump import as_yaml
from parallelproject.model.project import ParallelProject, parse_spec
from parallelproject.sources import Format as SourceKind
from parallelproject.sources import Imported

Json = dict[str, Any]

_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)


def run(
    file: File = HERE,
    output: ManifestOutput = YamlOrJson.YAML,
    name: ProjectName = None,
    settings: Sets = None,
    image: Image = None,
    command: Command = None,
    format: Format = None,
    tag: Tag = None,
    dangling: DanglingOption = Dangling.ERROR,
    all_tasks: All = False,
    no_color: NoColor = False,
) -> None:
    """Turn a file into a manifest for kubectl apply.

    The manifest is printed; what was imported and what was skipped is reported on stderr:

        pproj import tasks.json | kubectl apply --server-side -f -
    """
    if no_color:
        terminal.forbid_color()
    file = located(file, "import")
    manifest = make_manifest(file, format, tag, dangling, all_tasks, name, settings, image, command)
    if output is YamlOrJson.JSON:
        terminal.show(json.dumps(manifest, indent=2, ensure_ascii=False))
    else:
        terminal.show(as_yaml(manifest))


def make_manifest(
    file: Path,
    format: SourceFormat | None = None,
    tag: str | None = None,
    dangling: Dangling = Dangling.ERROR,
    all_tasks: bool = False,
    name: str | None = None,
    settings: list[str] | None = None,
    image: str | None = None,
    command: str | None = None,
) -> Json:
    """The manifest of FILE with all settings, checked as the operator would; says on stderr what came in.

    Raises:
        ProblemsError: the file is wrong, or a setting made it so.
        Failure: it would not be accepted.
    """
    imported = read_file(file, format, tag, dangling, all_tasks, name)
    tell(imported)
    manifest, project, prints = for_cluster(imported, settings, image, command)
    _, problems = check(project)
    if problems:
        raise of_problems(placed(problems, file, project, imported.report.format))
    if prints:
        missing = " and ".join(["--image", "--command"] if image is None else ["--command"])
        terminal.warning(f"tasks only print themselves until you give {missing}")
    return manifest


def for_cluster(
    imported: Imported, settings: list[str] | None = None, image: str | None = None, command: str | None = None
) -> tuple[Json, ParallelProject, bool]:
    """What would be applied: the manifest, as a project too, and whether its tasks only print their task files.

    Raises:
        ProblemsError: a setting made it wrong.
        Failure: a setting leads nowhere.
    """
    manifest = changed(imported, settings)
    spec = parse_spec(manifest["spec"])
    prints = with_roles(manifest, spec, image, command)
    if image is not None or command is not None or (spec.tasks and not spec.roles):
        spec = parse_spec(manifest["spec"])
    return manifest, ParallelProject(metadata=manifest["metadata"], spec=spec), prints


def changed(imported: Imported, settings: list[str] | None) -> Json:
    """The manifest with ``--set`` applied; texts of other tools without blanks at line ends, for readable YAML."""
    manifest = written(imported)
    if imported.report.format is not SourceKind.MANIFEST:
        for task in manifest["spec"].get("tasks", []):
            if "description" in task:
                task["description"] = _TRAILING.sub("", task["description"])
    set_all(manifest, settings or [])
    return manifest
