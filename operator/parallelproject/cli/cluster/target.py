"""Which namespace of which cluster a command line means, and whether a file says where that is."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterTarget:
    """The options of kubectl; None: as kubectl would choose."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether any of them was given."""
        return any((self.namespace, self.context, self.kubeconfig))

    def or_else(self, other: "ClusterTarget | None") -> "ClusterTarget":
        """The options given after the command, else those before it."""
        if other is None:
            return self
        return ClusterTarget(
            self.namespace or other.namespace, self.context or other.context, self.kubeconfig or other.kubeconfig
        )


def missing_kubeconfig(given: str | None) -> str | None:
    """The kubeconfig that would be read, where it is not there and we are in no pod either.

    To be asked before the client library is, which prints a line of its own and continues.
    """
    named = given or os.environ.get("KUBECONFIG")
    if not named and "KUBERNETES_SERVICE_HOST" in os.environ:
        return None
    files = named.split(os.pathsep) if named else [os.path.expanduser("~/.kube/config")]  # noqa: PTH111
    return None if any(os.path.exists(file) for file in files if file) else files[0]  # noqa: PTH110
