"""``pproj run``: the same engine on this machine, tasks as local processes."""

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from parallelproject.cli.commands.local_publish import publisher
from parallelproject.cli.input.agent_option import AgentOption, agent_of
from parallelproject.cli.input.arguments import (
    HERE,
    All,
    AnswerOutput,
    Command,
    Dangling,
    DanglingOption,
    File,
    Format,
    NoColor,
    Parallelism,
    ProjectName,
    SchedulingOption,
    Sets,
    Tag,
    TextOrJson,
)  # fmt: skip
from parallelproject.cli.input.budget_option import budgets_of
from parallelproject.cli.input.git_settings import set_git
from parallelproject.cli.input.run_options import (
    Author,
    Base,
    Branch,
    Budgets,
    Check,
    Credentials,
    Detach,
    Follow,
    Fresh,
    From,
    KeepGoing,
    MaxAttempts,
    Only,
    Push,
    Repo,
    RunTimeout,
    SandboxOption,
    Skip,
    StateDirectory,
    TaskTimeout,
    Verify,
    WriteBack,
)  # fmt: skip
from parallelproject.cli.input.selection import skipped_tasks
from parallelproject.cli.input.task_file import located, placed, read_file, tell
from parallelproject.cli.input.typed_times import NO_LIMIT, whole_seconds
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure, of_problems
from parallelproject.cli.output.program import typed
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.start import run_project
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import ParallelProject, parse_spec
from parallelproject.model.spec import FailurePolicy
from parallelproject.sources import Imported


def run(
    file: File = HERE,
    command: Command = None,
    agent: AgentOption = None,
    output: AnswerOutput = TextOrJson.TEXT,
    parallelism: Parallelism = None,
    scheduling: SchedulingOption = None,
    keep_going: KeepGoing = None,
    max_attempts: MaxAttempts = None,
    budget: Budgets = None,
    timeout: RunTimeout = None,
    task_timeout: TaskTimeout = None,
    only: Only = None,
    start: From = None,
    skip: Skip = None,
    repo: Repo = None,
    branch: Branch = None,
    base: Base = None,
    author: Author = None,
    check: Check = None,
    verify: Verify = None,
    sandbox: SandboxOption = None,
    push: Push = False,
    follow: Follow = False,
    credentials: Credentials = None,
    states_back: WriteBack = False,
    fresh: Fresh = False,
    name: ProjectName = None,
    settings: Sets = None,
    state_dir: StateDirectory = None,
    background: Detach = False,
    format: Format = None,
    tag: Tag = None,
    dangling: DanglingOption = Dangling.ERROR,
    all_tasks: All = False,
    no_color: NoColor = False,
) -> int:
    """Run a file's tasks here, as local processes.

    An interrupted run continues where it stopped: succeeded tasks do not run again. Options may also be in .pproj.yaml,
    next to FILE or above it, as in parallelism: 8 (pproj init writes a first one). With -o json, stdout has one event
    per line (docs/reference/events.md). Exit code: 0 when all tasks succeeded or were skipped by request or by a
    condition, 3 when the rest waits for a larger --budget, 130 when the run was interrupted, else 1.
    """
    if no_color:
        terminal.forbid_color()
    if command is not None and not command.strip():
        raise Failure("--command is empty: it says what runs a task", hint="omit it, or give --command 'CMD'", code=2)
    by_agent = agent_of(agent, command)
    file = located(file, "run")
    imported = read_file(file, format, tag, dangling, all_tasks, name)
    tell(imported)
    project = imported.project
    if settings or any(value is not None for value in (branch, base, author)):
        project = _with(settings, imported, repo, branch, base, author)
    if command is None and by_agent is None and project.spec.tasks and not project.spec.roles:
        found = f"{file}: no command is set to run its tasks"
        raise Failure(f"{found} (give --command 'CMD' or --agent TYPE, or a manifest whose roles have a podTemplate)")
    if (push or follow) and repo is None and project.spec.git is None:
        raise Failure(f"{'--follow' if follow else '--push'}: there is no repository", hint="give --repo DIR", code=2)
    if check is not None and repo is None and project.spec.git is None:
        hint = "give --repo DIR; without one, --command 'CMD && CHECK' does the same"
        raise Failure("--check: there is no repository that the work lands in", hint=hint, code=2)
    if check is not None and not check.strip():
        hint = "omit it, or give --check 'CMD'"
        raise Failure("--check is empty: it says what must succeed before work lands", hint=hint, code=2)
    if verify and repo is None and project.spec.git is None:
        raise Failure("--verify: there is no repository that the work lands in", hint="give --repo DIR", code=2)
    if verify and not all(command.strip() for command in verify):
        hint = "omit it, or give --verify 'CMD'"
        raise Failure("--verify is empty: it says what must succeed with all that has landed", hint=hint, code=2)
    if background and output is TextOrJson.JSON:
        raise Failure("-o json and --detach exclude each other", hint="pproj get -o json shows its state", code=2)
    if background and follow:
        raise Failure(
            "--follow and --detach exclude each other", hint="pproj publish --follow follows it later", code=2
        )
    finished = None
    if states_back:
        finished = _writer(file, imported, partial(read_file, file, format, tag, dangling, all_tasks, name))
    git = project.spec.git

    def place(error: ProblemsError) -> Failure:
        return of_problems(placed(error.problems, file, project, imported.report.format))

    unlimited = task_timeout is not None and task_timeout.strip() == NO_LIMIT
    options = RunOptions(
        command=command,
        agent=by_agent,
        parallelism=parallelism,
        scheduling=scheduling,
        failure_policy=FailurePolicy.CONTINUE if keep_going else None,
        seconds=whole_seconds("--timeout", timeout),
        max_attempts=max_attempts,
        budgets=budgets_of(budget or ()),
        task_seconds=0 if unlimited else whole_seconds("--task-timeout", task_timeout),
        skip=_skipped(project, only or (), start or (), skip or (), place),
        state_dir=state_dir,
        fresh=fresh,
        repository=repo,
        check=check,
        verify=tuple(verify or ()),
        sandbox=sandbox,
        push=push,
        publish=publisher(git, credentials) if push and git and git.forge else None,
        view="json" if output is TextOrJson.JSON else "auto",
        no_color=not terminal.color_allowed(sys.stdout),
        source=file if str(file) != "-" else None,
        finished=finished,
        rerun=_again(),
    )
    try:
        if follow:
            from parallelproject.cli.commands.following import (
                check_follow,
                follow_run,
            )  # here, because few runs need it

            return follow_run(project, options, check_follow(git), credentials)
        if background:
            from parallelproject.cli.commands.detached import run_detached  # here, because few runs need it

            return run_detached(project, options)
        return run_project(project, options)
    except ProblemsError as error:
        raise place(error) from None


def _writer(file: Path, imported: Imported, read: Callable[[], Imported]) -> Callable[[Sequence[str]], bool]:
    from parallelproject.cli.commands.writeback import check_writable, write_back  # here, because few runs need it

    check_writable(file, imported)
    return partial(write_back, file, read)


def _with(
    settings: list[str] | None,
    imported: Imported,
    repo: Path | None,
    branch: str | None,
    base: str | None,
    author: str | None,
) -> ParallelProject:
    from parallelproject.cli.input.manifest import changed  # here, because it loads what only a cluster needs

    manifest = changed(imported, settings)
    set_git(manifest, repo, branch, base, author)
    return ParallelProject(metadata=manifest["metadata"], spec=parse_spec(manifest["spec"]))


def _skipped(
    project: ParallelProject,
    only: Sequence[str],
    start: Sequence[str],
    skip: Sequence[str],
    place: Callable[[ProblemsError], Failure],
) -> list[str]:
    try:
        return skipped_tasks(project.spec, only, start, skip)
    except ProblemsError as error:
        raise place(error) from None


def _again() -> str:
    """The command line that was typed, without what is for the first time only."""
    words = [word for word in sys.argv[1:] if word not in ("--fresh", "--detach")]
    return f"{typed()} {shlex.join(words)}"
