"""A real Kubernetes control plane on this machine, for tests and for development.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real programs; only the nodes are
make-believe (KWOK): a pod gets scheduled and "runs" there as its environment variables say, see ``stages/``.

    with ControlPlane() as cluster:
        cluster.kubectl("create", "job", "hello", "--image=none")

``Gitea`` is a forge of the same kind: the real server, with a database, a certificate and a port of its own.

Nothing of this is part of the operator, and nothing here imports it.
"""

from rig.binaries import Binaries, find_or_build, find_or_build_gitea
from rig.controlplane import ControlPlane
from rig.errors import RigError
from rig.gitea import Gitea

__all__ = ["Binaries", "ControlPlane", "Gitea", "RigError", "find_or_build", "find_or_build_gitea"]
