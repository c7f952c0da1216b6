"""``pproj import``: a manifest of any file."""

import json

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
    Tag,
    YamlOrJson,
)  # fmt: skip
from parallelproject.cli.input.manifest import make_manifest
from parallelproject.cli.input.task_file import located
from parallelproject.cli.output import terminal
from parallelproject.cli.output.yamldump import as_yaml


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
