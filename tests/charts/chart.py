"""The chart, rendered and installed by the real Helm."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "parallelproject"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
"""Values that people may have, each with what they are for."""
NAMESPACE = "parallelproject-system"
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "ValidatingWebhookConfiguration",
}

Object = dict[str, Any]


class Helm:
    """Helm with nobody's settings, and a cluster where one is given."""

    def __init__(self, program: Path, home: Path, kubeconfig: Path | None = None) -> None:
        self._program = program
        own = {f"HELM_{folder}_HOME": str(home / folder.lower()) for folder in ("CACHE", "CONFIG", "DATA")}
        self._env = os.environ | own | {"KUBECONFIG": str(kubeconfig or "/dev/null")}

    def __call__(self, *arguments: str | Path, values: object = None, check: bool = True) -> Any:
        """Run it with values; the completed process."""
        flags = ["--values", "-"] if values is not None else []
        done = subprocess.run(
            [self._program, *arguments, *flags],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            timeout=240,
            env=self._env,
        )
        assert not check or done.returncode == 0, f"helm {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}"
        return done

    def text(self, values: object = None, *flags: str | Path, release: str = "parallelproject") -> str:
        """The manifest of a release."""
        flags = ("--namespace", NAMESPACE, *flags)
        return str(self("template", release, CHART, *flags, values=values or {}).stdout)

    def render(self, values: object = None, *flags: str | Path, release: str = "parallelproject") -> list[Object]:
        """The objects that a release consists of."""
        found = yaml.load_all(self.text(values, *flags, release=release), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return [document for document in found if document]

    def refusal(self, values: object, *flags: str) -> str:
        """What it says to values that it refuses."""
        done = self("template", "parallelproject", CHART, *flags, values=values, check=False)
        assert done.returncode != 0, "they were not refused"
        return str(done.stderr)


def pick(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The one object of a kind."""
    (found,) = (o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"]))
    return found


def kinds(objects: list[Object]) -> set[str]:
    """The kinds of the objects."""
    return {o["kind"] for o in objects}


def container(objects: list[Object]) -> Object:
    """The controller's container."""
    (found,) = pick(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found
