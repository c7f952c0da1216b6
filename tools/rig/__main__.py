"""The command line: ``python -m rig build`` and ``python -m rig up``, with ``tools`` on PYTHONPATH."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from rig.binaries import (
    Binaries,
    find_or_build,
    find_or_build_gitea,
    find_or_build_helm,
    find_or_build_kueue,
    find_or_build_rules,
    find_or_build_wrapper,
)
from rig.cache import say_on_stderr
from rig.controlplane import ControlPlane
from rig.errors import RigError
from rig.project import project_manifests

_USAGE = """
A control plane with {nodes} fake nodes is up ({seconds:.1f} s). In another terminal:

  export KUBECONFIG={kubeconfig}
  export PATH="{programs}:{folder}:$PATH"

  pproj controller &        # the operator
  kubectl apply --server-side -f manifests/examples/diamond.yaml
  kubectl get parallelprojects,jobs,pods --watch

Pods on the fake nodes run nothing: they succeed at once. The parameters
"seconds" and "fail-attempts" of a task say how long it takes, and how many of
its attempts fail.
Logs of its components: {logs}/*.log
Ctrl-C ends it and removes everything.
"""


_ENDING = (signal.SIGTERM, signal.SIGINT)
_LOOK_SECONDS = 0.2

_BUILDS: tuple[Callable[..., Binaries | Path], ...] = (
    find_or_build_wrapper,
    find_or_build,
    find_or_build_helm,
    find_or_build_rules,
    find_or_build_gitea,
    find_or_build_kueue,
)


def _build() -> None:
    """Find or build all; says nothing but the folders where all are there."""
    for number, build in enumerate(_BUILDS, 1):
        found = build(progress=lambda line, number=number: say_on_stderr(f"[{number}/{len(_BUILDS)}] {line}"))
        print(found.folder if isinstance(found, Binaries) else found.parent, flush=True)  # noqa: T201


def _up(nodes: int) -> None:
    find_or_build()
    started = time.monotonic()
    with ControlPlane(nodes=nodes, manifests=project_manifests()) as cluster:
        print(  # noqa: T201
            _USAGE.format(
                nodes=nodes,
                seconds=time.monotonic() - started,
                kubeconfig=cluster.kubeconfig,
                programs=Path(sys.executable).parent,
                folder=cluster.binaries.folder,
                logs=cluster.folder,
            ),
            flush=True,
        )
        with suppress(KeyboardInterrupt):  # the end that it is meant to have
            while True:  # no pause(): a signal that comes just before it would be missed
                time.sleep(_LOOK_SECONDS)
        print("stopping; everything is removed", flush=True)  # noqa: T201


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in _ENDING:  # make passes on what the terminal has sent already: the second one must not cut off the end
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m rig", description="A Kubernetes control plane on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="find or build its programs and a Gitea, and print their folders")
    up = commands.add_parser("up", help="start one for development, until Ctrl-C")
    up.add_argument("--nodes", type=int, default=4, metavar="N", help="how many fake nodes (default: 4)")
    chosen = parser.parse_args(arguments)
    for number in _ENDING:  # a shell lets its background jobs ignore the latter
        signal.signal(number, _interrupt)
    try:
        if chosen.command == "build":
            _build()
        else:
            _up(chosen.nodes)
    except KeyboardInterrupt:
        return 130
    except RigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
