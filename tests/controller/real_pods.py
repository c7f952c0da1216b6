"""Pods on fake nodes whose containers of ours really run, next to the API server: with real git, and a real forge."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.controller.cluster import LABEL, Json, Namespace
from tests.controller.pod_ends import end_pod

_SECONDS = 180.0
PROJECT = "real"
"""The name of the project: its publishing pods run until they are ended, see tools/rig/stages/pod-end.yaml."""


class RealPods:
    """The pods of one project, as a kubelet would run them. Tasks run a script."""

    def __init__(self, ns: Namespace, folder: Path, credentials: Path, script: str) -> None:
        self.ns, self.folder, self.credentials, self.script = ns, folder, credentials, script
        self._publishing: dict[str, tuple[Json, subprocess.Popen[bytes]]] = {}
        self.holds: set[str] = set()
        """Tasks whose pods do not run for now."""
        self.told: list[tuple[str, int, str]] = []
        """By attempt of a task, the feedback that it got."""
        self.reports: list[Json] = []
        """What pods that follow have reported."""
        self.events: list[str] = []
        """What has run, in order."""

    def wait(self, wanted: Callable[[Json], object], what: str) -> Json:
        """Run pods until the project is as wanted; the project then."""

        def found(project: Json) -> bool:
            self.run()
            return bool(wanted(project))

        return self.ns.wait(found, what, PROJECT)

    def run(self) -> None:
        """Let all pods that have started do something."""
        for pod in self.ns.pods():
            notes, name = pod["metadata"].get("annotations", {}), pod["metadata"]["name"]
            is_live = pod["status"].get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")
            if not is_live:
                if name in self._publishing:
                    self._publishing.pop(name)[1].kill()
            elif f"{LABEL}/publish" in notes:
                self._publish(pod, json.loads(notes[f"{LABEL}/publish"]))
            elif f"{LABEL}/delivery" in notes and pod["metadata"]["labels"][f"{LABEL}/task"] not in self.holds:
                self._deliver(pod, json.loads(notes[f"{LABEL}/delivery"]))

    def followers(self) -> list[Json]:
        """The pods that follow now."""
        return [pod for pod, _ in self._publishing.values() if kind_of(pod) == "Follow"]

    def close(self) -> None:
        """Ends what still runs."""
        for _, process in self._publishing.values():
            process.kill()
            process.wait()

    def _publish(self, pod: Json, told: Json) -> None:
        name, folder = pod["metadata"]["name"], self.folder / pod["metadata"]["name"]
        result = folder / "result"
        if name not in self._publishing:
            folder.mkdir(parents=True, exist_ok=True)
            told |= {"private": str(folder / "private"), "credentials": str(self.credentials)}
            told["forge"]["token"] = str(self.credentials / "password")
            (folder / "publish.json").write_text(json.dumps(told))
            argv = ["parallelproject.forge.publishing.main", str(folder / "publish.json"), "--result", str(result)]
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen([sys.executable, "-m", *argv], stderr=log)
            self._publishing[name] = (pod, process)
            self.events.append(kind_of(pod))
            return
        _, process = self._publishing[name]
        code = process.poll()
        if code is None:
            return
        said = result.read_text() if result.exists() else ""
        assert len(said) <= 4096
        current = next(each for each in self.ns.pods() if each["metadata"]["name"] == name)
        if end_pod(self.ns, current, code, {"publish": (code, said), "follow": (code, said)}):
            del self._publishing[name]
            if kind_of(pod) == "Follow":
                self.reports.append(json.loads(said or "{}"))

    def _deliver(self, pod: Json, told: Json) -> None:
        name, labels = pod["metadata"]["name"], pod["metadata"]["labels"]
        folder = self.folder / name
        said = folder / "said"
        if not said.exists():
            folder.mkdir(parents=True, exist_ok=True)
            places = {each: str(folder / each) for each in ("workspace", "private")}
            told |= {**places, "credentials": str(self.credentials)}
            told.pop("outputs", None)
            (folder / "delivery.json").write_text(json.dumps(told))
            code, message = self._git("prepare", folder)
            if code == 0 and message.get("outcome") == "Prepared":
                self._command(pod, folder)
            code, message = self._git("land", folder)
            said.write_text(json.dumps([code, message]))
            self.events.append(f"{labels[f'{LABEL}/task']}{labels[f'{LABEL}/attempt']}")
        code, message = json.loads(said.read_text())
        end_pod(self.ns, pod, 0, {"prepare": (0, '{"outcome": "Prepared"}'), "git": (code, json.dumps(message))})

    def _command(self, pod: Json, folder: Path) -> None:
        labels, notes = pod["metadata"]["labels"], pod["metadata"]["annotations"]
        environment = {**os.environ, "PPROJ_TASK_ID": labels[f"{LABEL}/task"], "PPROJ_FEEDBACK": ""}
        if feedback := notes.get(f"{LABEL}/feedback"):
            (folder / "feedback").write_text(feedback)
            environment["PPROJ_FEEDBACK"] = str(folder / "feedback")
            self.told.append((labels[f"{LABEL}/task"], int(labels[f"{LABEL}/attempt"]), feedback))
        subprocess.run(["sh", "-c", self.script], cwd=folder / "workspace", env=environment, check=True)

    def _git(self, step: str, folder: Path) -> tuple[int, dict[str, Any]]:
        argv = ["parallelproject.git.container.main", step, str(folder / "delivery.json")]
        done = subprocess.run([sys.executable, "-m", *argv], capture_output=True, timeout=_SECONDS)
        return done.returncode, json.loads(done.stdout.partition(b"\n")[0] or b"{}")


def kind_of(pod: Json) -> str:
    """The kind of work of a pod."""
    return str(pod["metadata"]["labels"].get(f"{LABEL}/kind", "Task"))
