"""``pproj doctor``: what commands need, looked at beforehand, a line each with its fix."""

import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from parallelproject.agents.catalog import PRESETS
from parallelproject.cli.doctor.agents import check_agents
from parallelproject.cli.doctor.finding import Finding, Verdict
from parallelproject.cli.doctor.git import check_git
from parallelproject.cli.doctor.sandbox import check_sandbox
from parallelproject.cli.input.arguments import AnswerOutput, Context, Kubeconfig, Namespace, NoColor, TextOrJson
from parallelproject.cli.input.cluster_options import target_of
from parallelproject.cli.output import terminal

_STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.ERROR: "red"}
_INDENT = 21
"""Where messages begin: after the verdict and the name of the check."""


def run(
    ctx: typer.Context,
    repo: Annotated[
        Path | None,
        typer.Option("--repo", metavar="DIR", help="The repository to check; by default that of this folder."),
    ] = None,
    output: AnswerOutput = TextOrJson.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    no_color: NoColor = False,
) -> int:
    """Check this machine and the cluster, and say how to fix them.

    It looks at agent programs, the sandbox, git and its user, the repository and its remote; and, where a cluster is
    configured, at the definition of projects there, your rights and the operator. It changes nothing. Exit code: 1 when
    a line is an error, else 0.
    """
    options = {"namespace": namespace, "context": context, "kubeconfig": kubeconfig, "no_color": no_color}
    target = target_of(ctx, options)
    findings = [
        *check_agents({preset.program: preset.title for preset in PRESETS.values()}),
        *check_sandbox(),
        *check_git(repo or Path(), repo is not None),
    ]

    import asyncio

    from parallelproject.cli.doctor.cluster import check_cluster  # here: the client library is slow to load

    async def cluster() -> list[Finding]:
        return [finding async for finding in check_cluster(target)]

    findings += asyncio.run(cluster())
    if output is TextOrJson.JSON:
        terminal.show(json.dumps({"checks": [_plain(finding) for finding in findings]}, indent=2, ensure_ascii=False))
    else:
        _show(findings)
    return int(any(finding.verdict is Verdict.ERROR for finding in findings))


def _plain(finding: Finding) -> dict[str, str]:
    found = {"check": finding.check, "result": finding.verdict.value, "message": finding.message}
    return found | ({"fix": finding.fix} if finding.fix else {})


def _show(findings: Sequence[Finding]) -> None:
    """A line each, with the fix below; on a terminal the texts are wrapped next to their headings."""
    colored = terminal.color_allowed(sys.stdout)
    for finding in findings:
        verdict = finding.verdict.value
        lines = _wrapped(terminal.one_line(finding.message))
        if finding.fix:
            lines += _wrapped(f"fix: {terminal.one_line(finding.fix)}")
        heading = (terminal.paint(verdict, _STYLES[finding.verdict]) if colored else verdict) + " " * (9 - len(verdict))
        terminal.show(f"{heading}{finding.check:<12}{lines[0]}")
        for line in lines[1:]:
            terminal.show(f"{'':<{_INDENT}}{line}")
    counts = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
    errors, warnings = counts[Verdict.ERROR], counts[Verdict.WARNING]
    if errors or warnings:
        terminal.say(", ".join(_count(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n))


def _wrapped(text: str) -> list[str]:
    room = max(30, terminal.width(sys.stdout) - _INDENT)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
