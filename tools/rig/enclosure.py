"""Namespaces that a real node lives in, so that all it does is undone when they end, however this process ends.

Its processes, its network devices and what it mounts are its own; all are gone with the first process of the process
namespace, which is tied to ours. What it writes below /var and /run goes to a folder of the scratch. The network is one
link to this machine: no address is routed, nothing is translated, and nobody else is reached from within.
"""

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rig.block import Block
from rig.certificate import write_certificate
from rig.command import run
from rig.deadline import until
from rig.errors import RigError
from rig.process import Process
from rig.scratch import Scratch

_PROGRAMS = ("ip", "mount", "nsenter", "unshare")
_DEVICE = "pproj-node-{}"
_MOST = 16
_START_SECONDS = 30
_CGROUPS = Path("/sys/fs/cgroup")
_CGROUP = "pproj-node-{}"
_COUNT = itertools.count()
"""Of the enclosures of this process."""
_BRIDGE = "pods"
_OVERLAID = ("var", "run")


class Enclosure(Block):
    """The namespaces, a link into them, and addresses. Of several on one machine each has its own numbers."""

    # Its life.

    def _prepare(self) -> None:
        if os.geteuid() != 0:
            raise RigError("a real node needs root: it makes namespaces, mounts and a network device")
        if missing := [program for program in _PROGRAMS if not shutil.which(program)]:
            raise RigError(f"a real node needs {', '.join(missing)}: apt-get install util-linux mount iproute2")
        self._scratch = Scratch()
        self._cgroup = f"{_CGROUP.format(os.getpid())}-{next(_COUNT)}"
        self._holder: Process | None = None

    def _start(self) -> None:
        self._remove_cgroups()
        groups = self._make_cgroups()
        join = 'groups=$1; shift; for group in $groups; do echo $$ >"$group/cgroup.procs"; done; exec "$@"'
        # Who is left alone in there is adopted by its first process, which the kernel spares the funerals.
        self._holder = Process(
            "enclosure",
            [
                "/bin/sh", "-c", join, "join", " ".join(map(str, groups)),
                _which("unshare"), "--mount", "--net", "--pid", "--cgroup", "--fork", "--kill-child=KILL",
                "--mount-proc", "env", "--ignore-signal=CHLD", "sleep", "infinity",
            ],
            self.folder / "enclosure.log",
        )  # fmt: skip
        self._pid = until(self._find, "its first process", seconds=_START_SECONDS, needs=[self._holder])
        self._connect()
        self._mount()
        write_certificate(self.client_certificate, self._client_key, self.gateway)

    def _find(self) -> int | None:
        """The first process, once it is in place: before that it is this machine that would be changed."""
        assert self._holder is not None
        children = (
            Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text(encoding="utf-8").split()
        )
        if not children or Path(f"/proc/{children[0]}/comm").read_text(encoding="utf-8") != "sleep\n":
            return None
        return int(children[0])

    def _connect(self) -> None:
        for number in range(_MOST):
            self._number = number
            made = _ip("link", "add", self._device, "type", "veth", "peer", "name", "uplink", "netns", str(self._pid))
            if made is None:
                break
            if "exists" not in made:
                raise RigError(f"`ip link add` failed: {made}")
        else:
            raise RigError(f"there are {_MOST} real nodes on this machine already ({_DEVICE.format('N')} in `ip link`)")
        for arguments in (
            ("addr", "add", f"{self.gateway}/24", "dev", self._device),
            ("addr", "add", f"{self.service}/32", "dev", self._device),
            ("link", "set", self._device, "up"),
        ):
            if failed := _ip(*arguments):
                raise RigError(f"`ip {' '.join(arguments)}` failed: {failed}")
        for command in (
            "link set lo up",
            f"link add {_BRIDGE} type bridge",
            f"addr add {self.address}/24 dev {_BRIDGE}",
            f"link set uplink master {_BRIDGE}",
            "link set uplink up",
            f"link set {_BRIDGE} up",
            f"route add {self.service}/32 via {self.gateway}",  # and no other: other targets fail at once
        ):
            self.run("ip", *command.split())

    def _mount(self) -> None:
        self.run("mount", "--make-rshared", "/")
        for name in _OVERLAID:
            upper, work = self.folder / name / "upper", self.folder / name / "work"
            upper.mkdir(parents=True)
            work.mkdir()
            layers = f"lowerdir=/{name},upperdir={upper},workdir={work}"
            self.run("mount", "-t", "overlay", "overlay", "-o", layers, f"/{name}")
        for root in _hierarchies():
            self.run("mount", "--bind", str(root / self._cgroup), str(root))

    def _make_cgroups(self) -> list[Path]:
        """A cgroup in each hierarchy, which will be the only one that is seen from within."""
        made = []
        for root in _hierarchies():
            own = root / self._cgroup
            own.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):  # of version 1: to begin with it has none
                if (root / file).exists() and not (own / file).read_text().strip():
                    (own / file).write_text((root / file).read_text())
            made.append(own)
        return made

    def _end(self) -> None:
        if self._holder:
            self._holder.kill()
            with contextlib.suppress(RigError):  # what is left then is removed by the next one
                until(self._is_over, "the end of its processes", seconds=_START_SECONDS)
        self._remove_cgroups(self._cgroup)
        self._scratch.remove()

    def _is_over(self) -> bool:
        """Whether nothing is in its cgroups any more."""
        return all(not (root / self._cgroup / "cgroup.procs").read_text() for root in _hierarchies())

    @staticmethod
    def _remove_cgroups(*ended: str) -> None:
        """Remove the cgroups of enclosures that have ended, also of those whose processes were killed."""
        for root in _hierarchies():
            for own in root.glob(_CGROUP.format("*")):
                pid = own.name.removeprefix(_CGROUP.format("")).partition("-")[0]
                if own.name not in ended and Path(f"/proc/{pid}").exists():
                    continue
                for folder, _, _ in os.walk(own, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(folder)  # noqa: PTH106 - files in it are the kernel's

    # What to know about it.

    @property
    def folder(self) -> Path:
        """Where files are kept; gone when the block ends."""
        return self._scratch.path

    @property
    def gateway(self) -> str:
        """The address by which this machine is reached from within, and by nobody else."""
        return f"198.18.{self._number}.1"  # of RFC 2544's range: for measurements within a laboratory

    @property
    def address(self) -> str:
        """The address of the node."""
        return f"198.18.{self._number}.2"

    @property
    def pods(self) -> tuple[str, str, str]:
        """The network that pods have their addresses in, the first of them and the last."""
        return f"198.18.{self._number}.0/24", f"198.18.{self._number}.10", f"198.18.{self._number}.250"

    @property
    def bridge(self) -> str:
        """The device that pods are connected to."""
        return _BRIDGE

    @property
    def service(self) -> str:
        """The address of the service ``kubernetes``, which is one of this machine."""
        return f"198.19.{self._number}.1"

    @property
    def client_certificate(self) -> Path:
        """By which the API server is known to the node."""
        return self.folder / "client.crt"

    @property
    def _client_key(self) -> Path:
        return self.folder / "client.key"

    @property
    def _device(self) -> str:
        return _DEVICE.format(self._number)

    @property
    def apiserver_arguments(self) -> list[str]:
        """Flags of an API server that this is to be a node of."""
        return [
            f"--service-cluster-ip-range=198.19.{self._number}.0/24",
            f"--kubelet-client-certificate={self.client_certificate}",
            f"--kubelet-client-key={self._client_key}",
            "--enable-aggregator-routing=true",  # no kube-proxy: it calls a webhook at the address of its pod
        ]

    # Using it.

    def within(self, *argv: str) -> list[str]:
        """The command line that runs ``argv`` in there."""
        return [_which("nsenter"), f"--target={self._pid}", "--mount", "--net", "--pid", "--cgroup", "--", *argv]

    def run(self, *argv: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a program in there to its end; what it says.

        Raises:
            RigError: It failed.
        """
        return run(self.within(*argv), environment)

    def start(self, name: str, argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Process:
        """Start a program in there."""
        return Process(name, self.within(*argv), log, env=environment)


def _hierarchies() -> list[Path]:
    """The root of the one cgroup hierarchy of version 2, or those of version 1."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [found for found in sorted(_CGROUPS.iterdir()) if found.is_dir() and not found.is_symlink()]


def _which(program: str) -> str:
    found = shutil.which(program)
    assert found
    return found


def _ip(*arguments: str) -> str | None:
    """What `ip` complained of; None: nothing."""
    done = subprocess.run([_which("ip"), *arguments], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode != 0 else None
