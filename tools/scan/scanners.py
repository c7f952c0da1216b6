"""The scanners: how each is called, and how what it says is read."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rig.binaries import GITLEAKS, KUBE_SCORE, find_or_build_helm, find_or_build_scanners
from scan.finding import Finding

ROOT = Path(__file__).parents[2]
_CHART = "charts/parallelproject"
_KUBERNETES = "1.31.0"
"""The oldest that the chart is for."""
_SECONDS = 300


class ScanError(RuntimeError):
    """A scanner could not do its work; the message is its own."""


def bandit() -> Iterator[Finding]:
    """Python that could be turned against its user (bandit)."""
    folders = ("operator", "tools", "images", "bench")
    output = _run([_program("bandit"), "--quiet", "--recursive", "--format", "json", *folders], codes=(0, 1))
    report = json.loads(output)
    for error in report["errors"]:
        raise ScanError(f"bandit: {error['filename']}: {error['reason']}")
    for found in report["results"]:
        place = f"{found['filename']}:{found['line_number']}"
        yield Finding("bandit", found["test_id"], place, found["issue_text"])


def hadolint() -> Iterator[Finding]:
    """The Dockerfile (hadolint, with ShellCheck for its commands)."""
    command = [_program("hadolint"), "--no-fail", "--disable-ignore-pragma", "--format", "json", "images/Dockerfile"]
    for found in json.loads(_run(command)):
        yield Finding("hadolint", found["code"], f"{found['file']}:{found['line']}", found["message"])


def kube_score() -> Iterator[Finding]:
    """What the chart renders, for each of its files of values, and the manifest of kubectl (kube-score)."""
    rendered = {"manifests/install.yaml": (ROOT / "manifests" / "install.yaml").read_text(encoding="utf-8")}
    helm = str(find_or_build_helm())
    for values in sorted((ROOT / _CHART / "ci").glob("*-values.yaml")):
        command = [helm, "template", "parallelproject", _CHART, "--namespace", "parallelproject-system"]
        command += ["--kube-version", _KUBERNETES, "--values", str(values)]
        rendered[values.name] = _run(command)
    scorer = str(find_or_build_scanners()[KUBE_SCORE])
    for name, text in rendered.items():
        command = [scorer, "score", "--output-format", "json", "--disable-ignore-checks-annotations", "-"]
        for scored in json.loads(_run(command, text, codes=(0, 1))):
            place = f"{name}: {scored['object_name'].partition('/')[0]}/{scored['object_meta']['name']}"
            for check in scored["checks"] or ():
                if check["skipped"] or check["grade"] == 10:
                    continue
                for comment in check["comments"] or [{"summary": check["check"]["comment"]}]:
                    yield Finding("kube-score", check["check"]["id"], place, comment["summary"])


def gitleaks() -> Iterator[Finding]:
    """Credentials, in what git has of the repository's history and in the files as they are (gitleaks)."""
    tracked = _run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).split("\0")
    tops = sorted({name.partition("/")[0] for name in tracked if name and (ROOT / name).exists()})
    scanner = str(find_or_build_scanners()[GITLEAKS])
    quiet = ["--no-banner", "--redact", "--ignore-gitleaks-allow", "--exit-code", "0", "--log-level", "error"]
    report = ["--report-format", "json", "--report-path", "-"]
    found = _json([scanner, "git", *quiet, *report, "."])
    for top in tops:
        found += _json([scanner, "dir", *quiet, *report, top])
    wanted = set(tracked)
    for place, rule, text in sorted({(f["File"], f["RuleID"], f["Description"]) for f in found}):
        if place in wanted or not (ROOT / place).exists():  # one that is gone is in the history
            yield Finding("gitleaks", rule, place, text)


def go_vet() -> Iterator[Finding]:
    """The wrapper of tasks' commands (go vet)."""
    done = subprocess.run(
        ["go", "vet", "./..."], cwd=ROOT / "operator" / "wrapper", env={**os.environ, "GOWORK": "off", "GOFLAGS": ""},
        capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        yield Finding("go-vet", "vet", "operator/wrapper", done.stderr.strip())


SCANNERS: dict[str, Callable[[], Iterator[Finding]]] = {
    "bandit": bandit,
    "hadolint": hadolint,
    "kube-score": kube_score,
    "gitleaks": gitleaks,
    "go-vet": go_vet,
}
"""By name."""


def _program(program: str) -> str:
    """A program of the environment that this runs in."""
    return str(Path(sys.executable).parent / program)


def _json(command: Sequence[str]) -> list[Any]:
    found: list[Any] = json.loads(_run(command) or "[]") or []
    return found


def _run(command: Sequence[str], stdin: str = "", codes: Sequence[int] = (0,)) -> str:
    """What a program prints, in the repository's folder."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise ScanError(f"there is no {command[0]}: `make scan` sets it up") from None
    if done.returncode not in codes:
        what = f"{Path(command[0]).name} {command[1]} ended with {done.returncode}"
        raise ScanError(f"{what}:\n{done.stderr[-3000:] or done.stdout[-3000:]}")
    return done.stdout
