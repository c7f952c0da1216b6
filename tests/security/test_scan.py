"""The scanners find what is planted, and a waiver needs a reason and something to waive."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scan import scanners
from scan.finding import Finding, Waiver, judge, read_waivers
from scan.scanners import SCANNERS

FINDING = Finding("bandit", "B602", "operator/x.py:3", "subprocess call with shell=True")


def test_a_finding_is_waived_by_its_scanner_its_rule_its_place_and_its_text() -> None:
    because = "for a reason told here"
    fits = Waiver("bandit", "B602", because, ("tools/*", "operator/x.py:*"), "*shell*")
    assert judge([FINDING], [fits]) == ([], [])
    for other in (
        Waiver("hadolint", "B602", because),
        Waiver("bandit", "B603", because),
        Waiver("bandit", "B602", because, ("tools/*",)),
        Waiver("bandit", "B602", because, text="other"),
    ):
        assert judge([FINDING], [other]) == ([FINDING], [other])


@pytest.mark.parametrize(
    "waiver", ['reason = ""', 'reason = "false positive"', 'reason = "it is wrong here"\nrules = []', ""]
)
def test_a_waiver_without_a_reason_or_with_a_field_that_there_is_not_is_refused(tmp_path: Path, waiver: str) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(f'[[waiver]]\nscanner = "bandit"\nrule = "B602"\n{waiver}\n')
    with pytest.raises(ValueError, match=r"waivers\.toml"):
        read_waivers(file)


def test_every_waiver_is_of_a_scanner_that_there_is() -> None:
    assert {waiver.scanner for waiver in read_waivers()} <= SCANNERS.keys()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with something bad of each kind."""
    for folder in ("operator/wrapper", "tools", "images", "bench", "manifests", "charts/parallelproject/ci"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "operator" / "x.py").write_text("import subprocess\nsubprocess.run(input(), shell=True)\n")
    (tmp_path / "images" / "Dockerfile").write_text("# hadolint ignore=DL3007\nFROM debian:latest\nRUN cd $1\n")
    manifest = (scanners.ROOT / "manifests" / "install.yaml").read_text()
    root = "readOnlyRootFilesystem: true"
    assert root in manifest
    (tmp_path / "manifests" / "install.yaml").write_text(manifest.replace(root, "readOnlyRootFilesystem: false"))
    wrapper = tmp_path / "operator" / "wrapper"
    shutil.copy2(scanners.ROOT / "operator" / "wrapper" / "go.mod", wrapper)
    (wrapper / "main.go").write_text('package main\n\nimport "fmt"\n\nfunc main() { fmt.Printf("%d", "x") }\n')
    token = "glpat-" + "h7Kq2ZxW9bTn4LmR8sVd"  # in two parts, so that it is found in the file below alone
    (tmp_path / "notes.txt").write_text(f"token = {token} # gitleaks:allow\n")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setattr(scanners, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "rule", "place"),
    [
        ("bandit", "B602", "operator/x.py:2"),
        ("hadolint", "DL3007", "images/Dockerfile:2"),
        ("kube-score", "container-security-context-readonlyrootfilesystem", "manifests/install.yaml: Deployment/*"),
        ("gitleaks", "gitlab-pat", "notes.txt"),
        ("go-vet", "vet", "operator/wrapper"),
    ],
)
def test_what_is_planted_is_found(root: Path, name: str, rule: str, place: str) -> None:
    scan: Callable[[], Iterator[Finding]] = SCANNERS[name]
    planted = Waiver(name, rule, "it was planted here", (place,))
    assert any(planted.fits(finding) for finding in scan())
