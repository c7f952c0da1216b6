"""``pproj submit``: server-side apply of a file; what is no manifest is imported first."""

from typing import TYPE_CHECKING, Annotated

import typer

from parallelproject.cli.cluster.wait_for_end import LastSeen, tell_result, until_end
from parallelproject.cli.commands.importing import make_manifest
from parallelproject.cli.commands.watch import follow_visibly
from parallelproject.cli.input.arguments import (
    HERE,
    All,
    Command,
    Dangling,
    DanglingOption,
    File,
    Format,
    Image,
    ProjectName,
    Sets,
    Tag,
    Timeout,
)  # fmt: skip
from parallelproject.cli.input.cluster_options import on_cluster
from parallelproject.cli.input.task_file import located
from parallelproject.cli.input.typed_times import seconds
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster


@on_cluster
async def run(
    cluster: "Cluster",
    file: File = HERE,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the project until it ends.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end of the project; the exit code is its result.")
    ] = False,
    limit: Timeout = None,
    name: ProjectName = None,
    settings: Sets = None,
    image: Image = None,
    command: Command = None,
    format: Format = None,
    tag: Tag = None,
    dangling: DanglingOption = Dangling.ERROR,
    all_tasks: All = False,
) -> int:
    """Apply a file to the cluster, where the operator runs it."""
    longest = seconds(limit)
    if longest is not None and not (wait or watch):
        raise Failure("--timeout is for --wait and --watch", code=2)
    file = located(file, "submit")
    manifest = make_manifest(file, format, tag, dangling, all_tasks, name, settings, image, command)
    metadata = manifest["metadata"]
    if metadata.get("namespace") not in (None, cluster.namespace):
        if cluster.namespace_was_given:
            found = f"metadata.namespace is {metadata['namespace']}, and --namespace {cluster.namespace}"
            raise Failure(f"{file}: {found}", hint="omit one of them")
        cluster.namespace = metadata["namespace"]
    applied = await cluster.apply(manifest)
    project = applied["metadata"]["name"]
    count = len(applied["spec"].get("tasks") or ())
    terminal.show(f"{project} applied: {count:,} task{'' if count == 1 else 's'} in namespace {cluster.namespace}")
    if watch:
        return await follow_visibly(cluster, project, longest)
    if wait:
        last = LastSeen()
        code = await until_end(cluster, project, last, longest)
        tell_result(last.project)
        return code
    terminal.say(f"next: {typed()} watch{cluster.options} {project}")
    return 0
