"""The pod of a containerSet or of a publishing, as processes: what a stand-in for Argo and the kubelet can play of it.

Containers are the real commands, with the real git part; mounted folders are folders of this machine. They run in the
order of a pod: init containers, then all others together. The end is what Argo derives from it: the parameter that the
container ``main`` left, and the message of the first container that failed.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rig.binaries import find_or_build_wrapper

Json = dict[str, Any]

_TAG = re.compile(r"\{\{workflow\.parameters\.([^}]+)\}\}")
_LOG = "/dev/termination-log"
_ANNOTATION = re.compile(r"metadata\.annotations\['(.+)'\]")


class Remote(NamedTuple):
    """What is used in place of the addresses in instructions."""

    repository: str
    forge: Json = {}
    """The address and the repository's name there, as an instruction has them."""
    token: str = ""


def with_parameters(template: Json, given: Mapping[str, str]) -> Json:
    """A template in which Argo has replaced the parameters of the Workflow: in its JSON, as parts of strings."""
    text = _TAG.sub(lambda found: json.dumps(given[found[1]])[1:-1], json.dumps(template))
    found: Json = json.loads(text)
    return found


class PlayedPod:
    """One pod."""

    def __init__(self, folder: Path, template: Json, remote: Remote, annotations: Mapping[str, str]) -> None:
        """Prepares it.

        Args:
            folder: Where its volumes are.
            template: The template, with its parameters replaced.
            remote: The repository and the forge of every instruction.
            annotations: Those of the pod.
        """
        self._folder, self._template, self._remote = folder, template, remote
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        """By container, those that were started."""
        self._terminated = False
        for container in [*self._inits(), *self._mains()]:
            for mount in container.get("volumeMounts") or ():
                if mount["name"] != "pproj-credentials":  # an optional Secret that is not there
                    made = Path(self._mapped(mount["mountPath"]))
                    made.mkdir(parents=True, exist_ok=True)
                    made.chmod(0o777)
                    for file, text in self._files(mount["name"], annotations).items():
                        (made / file).write_text(text)

    async def run(self) -> tuple[str, str, list[Json]]:
        """Plays it; gives phase, message and outputs, as Argo has them in a status."""
        codes: dict[str, int] = {}
        for container in self._inits():
            codes[container["name"]] = await self._run(container)
            if codes[container["name"]]:
                break
        else:
            mains = self._mains()
            ends = await asyncio.gather(*(self._run(each) for each in mains))
            codes |= {each["name"]: code for each, code in zip(mains, ends, strict=True)}
        outputs = [
            {"name": each["globalName"], "value": self._message("main") or each["valueFrom"]["default"]}
            for each in self._template["outputs"]["parameters"]
        ]
        for name, code in codes.items():
            if code:
                said = f"{name}: Error (exit code {code})"
                # Argo does not wait for the outputs of a pod that failed.
                return "Failed", f"{said}: {text}" if (text := self._message(name)) else said, []
        return "Succeeded", "", outputs

    def terminate(self) -> None:
        """Signals all containers, as Argo does on ``shutdown: Terminate``."""
        self._terminated = True
        for process in self.processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)

    def _files(self, volume: str, annotations: Mapping[str, str]) -> dict[str, str]:
        """By name, the files of a volume: annotations of the pod, or the token of the forge."""
        found = next((each for each in self._template.get("volumes") or () if each["name"] == volume), {})
        if "secret" in found:
            return {item["path"]: self._remote.token for item in found["secret"].get("items") or ()}
        named = {
            item["path"]: _ANNOTATION.fullmatch(item["fieldRef"]["fieldPath"])
            for item in (found.get("downwardAPI") or {}).get("items") or ()
        }
        return {path: self._published(annotations[match[1]]) for path, match in named.items() if match}

    def _published(self, text: str) -> str:
        """An instruction of ``pproj-publish`` for this machine."""
        instruction = json.loads(self._mapped(text))
        instruction |= {"url": self._remote.repository, "local": True}
        instruction["forge"] |= self._remote.forge
        instruction.pop("credentials", None)
        return json.dumps(instruction)

    def _inits(self) -> list[Json]:
        return list(self._template.get("initContainers") or ())

    def _mains(self) -> list[Json]:
        if "container" in self._template:
            return [{"name": "main", **self._template["container"]}]
        return list(self._template["containerSet"]["containers"])

    async def _run(self, container: Json) -> int:
        if self._terminated:
            return 143
        command = [self._mapped(each, container["name"]) for each in container["command"]]
        if command[0] == "pproj-git":
            command = [sys.executable, "-m", "parallelproject.git.container.main", *command[1:]]
            if "prepare" in command:
                command += ["--wrapper", str(find_or_build_wrapper())]
        if command[0] == "pproj-publish":
            command = [sys.executable, "-m", "parallelproject.forge.publishing.main", *command[1:]]
        given = {each["name"]: self._mapped(each["value"]) for each in container.get("env") or ()}
        if "PPROJ_GIT" in given:
            instruction = json.loads(given["PPROJ_GIT"])
            instruction |= {"url": self._remote.repository, "local": True}
            instruction.pop("credentials", None)
            given["PPROJ_GIT"] = json.dumps(instruction)
        where = self._mapped(container.get("workingDir", "/pproj/"))
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **given}, cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.processes[container["name"]] = process
        return await process.wait()

    def _message(self, name: str) -> str:
        file = self._folder / f"log-{name}"
        return file.read_text() if file.exists() else ""

    def _mapped(self, text: str, name: str = "") -> str:
        return text.replace(_LOG, str(self._folder / f"log-{name}")).replace("/pproj/", f"{self._folder}/")
