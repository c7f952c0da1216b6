"""The reference of the command line, as a Markdown page: every command with its arguments and options."""

import re
from typing import Any

import typer

from parallelproject.cli.examples import EXAMPLES
from parallelproject.cli.lazy import LazyGroup
from parallelproject.cli.main import COMMANDS, app

_INTRODUCTION = """\
<!-- Generated from operator/parallelproject/cli by `make generate`; don't edit. -->
# Commands

`pproj COMMAND --help` shows the same in a terminal. Where `kubectl-pproj` is on the PATH, `kubectl pproj COMMAND` is
the same command. `pproj --install-completion` sets up completion for the shell in use.

Errors are on stderr, each as a line `error: …`; the exit code is 0 for success, 1 for a failure, 2 for a wrong command
line, 130 after Ctrl-C, and as described below. Colours are used only on a terminal, and not if `NO_COLOR` is set.

Commands for the cluster find it as kubectl does: `--kubeconfig`, `$KUBECONFIG`, `~/.kube/config`, then the pod's own
service account. Their options `-n`, `--context` and `--kubeconfig` may also come before the command.
"""
_CLUSTER = ("namespace", "context", "kubeconfig")
_LEFT_OUT = ("help", "no_color")


def commands() -> str:
    """The page's text."""
    group = typer.main.get_command(app)
    root = group.context_class(group, info_name="pproj")
    sections = [_INTRODUCTION, _overview()]
    for name in COMMANDS:
        command = LazyGroup.load(name)
        sections.append(_section(name, command, command.context_class(command, info_name=name, parent=root)))
    return "\n".join(sections)


def _overview() -> str:
    lines = ["| Command | |", "|---|---|"]
    lines += [f"| [`{name}`](#pproj-{name}) | {entry.summary} |" for name, entry in COMMANDS.items()]
    return "\n".join(lines) + "\n"


def _section(name: str, command: Any, context: Any) -> str:
    parameters = [p for p in command.params if p.name not in _LEFT_OUT and not getattr(p, "hidden", False)]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = [p for p in parameters if p not in arguments]
    on_cluster = name != "controller" and {p.name for p in options}.issuperset(_CLUSTER)
    shown = [p for p in parameters if not (on_cluster and p.name in _CLUSTER)]
    usage = " ".join(["pproj", name, *command.collect_usage_pieces(context)])
    lines = [f"## pproj {name}", "", _text(command.help or ""), "", "```", usage, "```"]
    if shown:
        lines += ["", "| | |", "|---|---|"]
        lines += [_row(*p.get_help_record(context), is_argument=p in arguments) for p in shown]
    if on_cluster:
        lines += ["", "Also `-n`, `--context` and `--kubeconfig`."]
    lines += ["", "```sh", *EXAMPLES[name], "```"]
    return "\n".join(lines) + "\n"


def _row(names: str, description: str, is_argument: bool) -> str:
    """A row of the ``--help`` of a parameter."""
    if is_argument:
        names = names.partition(" ")[0]
    described = re.sub(r"\s*\[required\]|\s*\[\d+<=x<=\d+\]", "", description)
    described = re.sub(r"\s*\[default: (.*)\]$", r" Default: `\1`.", described)
    cells = [cell.replace("|", "\\|") for cell in (f"`{names}`", described)]
    return f"| {' | '.join(cells)} |"


def _text(help: str) -> str:
    """A docstring's paragraphs; an indented one is code."""
    paragraphs = help.strip().split("\n\n")
    return "\n\n".join(f"```\n{p.strip()}\n```" if p.startswith("    ") else " ".join(p.split()) for p in paragraphs)
