"""Arguments and options that several commands share. Declarations only."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from parallelproject.cli.input.completion import project_names, readable_names, readable_tasks
from parallelproject.model.spec import Scheduling


class SourceFormat(StrEnum):
    """The values of ``--format``."""

    MANIFEST = "manifest"
    TASKMASTER = "taskmaster"
    BEADS = "beads"
    GROUPS = "groups"
    FEATURES = "features"
    GITHUB = "github"
    BACKLOG = "backlog"
    ARGO = "argo"


class Dangling(StrEnum):
    """The values of ``--dangling``."""

    ERROR = "error"
    WARN = "warn"


class TextOrJson(StrEnum):
    """``-o`` of commands that answer in words."""

    TEXT = "text"
    JSON = "json"


class YamlOrJson(StrEnum):
    """``-o`` of commands that give a manifest."""

    YAML = "yaml"
    JSON = "json"


class GetOutput(StrEnum):
    """``-o`` of ``get``."""

    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


class ListOutput(StrEnum):
    """``-o`` of ``list``."""

    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


File = Annotated[
    Path,
    typer.Argument(
        metavar="[FILE]",
        help="A manifest, a task file of another tool, or a folder that contains one; by default this folder. "
        "- is standard input.",
        show_default=False,
    ),
]
HERE = Path()
"""FILE where none is given: the folder that we are in."""
Format = Annotated[
    SourceFormat | None, typer.Option("--format", help="Format of FILE; by default detected from its content.")
]
Tag = Annotated[
    str | None,
    typer.Option("--tag", metavar="TAG", help="TaskMaster: the tag to read; by default the current one, then master."),
]
All = Annotated[bool, typer.Option("--all", help="Include tasks that are already done, as if nothing were done yet.")]
DanglingOption = Annotated[
    Dangling, typer.Option("--dangling", help="How to treat a dependency on a task that does not exist.")
]
SchedulingOption = Annotated[
    Scheduling | None, typer.Option("--scheduling", help="When a task may start; overrides FILE.")
]
Parallelism = Annotated[
    int | None,
    typer.Option("--parallelism", metavar="N", min=1, max=1000, help="Maximum number of running tasks."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a field of the manifest, as in spec.parallelism=8 or spec.tasks[api].priority=9; may be given again.",
    ),
]
ProjectName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the project; by default derived from FILE.")
]
Image = Annotated[str | None, typer.Option("--image", metavar="IMAGE", help="Image that runs the tasks of every role.")]


def task_argument(help: str) -> Any:
    """The argument TASK of a command, which completes ids of tasks."""
    return typer.Argument(metavar="TASK", help=help, autocompletion=readable_tasks, show_default=False)


Command = Annotated[
    str | None,
    typer.Option(
        "--command", metavar="CMD", help="Shell command that runs a task; variables PPROJ_… describe the task."
    ),
]
Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of the project.", autocompletion=project_names, show_default=False),
]
NameOrOnly = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the project; by default the only local run of this folder.",
        autocompletion=readable_names,
        show_default=False,
    ),
]
TasksOfProject = Annotated[list[str] | None, task_argument("Ids of the tasks.")]
TaskOrThoseToExplain = Annotated[
    str | None,
    task_argument(
        "Id of the task; by default all failed tasks or, if none failed, all running and waiting tasks. A single "
        "word is a task of the only local run."
    ),
]
TaskToShow = Annotated[str | None, task_argument("Id of a task to show in full; by default the whole project.")]
StateDirectoryOfRun = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", metavar="DIR", help="State directory of a local run, as given to run; by default .pproj/NAME."
    ),
]
AnswerOutput = Annotated[TextOrJson, typer.Option("-o", "--output", help="Output format.")]
ManifestOutput = Annotated[YamlOrJson, typer.Option("-o", "--output", help="Output format.")]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="Longest wait, as in 30s, 5m or 2h; by default no limit."),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours, also on a terminal.")]
Namespace = Annotated[
    str | None,
    typer.Option("-n", "--namespace", metavar="NAMESPACE", help="Namespace; by default that of the context."),
]
Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="Context of the kubeconfig.")]
Kubeconfig = Annotated[str | None, typer.Option("--kubeconfig", metavar="FILE", help="Path of the kubeconfig file.")]
