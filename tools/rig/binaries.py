"""Where the programs of the control plane, and a Gitea, are: found, or built once and kept.

In this order: the folder in ``KUBEBUILDER_ASSETS``, if it has all that are needed; the cache, see ``rig.cache``; a
build with Go from ``tools/go``, into the cache. Gitea and Kueue are built from modules of their own, ``tools/gitea``
and ``tools/kueue``: their requirements and those of Kubernetes exclude each other.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rig.cache import Progress, cache_folder, keep, say_on_stderr
from rig.errors import RigError
from rig.process import Process

_TOOLS = Path(__file__).parent.parent

_SAY_EVERY_SECONDS = 15
"""Somebody waits for a build."""
_ENVIRONMENT = {"GOFLAGS": "", "GOWORK": "off"}

KUBE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
BARE = ("etcd", "kube-apiserver", "kubectl")
FULL = (*BARE, "kube-controller-manager", "kube-scheduler", "kwok")
HELM = "helm"
WRAPPER = "pproj-wrap"
RULES = "rules"
KUBE_SCORE, GITLEAKS = "kube-score", "gitleaks"
GITEA = "gitea"
GITEA_FILES = "gitea-files"
"""The folder next to Gitea with the files that it reads when it runs."""
KUEUE = "kueue"
KUEUE_FILES = "kueue-files"
"""The folder next to Kueue with the manifests that it is installed by."""


@dataclass(frozen=True)
class Binaries:
    """A folder of programs."""

    folder: Path

    def __getitem__(self, program: str) -> Path:
        return self.folder / program

    def has(self, programs: Iterable[str]) -> bool:
        """Whether all ``programs`` are there."""
        return all(os.access(self[program], os.X_OK) for program in programs)


@dataclass(frozen=True)
class _Target:
    """One ``go build``: the file that it makes, and the further names it is linked under."""

    name: str
    package: str
    names: tuple[str, ...] = ()
    tags: str = ""
    files: str = ""
    """The name of the folder that the next ones are copied into: module caches are closed to other users."""
    folders: tuple[str, ...] = ()
    """Those of its module that it reads when it runs."""


@dataclass(frozen=True)
class _Recipe:
    """One of our Go modules, and what is built from it."""

    what: str
    module: Path
    sources: tuple[str, ...]
    targets: tuple[_Target, ...]
    cgo: bool = False
    """Whether it takes a C compiler."""
    instead: str = ""
    """What else can be done where it cannot be built."""


_CONTROL_PLANE = _Recipe(
    "the control plane",
    _TOOLS / "go",
    ("go.mod", "go.sum", "main.go"),
    (
        _Target("kube", ".", KUBE),
        _Target("etcd", "go.etcd.io/etcd/server/v3"),
        _Target("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    ),
    instead=", or set KUBEBUILDER_ASSETS to a folder that has " + ", ".join(FULL),
)
_HELM = _Recipe(
    "Helm",
    _TOOLS / "go",  # which shares what is compiled with the control plane; its own folder, as not all need it
    ("go.mod", "go.sum"),
    (_Target(HELM, "helm.sh/helm/v4/cmd/helm"),),
)
_WRAPPER = _Recipe(
    "the wrapper of tasks' commands",
    _TOOLS.parent / "operator" / "wrapper",
    ("go.mod", "main.go"),
    (_Target(WRAPPER, "."),),
)
_RULES = _Recipe(
    "the program that plays the alerts",
    _TOOLS / "rules",  # a module of its own, as its requirements clash with those of the control plane
    ("go.mod", "go.sum", "main.go"),
    (_Target(RULES, "."),),
)
_SCANNERS = _Recipe(
    "the scanners",
    _TOOLS / "scan",
    ("go.mod", "go.sum"),
    (
        _Target(KUBE_SCORE, "github.com/zegl/kube-score/cmd/kube-score"),
        _Target(GITLEAKS, "github.com/zricethezav/gitleaks/v8"),
    ),
)
_GITEA = _Recipe(
    "Gitea",
    _TOOLS / "gitea",
    ("go.mod", "go.sum"),
    (
        _Target(
            GITEA,
            "code.gitea.io/gitea",
            tags="sqlite sqlite_unlock_notify",
            files=GITEA_FILES,
            folders=("templates", "options", "public"),
        ),
    ),
    cgo=True,
)
_KUEUE = _Recipe(
    "Kueue",
    _TOOLS / "kueue",
    ("go.mod", "go.sum"),
    (_Target(KUEUE, "sigs.k8s.io/kueue/cmd/kueue", files=KUEUE_FILES, folders=("config/components",)),),
)


def find_or_build(needed: Iterable[str] = FULL, *, progress: Progress = say_on_stderr) -> Binaries:
    """The folder that has the programs ``needed``; the first time on a machine this takes minutes.

    Safe to call from several processes at once: one builds, the others wait for it.

    Args:
        needed: Names of programs.
        progress: Called with each line of progress of a build; not called when nothing needs building.

    Raises:
        RigError: There is no Go, or a build failed; the message names its log.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (given := Binaries(Path(assets))).has(needed):
        return given
    return _kept_or_built(_CONTROL_PLANE, needed, progress)


def find_or_build_gitea(*, progress: Progress = say_on_stderr) -> Binaries:
    """The folder that has ``GITEA`` and ``GITEA_FILES``; otherwise like ``find_or_build``."""
    return _kept_or_built(_GITEA, (GITEA,), progress)


def find_or_build_kueue(*, progress: Progress = say_on_stderr) -> Binaries:
    """The folder that has ``KUEUE`` and ``KUEUE_FILES``; otherwise like ``find_or_build``."""
    return _kept_or_built(_KUEUE, (KUEUE,), progress)


def find_or_build_helm(*, progress: Progress = say_on_stderr) -> Path:
    """The program ``HELM``; otherwise like ``find_or_build``."""
    return _kept_or_built(_HELM, (HELM,), progress)[HELM]


def find_or_build_wrapper(*, progress: Progress = say_on_stderr) -> Path:
    """The program ``WRAPPER``; otherwise like ``find_or_build``."""
    return _kept_or_built(_WRAPPER, (WRAPPER,), progress)[WRAPPER]


def find_or_build_rules(*, progress: Progress = say_on_stderr) -> Path:
    """The program ``RULES``; otherwise like ``find_or_build``."""
    return _kept_or_built(_RULES, (RULES,), progress)[RULES]


def find_or_build_scanners(*, progress: Progress = say_on_stderr) -> Binaries:
    """The folder that has ``KUBE_SCORE`` and ``GITLEAKS``; otherwise like ``find_or_build``."""
    return _kept_or_built(_SCANNERS, (KUBE_SCORE, GITLEAKS), progress)


def _kept_or_built(recipe: _Recipe, needed: Iterable[str], progress: Progress) -> Binaries:
    toolchain = _go_toolchain(recipe)
    kept = Binaries(cache_folder() / _key(recipe, toolchain))

    def build(out: Path) -> None:
        _build(recipe, out, kept.folder, progress)

    keep(kept.folder, recipe.what, lambda: kept.has(needed), build, progress)
    if not kept.has(needed):
        raise RigError(f"{kept.folder} has not all of: {', '.join(needed)}; remove it and try again")
    return kept


def _go_toolchain(recipe: _Recipe) -> dict[str, str]:
    go, module = shutil.which("go"), recipe.module
    if go is None:
        raise RigError(
            f"{recipe.what} must be built, and there is no `go` on the PATH: install Go "
            f"(see {module / 'go.mod'} for the version){recipe.instead}"
        )
    names = ("GOVERSION", "GOOS", "GOARCH")
    asked = subprocess.run([go, "env", "-json", *names], cwd=module, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise RigError(f"`go env` failed in {module}:\n{asked.stderr}")
    answer = json.loads(asked.stdout)
    return {"go": go, **{name: str(answer[name]) for name in names}}


def _key(recipe: _Recipe, toolchain: dict[str, str]) -> str:
    """A name for what is built from: sources, flags, toolchain, machine."""
    digest = hashlib.sha256()
    for name in recipe.sources:
        digest.update((recipe.module / name).read_bytes())
    flags = [_flags(recipe, target) for target in recipe.targets]
    made_by = [toolchain["GOVERSION"], toolchain["GOOS"], toolchain["GOARCH"]]
    digest.update(json.dumps([flags, made_by]).encode())
    return digest.hexdigest()[:16]


def _flags(recipe: _Recipe, target: _Target) -> list[str]:
    linker = "-s -w"
    if target.names:  # else they say that they are v0.0.0
        requirements = recipe.module / "go.mod"
        version = re.search(r"^\tk8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)$", requirements.read_text(), re.M)
        if version is None:
            raise RigError(f"{requirements} requires no k8s.io/kubernetes")
        for variable, value in zip(("gitVersion", "gitMajor", "gitMinor"), version.groups(), strict=True):
            linker += f" -X k8s.io/component-base/version.{variable}={value}"
    tags = [f"-tags={target.tags}"] if target.tags else []
    return ["-mod=readonly", "-trimpath", "-buildvcs=false", *tags, f"-ldflags={linker}", target.package]


def _build(recipe: _Recipe, out: Path, folder: Path, progress: Progress) -> None:
    """Build all into ``out``, which will be ``folder``."""
    go, log = str(shutil.which("go")), folder.with_suffix(".log")
    started = time.monotonic()
    log.write_text("")
    progress(f"building {recipe.what}, once: five to fifteen minutes on two cores; log: {log}")
    for number, target in enumerate(recipe.targets, 1):
        what = ", ".join(target.names) or target.name
        progress(f"building {what} ({number}/{len(recipe.targets)}) ...")
        builder = Process(
            f"go build {target.package}",
            [go, "build", *_flags(recipe, target)[:-1], "-o", str(out / target.name), target.package],
            log,
            cwd=recipe.module,
            env={**_ENVIRONMENT, "CGO_ENABLED": "1" if recipe.cgo else "0"},
        )
        began = time.monotonic()
        try:
            code = builder.wait(
                _SAY_EVERY_SECONDS,
                lambda what=what, began=began: progress(f"still building {what}: {time.monotonic() - began:.0f} s"),  # type: ignore[misc]
            )
        finally:
            builder.stop()
        if code != 0:
            raise RigError(f"building {target.name} failed (exit code {code}); its log is {log}\n{builder.tail()}")
        for name in target.names:
            (out / name).symlink_to(target.name)
        if target.folders:
            _copy(target, recipe.module, out / target.files)
    progress(f"built in {time.monotonic() - started:.0f} s: {folder}")


def _copy(target: _Target, module: Path, out: Path) -> None:
    """Copy what the program reads when it runs, without the modes of the module cache, where nothing can be removed."""
    asked = subprocess.run(
        [str(shutil.which("go")), "list", "-f", "{{.Module.Dir}}", target.package],
        cwd=module, env={**os.environ, **_ENVIRONMENT}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode != 0:
        raise RigError(f"`go list` failed in {module}:\n{asked.stderr}")
    start = Path(asked.stdout.strip())
    for top in target.folders:
        for file in (start / top).rglob("*"):
            if file.is_file():
                copy = out / file.relative_to(start)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
