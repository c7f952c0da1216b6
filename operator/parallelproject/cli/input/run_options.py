"""Options that only ``pproj run`` has. Declarations, and what their texts mean."""

from pathlib import Path
from typing import Annotated

import typer

from parallelproject.cli.output.failure import Failure
from parallelproject.core.times import length
from parallelproject.model.spec import SECONDS_MAX

NONE = "none"
"""A ``--task-timeout`` without a limit."""

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
        help="With a repository: for /bin/sh, what must succeed in a task's workspace before its work lands. Where it "
        "fails, the attempt has failed (GateFailed), and the next one reads in PPROJ_FEEDBACK what it printed.",
    ),
]
Push = Annotated[
    bool,
    typer.Option(
        "--push/--no-push",
        help="With a repository: push the branch to its remote at the end; with spec.git.forge, also open its pull "
        "request or bring it up to date.",
        show_default=False,
    ),
]
Credentials = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        metavar="DIR",
        help="Files for publishing: username, password or token, ssh-privatekey and known_hosts, ca.crt, and "
        "forge-token where it is another; by default git is asked for the password.",
    ),
]
WriteBack = Annotated[
    bool,
    typer.Option(
        "--write-back/--no-write-back",
        help="At the end, mark what has succeeded as done in FILE; nothing else in it is changed.",
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
        help="After a failure run all that does not depend on it, as spec.failurePolicy: Continue does.",
        show_default=False,
    ),
]
MaxAttempts = Annotated[
    int | None,
    typer.Option(
        "--max-attempts", metavar="N", min=1, max=100, help="Most attempts of each task, instead of what FILE says."
    ),
]
RunTimeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="TIME",
        help="Longest time of the whole run, as in 30m or 2h; then all that runs is stopped. By default no limit.",
    ),
]
TaskTimeout = Annotated[
    str | None,
    typer.Option(
        "--task-timeout",
        metavar="TIME",
        help="Longest time of an attempt of each task, instead of what FILE says; none: no limit. By default 2h for "
        "tasks that FILE sets no limit for.",
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


def whole_seconds(option: str, text: str | None) -> int | None:
    """A time that was typed, in seconds; at least one.

    Raises:
        Failure: it is none.
    """
    if text is None:
        return None
    found = length(text)
    if not found or found > SECONDS_MAX:
        more = f", or {NONE}" if option == "--task-timeout" else ""
        raise Failure(f"{option} {text}: not a time", hint=f"as in 90s, 30m or 2h{more}", code=2)
    return max(1, round(found))
