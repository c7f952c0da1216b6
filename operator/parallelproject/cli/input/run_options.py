"""Options that only ``pproj run`` has. Declarations only."""

from pathlib import Path
from typing import Annotated

import typer

StateDirectory = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="Where the run keeps its state; by default .pproj/NAME."),
]
Repo = Annotated[
    Path | None,
    typer.Option(
        "--repo",
        metavar="DIR",
        help="Give each task a workspace of its own from this git repository, and land its work there, on the "
        "branch parallel/NAME. What is checked out in DIR is not touched.",
    ),
]
Branch = Annotated[
    str | None,
    typer.Option("--branch", metavar="BRANCH", help="With a repository: land on this branch, not on parallel/NAME."),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="BRANCH",
        help="With a repository: the branch or tag that the work starts from; by default what is checked out.",
    ),
]
Author = Annotated[
    str | None,
    typer.Option("--author", metavar="'NAME <MAIL>'", help="With a repository: the author of the commits."),
]
Check = Annotated[
    str | None,
    typer.Option(
        "--check",
        metavar="CMD",
        help="With a repository: a shell command that must succeed in a task's workspace before its work lands. If it "
        "fails, the attempt fails (GateFailed). The next attempt finds its output in the file $PPROJ_FEEDBACK.",
    ),
]
Verify = Annotated[
    list[str] | None,
    typer.Option(
        "--verify",
        metavar="CMD",
        help="With a repository: a shell command that must succeed with all that has landed, after each level; may be "
        "given again. If it fails, pproj searches the task that broke it, and this task runs again with the output of "
        "the command in the file $PPROJ_FEEDBACK. Overrides the checks of spec.verification.",
    ),
]
SandboxOption = Annotated[
    bool | None,
    typer.Option(
        "--sandbox/--no-sandbox",
        help="Run tasks in a sandbox of Bubblewrap: they can write only in their workspace and in the folders of the "
        "agent, and do not see the checkout. Overrides spec.workspace.sandbox. Linux only.",
        show_default=False,
    ),
]
Push = Annotated[
    bool,
    typer.Option(
        "--push/--no-push",
        help="With a repository: push the branch to its remote at the end; with spec.git.forge, also open or update "
        "its pull request.",
        show_default=False,
    ),
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow/--no-follow",
        help="Push, open the pull request, and stay until it ends: failed checks, comments of reviewers and conflicts "
        "go to the task that owns the lines, which runs again. Needs spec.git.forge.",
        show_default=False,
    ),
]
Credentials = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        metavar="DIR",
        help="Folder with the files for publishing: username, password or token, ssh-privatekey and known_hosts, "
        "ca.crt, and forge-token if the forge needs another token. By default git supplies the password.",
    ),
]
WriteBack = Annotated[
    bool,
    typer.Option(
        "--write-back/--no-write-back",
        help="At the end, mark succeeded tasks as done in FILE; nothing else in FILE changes.",
        show_default=False,
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Forget an earlier run and start over.")]
Detach = Annotated[
    bool,
    typer.Option("--detach", help="Run in the background; pproj watch follows it, pproj stop stops it."),
]
KeepGoing = Annotated[
    bool | None,
    typer.Option(
        "-k/",
        "--keep-going/--no-keep-going",
        help="After a failure, still run all tasks that do not depend on it, as with spec.failurePolicy: Continue.",
        show_default=False,
    ),
]
MaxAttempts = Annotated[
    int | None,
    typer.Option(
        "--max-attempts", metavar="N", min=1, max=100, help="Maximum number of attempts of each task; overrides FILE."
    ),
]
Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="UNIT=LIMIT",
        help="The most that all attempts may spend, as in usd=5 or tokens=2000000; may be given again for other units. "
        "When it is used up, running tasks finish and the run ends; a larger one continues it. Overrides FILE.",
    ),
]
RunTimeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="TIME",
        help="Time limit of the whole run, as in 30m or 2h; running tasks are then stopped. By default no limit.",
    ),
]
TaskTimeout = Annotated[
    str | None,
    typer.Option(
        "--task-timeout",
        metavar="TIME",
        help="Time limit of each attempt of a task, as in 30m or 2h; none: no limit. Overrides FILE. By default 2h for "
        "tasks without a limit in FILE.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="TASK", help="Run only this task; may be given again. The others are skipped, as by --skip."
    ),
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="TASK",
        help="Run only this task and all that depends on it; may be given again. The others are skipped, as by --skip.",
    ),
]
Skip = Annotated[
    list[str] | None,
    typer.Option(
        "--skip",
        metavar="TASK",
        help="Do not run this task; may be given again. What depends on it runs without it, as by spec.skip.",
    ),
]
