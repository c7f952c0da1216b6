"""Where the commands of the pages run: a home with a repository and an agent, a finished run, a cluster."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rig import ControlPlane
from tests.docs.blocks import ROOT

BIN = Path(sys.executable).parent
AGENT = """\
#!/bin/sh
# Behaves as Claude Code 2.1 does: without a permission mode every edit is refused, and it ends with exit code 0.
[ "$1" != --version ] || { echo "2.1.197 (Claude Code)"; exit 0; }
prompt=$(cat)
[ -n "$prompt" ] || { echo "Error: Input must be provided" >&2; exit 1; }
case " $* " in
  *" --dangerously-skip-permissions "*) echo "$prompt" > "work-$PPROJ_TASK_ID.txt"; echo "Done." ;;
  *) echo "I need your permission to write the file." ;;
esac
"""
BACKLOG = [
    {"id": 1, "title": "Define the API", "description": "Write openapi/checkout.yaml.", "dependencies": []},
    {"id": 2, "title": "Write the service", "description": "Serve it from src/.", "dependencies": [1]},
    {"id": 3, "title": "Write the pages", "description": "Pages in web/.", "dependencies": [1]},
]
SPEC_KIT = """\
# Tasks: Checkout

## Phase 1: Setup
- [ ] T001 Create the project in src/main.py

## Phase 2: User Story 1
- [ ] T002 [P] [US1] Write the model in src/model.py
- [ ] T003 [P] [US1] Write the pages in web/index.html
"""
SECONDS = 240


class Shell:
    """Runs blocks one after the other, as somebody would type them."""

    def __init__(self, home: Path, folder: Path, words: Mapping[str, str] | None = None, **variables: str) -> None:
        self.folder = folder
        self._words = dict(words or {})
        self._environment = {
            "HOME": str(home), "PATH": f"{home / 'bin'}:{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
            "XDG_STATE_HOME": str(home / "state"), **variables,
        }  # fmt: skip
        self._groups: list[int] = []

    def run(self, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs it by bash, which ends at the first command that fails."""
        for word, value in self._words.items():
            script = script.replace(word, value)
        # Into files: what is started in the background holds them open for as long as it runs.
        with self.output.open("w") as out, self.errors.open("w") as errors:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=errors, start_new_session=True,
            )  # fmt: skip
        self._groups.append(process.pid)
        try:
            code = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        shown, said = self.output.read_text(), self.errors.read_text()
        assert not check or code == 0, f"{script}\n{shown}\n{said}"
        return subprocess.CompletedProcess(script, code, shown, said)

    @property
    def output(self) -> Path:
        return Path(self._environment["HOME"]) / "stdout"

    @property
    def errors(self) -> Path:
        return Path(self._environment["HOME"]) / "stderr"

    def close(self) -> None:
        """Ends what was started in the background."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue


def _home(folder: Path) -> Path:
    home = folder / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "claude").write_text(AGENT)
    (home / "bin" / "claude").chmod(0o755)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
    )
    return home


def _shop(folder: Path) -> tuple[Path, Shell]:
    home = _home(folder)
    shop = home / "shop"
    (shop / ".taskmaster" / "tasks").mkdir(parents=True)
    backlog = {"master": {"tasks": [{**task, "status": "pending"} for task in BACKLOG]}}
    (shop / ".taskmaster" / "tasks" / "tasks.json").write_text(json.dumps(backlog))
    (shop / "Makefile").write_text("test:\n\t@git --version\n")
    shell = Shell(home, shop)
    shell.run("git init -q && git add -A && git commit -qm start")
    return home, shell


@contextmanager
def repository(folder: Path) -> Iterator[Shell]:
    """``~/shop`` with a TaskMaster backlog and a ``make test``, and a stand-in for Claude Code on the PATH."""
    _, shell = _shop(folder)
    yield shell


@contextmanager
def speckit(folder: Path) -> Iterator[Shell]:
    """A repository with a feature of Spec Kit."""
    home, shell = _shop(folder)
    shutil.rmtree(home / "shop" / ".taskmaster")
    (home / "shop" / "specs" / "001-checkout").mkdir(parents=True)
    (home / "shop" / "specs" / "001-checkout" / "tasks.md").write_text(SPEC_KIT)
    yield shell


@contextmanager
def finished(folder: Path) -> Iterator[Shell]:
    """The same after a run in which task 2 has failed and left work."""
    _, shell = _shop(folder)
    command = "echo x > f$PPROJ_TASK_ID; [ $PPROJ_TASK_ID != 2 ]"
    shell.run(f"pproj run --repo . --set spec.defaults.maxAttempts=1 --command '{command}'", check=False)
    yield shell


@contextmanager
def kept(folder: Path) -> Iterator[Shell]:
    """The same, with all refs at ``origin`` too; ``REF`` is the one of the work that did not land."""
    with finished(folder) as shell:
        ref = shell.run("git for-each-ref --format='%(refname)' refs/parallelproject | grep salvage").stdout.strip()
        shell.run("git init -q --bare ../origin.git && git remote add origin ../origin.git")
        shell.run("git push -q origin main 'refs/parallelproject/*:refs/parallelproject/*'")
        yield Shell(shell.folder.parent, shell.folder, {"REF": ref})


@contextmanager
def task(folder: Path) -> Iterator[Shell]:
    """What a task's command finds."""
    home = _home(folder)
    (folder / "task.json").write_text(json.dumps({"task": {"id": "1", "title": "Define the API"}}))
    yield Shell(home, folder, PPROJ_TASK_FILE=str(folder / "task.json"))


@contextmanager
def cluster(folder: Path, control_plane: ControlPlane, namespace: str) -> Iterator[Shell]:
    """A checkout of this repository with a backlog, and a real API server; ``NAMESPACE`` is one of its own."""
    home = _home(folder)
    for name in ("crds", "manifests", "charts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "tasks.json").write_text(json.dumps({"tasks": BACKLOG}))
    for name in ("id_ed25519", "known_hosts"):
        (folder / name).write_text("x\n")
    programs = f"{home / 'bin'}:{BIN}:{control_plane.binaries.folder}:{os.environ['PATH']}"
    # Ports of their own: those that an operator has by default may be another one's on this machine.
    words = {"NAMESPACE": namespace, "pproj controller": "pproj controller --health-port 0 --metrics-port 0"}
    shell = Shell(home, folder, words, KUBECONFIG=str(folder / "config"), PATH=programs)
    shutil.copy(control_plane.kubeconfig, folder / "config")
    shell.run(f"kubectl config set-context --current --namespace={namespace}")
    try:
        yield shell
    finally:
        shell.close()


PLACES = {"repository": repository, "speckit": speckit, "finished": finished, "kept": kept, "task": task}
