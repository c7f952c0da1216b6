"""A Kubernetes control plane that lives as long as a ``with`` block."""

import base64
import contextlib
import json
import os
import secrets
import subprocess
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from rig import components
from rig.api import Api
from rig.binaries import BARE, FULL, Binaries, find_or_build
from rig.block import Block
from rig.components import Layout
from rig.deadline import until
from rig.errors import ApiError, PortTakenError, RigError
from rig.kubeconfig import write_kubeconfig
from rig.ports import free_ports
from rig.process import Process, stop_all
from rig.scratch import Scratch
from rig.signingkey import write_signing_key

_START_SECONDS = 180  # a machine that is busy; what has ended meanwhile ends the wait
_STOP_SECONDS = 0.5  # nothing of it is kept
_ATTEMPTS = 5
_ADMIN = "admin"
_DAY_SECONDS = 24 * 3600
_NOT_APPLIED = frozenset(("Deployment", "PodDisruptionBudget", "Service"))
"""Kinds that are skipped in manifests: their pods would run nothing."""


class ControlPlane(Block):
    """etcd, an API server and, by default the controllers, the scheduler and fake nodes.

    As many as wanted run side by side; each has its own folder and ports. All are gone when the block ends, and
    also when this Python process is killed.
    """

    def __init__(
        self,
        *,
        nodes: int = 4,
        controllers: bool = True,
        audit: bool | Path = False,
        users: Sequence[str] = ("alice", "bob"),
        manifests: Sequence[Path] = (),
        extra_apiserver_args: Sequence[str] = (),
        binaries: Binaries | None = None,
    ) -> None:
        """Describe it; entering the block starts it.

        Args:
            nodes: How many fake nodes.
            controllers: Whether anything but etcd and the API server runs. Without them Jobs make no pods, pods get
                no node, and nothing is garbage collected.
            audit: Whether every request is written to ``audit_log``, see ``audit-policy.yaml``; or another policy.
            users: Names of users without any rights, for ``kubeconfig_for``.
            manifests: Files that are applied before the controllers start, without what makes pods. CRDs belong here:
                the garbage collector would take up to half a minute to notice one that comes later.
            extra_apiserver_args: Flags that are added to the API server's.
            binaries: The programs; found or built if not given.
        """
        self._nodes = nodes
        self._controllers = controllers
        self._audit_policy = audit if isinstance(audit, Path) else components.AUDIT_POLICY if audit else None
        self._tokens = {user: secrets.token_hex(16) for user in (_ADMIN, *users)}
        self._manifests = tuple(manifests)
        self._extra_apiserver_args = tuple(extra_apiserver_args)
        self._given_binaries = binaries
        self._processes: dict[str, Process] = {}

    # Its life.

    def _prepare(self) -> None:
        self.binaries = self._given_binaries or find_or_build(FULL if self._controllers else BARE)
        self._scratch = Scratch()
        self._at = Layout(self._scratch.path, 0, 0, 0)

    def _start(self) -> None:
        write_signing_key(self._at.signing_key)
        self._at.tokens.write_text(
            "".join(
                f"{token},{user},{user}" + (',"system:masters"' if user == _ADMIN else "") + "\n"
                for user, token in self._tokens.items()
            )
        )
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start_api()
                break
            except PortTakenError:
                if attempt == _ATTEMPTS:
                    raise
                self._stop_all(grace_seconds=0)
        write_kubeconfig(
            self.kubeconfig,
            url=self.url,
            certificate=self.ca_file,
            user=_ADMIN,
            token=self._tokens[_ADMIN],
        )
        self._apply_manifests()
        if self._controllers:
            self._start_controllers()

    def _start_api(self) -> None:
        etcd, etcd_peer, apiserver = free_ports(3)
        self._at = Layout(self._scratch.path, etcd, etcd_peer, apiserver)
        self._api = Api(self._at.url, self._at.ca_file, self._tokens[_ADMIN])
        self._run("etcd", components.etcd(self._at))
        self._run_apiserver()

    def _start_controllers(self) -> None:
        for node in components.fake_nodes(self._nodes):
            self._api.ensure("/api/v1/nodes", node)
        self._run_controllers()
        self._await(
            lambda: self._api.exists("/api/v1/namespaces/default/serviceaccounts/default"),
            "the controller manager to make the first ServiceAccount",
        )
        self._await(self._nodes_are_ready, "all nodes to be ready")

    def _nodes_are_ready(self) -> bool:
        nodes = self._api.get("/api/v1/nodes")["items"]
        return len(nodes) == self._nodes and not any(node["spec"].get("taints") for node in nodes)

    def _end(self) -> None:
        self._stop_all()
        self._scratch.remove()

    def _stop_all(self, *, grace_seconds: float = _STOP_SECONDS) -> None:
        etcd = [self._processes.pop("etcd")] if "etcd" in self._processes else []
        stop_all(self._processes.values(), grace_seconds=grace_seconds)
        stop_all(etcd, grace_seconds=grace_seconds)  # the API server cannot end in an orderly way without it
        self._processes.clear()

    def _run(self, name: str, arguments: Iterable[str], env: dict[str, str] | None = None) -> None:
        argv = [str(self.binaries[name]), *arguments]
        self._processes[name] = Process(name, argv, self._at.log(name), cwd=self.folder, env=env)

    def _run_apiserver(self) -> None:
        arguments = [*components.apiserver(self._at, audit_policy=self._audit_policy), *self._extra_apiserver_args]
        self._run("kube-apiserver", arguments)
        self._await(lambda: self._api.request("GET", "/readyz", timeout_seconds=1), "the API server to be ready")

    def _run_controllers(self) -> None:
        self._run("kube-controller-manager", components.controller_manager(self._at))
        self._run("kube-scheduler", components.scheduler(self._at))
        self._run("kwok", components.kwok(self._at), {"KWOK_WORKDIR": str(self.folder / "kwok")})

    def _await(self, condition: Callable[[], object], what: str) -> None:
        until(condition, what, seconds=_START_SECONDS, needs=self._processes.values())

    # What to know about it.

    @property
    def url(self) -> str:
        """The API server's address."""
        return self._at.url

    @property
    def ca_file(self) -> Path:
        """The certificate by which the API server is known."""
        return self._at.ca_file

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of the admin, who may do anything."""
        return self._at.kubeconfig

    @property
    def audit_log(self) -> Path:
        """The audit log, one JSON object a line; only with ``audit``."""
        return self._at.audit_log

    @property
    def folder(self) -> Path:
        """Where it keeps its files and logs; gone when the block ends."""
        return self._scratch.path

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each running component, by its name (``kube-apiserver``)."""
        return {name: process.pid for name, process in self._processes.items()}

    # Using it.

    def kubectl(
        self, *arguments: str | Path, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the admin.

        Raises:
            subprocess.CalledProcessError: It failed, and ``check`` is true; what it said is in the traceback.
        """
        done = subprocess.run(
            [self.binaries["kubectl"], *arguments],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "KUBECONFIG": str(self.kubeconfig),
                # Its cache of API resources goes by host and port, and ports are used again.
                "KUBECACHEDIR": str(self.folder / "kubectl-cache"),
            },
        )
        if check and done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
            error.add_note(done.stderr)
            raise error
        return done

    def create_namespace(self, name: str) -> None:
        """Create a namespace, unless it is there, and wait until pods can be made in it."""
        path = f"/api/v1/namespaces/{name}"
        self._api.ensure("/api/v1/namespaces", {"metadata": {"name": name}})
        if self._controllers:
            # A Job whose first pod is refused for want of the ServiceAccount backs off for seconds.
            self._await(lambda: self._api.exists(f"{path}/serviceaccounts/default"), f"namespace {name}")

    def delete_namespace(self, name: str) -> None:
        """Begin to delete a namespace and all that is in it; does not wait."""
        with contextlib.suppress(ApiError):
            self._api.request("DELETE", f"/api/v1/namespaces/{name}")

    def kubeconfig_for(self, user: str) -> Path:
        """A kubeconfig of one of ``users``, who may do what RBAC objects allow, to begin with nothing.

        Raises:
            RigError: There is no such user: users are given to the constructor.
        """
        if user not in self._tokens:
            raise RigError(f"no user {user!r}; there are {', '.join(self._tokens)} (ControlPlane(users=…))")
        return self._write_kubeconfig(user, self._tokens[user])

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig of a ServiceAccount, with a token for a day; it and its namespace are made if absent."""
        self.create_namespace(namespace)
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._api.ensure(accounts, {"metadata": {"name": name}})
        answer = self._api.request("POST", f"{accounts}/{name}/token", {"spec": {"expirationSeconds": _DAY_SECONDS}})
        token: str = answer["status"]["token"]
        return self._write_kubeconfig(f"system:serviceaccount:{namespace}:{name}", token, namespace)

    def _write_kubeconfig(self, user: str, token: str, namespace: str = "default") -> Path:
        return write_kubeconfig(
            self.folder / f"{user.replace(':', '.')}.kubeconfig",
            url=self.url,
            certificate=self.ca_file,
            user=user,
            token=token,
            namespace=namespace,
        )

    def _apply_manifests(self) -> None:
        if not self._manifests:
            return
        documents = [document for file in self._manifests for document in yaml.safe_load_all(file.read_text())]
        items = [document for document in documents if document and document["kind"] not in _NOT_APPLIED]
        objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.kubectl("apply", "--server-side", "-f", "-", input=objects)
        for item in items:
            if item["kind"] == "CustomResourceDefinition":
                self._await_served(item["spec"])

    def _await_served(self, crd: dict[str, Any]) -> None:
        plural = crd["names"]["plural"]
        for version in crd["versions"]:
            path = f"/apis/{crd['group']}/{version['name']}"

            def served(path: str = path) -> bool:
                return plural in {resource["name"] for resource in self._api.get(path)["resources"]}

            self._await(served, f"{path} to have {plural}")

    # Faults. The controllers, the scheduler and KWOK go down and come up with the API server. Left alone, they would
    # try to connect at intervals that grow to half a minute, or end if they were just starting, and KWOK would forget
    # the pods whose patches were cut off; what is to be seen is how the operator lives through it, not how they do.
    # Pods run on meanwhile: one whose time is over when KWOK is back ends then.

    def store(self, path: str, obj: dict[str, Any]) -> None:
        """Put an object into etcd as it is, with its uid: as if it had been there for long.

        Args:
            path: Where the API server keeps it, as in ``jobs/NAMESPACE/NAME`` or ``GROUP/PLURAL/NAMESPACE/NAME``.
            obj: The object.
        """
        put = {"key": f"/registry/{path}", "value": json.dumps(obj)}
        body = json.dumps({name: base64.b64encode(text.encode()).decode() for name, text in put.items()}).encode()
        with urllib.request.urlopen(f"{self._at.etcd_url}/v3/kv/put", body, timeout=10) as answer:
            answer.read()

    def kill_apiserver(self) -> None:
        """End the API server as a crash would; clients are refused until ``start_apiserver``."""
        self._processes.pop("kube-apiserver").kill()
        self._stop_controllers()

    def stop_apiserver(self) -> None:
        """End the API server in an orderly way; clients are refused until ``start_apiserver``."""
        self._stop_controllers()
        self._processes.pop("kube-apiserver").stop()

    def start_apiserver(self) -> None:
        """Start the API server again, on its port, and wait until it is ready; nothing that it stored is lost."""
        self._run_apiserver()
        if self._controllers:
            self._run_controllers()

    def restart_apiserver(self) -> None:
        """Stop the API server in an orderly way and start it again."""
        self.stop_apiserver()
        self.start_apiserver()

    def restart_etcd(self) -> None:
        """Kill etcd and start it again, on its port; nothing that it stored is lost. The API server runs on."""
        self._processes.pop("etcd").kill()
        self._run("etcd", components.etcd(self._at))
        self._await(lambda: self._api.request("GET", "/readyz", timeout_seconds=1), "the API server to be ready")

    def restart_controllers(self) -> None:
        """Stop the controller manager, the scheduler and the fake nodes, and start them again."""
        self._stop_controllers()
        self._run_controllers()

    def _stop_controllers(self) -> None:
        names = [name for name in self._processes if name not in ("etcd", "kube-apiserver")]
        stop_all([self._processes.pop(name) for name in names], grace_seconds=_STOP_SECONDS)
