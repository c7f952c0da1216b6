"""The command lines of a control plane's components. Nothing is started here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
AUDIT_POLICY = HERE / "audit-policy.yaml"


@dataclass(frozen=True)
class Layout:
    """Where one control plane keeps its files, and the ports that it listens on, all on 127.0.0.1."""

    folder: Path
    etcd_port: int
    etcd_peer_port: int
    apiserver_port: int

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.apiserver_port}"

    @property
    def etcd_url(self) -> str:
        """The address of etcd for its clients."""
        return f"http://127.0.0.1:{self.etcd_port}"

    @property
    def certificates(self) -> Path:
        """Where the API server writes the certificate that it makes for itself."""
        return self.folder / "certificates"

    @property
    def ca_file(self) -> Path:
        """The certificate by which the API server is known."""
        return self.certificates / "apiserver.crt"

    @property
    def signing_key(self) -> Path:
        """The key that signs ServiceAccount tokens."""
        return self.folder / "service-account.key"

    @property
    def tokens(self) -> Path:
        """The API server's list of users and their tokens."""
        return self.folder / "tokens.csv"

    @property
    def audit_log(self) -> Path:
        """The audit log, one JSON object a line."""
        return self.folder / "audit.log"

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig."""
        return self.folder / "admin.kubeconfig"

    def log(self, component: str) -> Path:
        """The output of a component."""
        return self.folder / f"{component}.log"


def etcd(at: Layout) -> list[str]:
    """One member that does not wait for the disk."""
    peer = f"http://127.0.0.1:{at.etcd_peer_port}"
    return [
        f"--data-dir={at.folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={at.etcd_url}",
        f"--advertise-client-urls={at.etcd_url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def apiserver(at: Layout, *, audit_policy: Path | None) -> list[str]:
    """Real authentication, authorization and admission, so that what works here has the rights it needs."""
    arguments = [
        f"--etcd-servers={at.etcd_url}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={at.apiserver_port}",
        f"--cert-dir={at.certificates}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={at.signing_key}",
        f"--service-account-signing-key-file={at.signing_key}",
        f"--token-auth-file={at.tokens}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        "--shutdown-watch-termination-grace-period=1s",  # else it waits a minute for its watches to end
        "--profiling=false",
    ]
    if audit_policy:
        arguments += [
            f"--audit-policy-file={audit_policy}",
            f"--audit-log-path={at.audit_log}",
            "--audit-log-maxsize=100000",  # megabytes; it would start a new file after 100
        ]
    return arguments


def controller_manager(at: Layout) -> list[str]:
    """All controllers that are on by default."""
    return [
        f"--kubeconfig={at.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--service-account-private-key-file={at.signing_key}",
        f"--root-ca-file={at.ca_file}",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-job-syncs=20",
        "--profiling=false",
    ]


def scheduler(at: Layout) -> list[str]:
    """The default scheduler."""
    return [
        f"--kubeconfig={at.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]


def kwok(at: Layout) -> list[str]:
    """The fake nodes' kubelets."""
    files = [HERE / "kwok.yaml", *sorted((HERE / "stages").glob("*.yaml"))]
    return [f"--kubeconfig={at.kubeconfig}", *(f"--config={file}" for file in files)]


def fake_nodes(count: int) -> Iterator[dict[str, object]]:
    """Node objects that KWOK takes care of, each with room for more pods than any test makes."""
    for index in range(count):
        name = f"node-{index}"
        room = {"cpu": "100000", "memory": "1Pi", "ephemeral-storage": "1Pi", "pods": "10000"}
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                },
            },
            "status": {
                "capacity": room,
                "allocatable": room,
                "addresses": [
                    {"type": "InternalIP", "address": f"10.64.{index // 256}.{index % 256}"},
                    {"type": "Hostname", "address": name},
                ],
                "nodeInfo": {
                    "architecture": "amd64",
                    "operatingSystem": "linux",
                    "kubeletVersion": "fake",
                    "kubeProxyVersion": "",
                    "containerRuntimeVersion": "fake://0",
                    "kernelVersion": "fake",
                    "osImage": "fake",
                    "machineID": name,
                    "systemUUID": name,
                    "bootID": name,
                },
            },
        }
