"""The real Helm, and a control plane that nothing of ours was installed on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import Binaries, ControlPlane
from tests.charts.chart import NAMESPACE, Helm


@pytest.fixture(scope="session")
def helm(helm_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Without a cluster."""
    return Helm(helm_program, tmp_path_factory.mktemp("helm"))


def anything(
    group: str, kind: str, plural: str = "", *, version: str = "v1", scope: str = "Namespaced"
) -> dict[str, object]:
    """A resource of another operator, by its name only: it takes whatever fields there are."""
    plural = plural or f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
def bare(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane without anything of the project but a namespace that takes restricted pods only."""
    others = tmp_path_factory.mktemp("others") / "crds.json"
    items = [anything("monitoring.coreos.com", kind) for kind in ("ServiceMonitor", "PrometheusRule")]
    items += [anything("cert-manager.io", kind) for kind in ("Certificate", "Issuer")]
    priority = ("WorkloadPriorityClass", "workloadpriorityclasses")
    items.append(anything("kueue.x-k8s.io", *priority, version="v1beta1", scope="Cluster"))
    others.write_text("\n---\n".join(map(json.dumps, items)))
    with ControlPlane(binaries=binaries, nodes=2, manifests=[others]) as cluster:
        cluster.create_namespace(NAMESPACE)
        cluster.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        yield cluster


@pytest.fixture(scope="module")
def cluster_helm(bare: ControlPlane, helm_program: Path) -> Helm:
    """With that control plane."""
    return Helm(helm_program, bare.folder / "helm", bare.kubeconfig)
