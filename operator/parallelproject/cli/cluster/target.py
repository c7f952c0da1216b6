"""Which namespace of which cluster a command line means. Data only."""

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
