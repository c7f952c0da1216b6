"""A release on a real API server, by the real Helm: installed, upgraded, uninstalled.

Its pods are fake; where its operator is needed, it is a process here, with the rights that the release gave it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from parallelproject.model.crd import crd
from parallelproject.model.names import CRD_NAME
from rig import ControlPlane
from rig.deadline import until
from rig.ports import free_ports
from rig.process import Process
from tests.charts.chart import CHART, CI, CLUSTER_WIDE, NAMESPACE, ROOT, Helm

pytestmark = pytest.mark.cluster

RELEASE = "parallelproject"
WAIT = ("--wait", "--timeout=180s")
OURS = f"app.kubernetes.io/instance={RELEASE}"
EVERY_KIND = (
    "deployments,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,pdb,networkpolicies"
)
PROJECT = {
    "apiVersion": "parallelproject.io/v1alpha1",
    "kind": "ParallelProject",
    "metadata": {"name": "shop", "namespace": "default"},
    "spec": {"tasks": [{"id": "a"}]},
}


@pytest.fixture
def clean(bare: ControlPlane, cluster_helm: Helm) -> Iterator[None]:
    """Leaves the control plane as it was."""
    yield
    for release in json.loads(cluster_helm("list", "--all-namespaces", "-o", "json").stdout):
        cluster_helm("uninstall", release["name"], "--namespace", release["namespace"], *WAIT)
    bare.kubectl("delete", "crd", CRD_NAME, "--ignore-not-found", "--timeout=180s")


def install(helm: Helm, *flags: str | Path, chart: Path = CHART, values: object = None, release: str = RELEASE) -> str:
    """Install or upgrade; the notes."""
    arguments = ("--install", "--namespace", NAMESPACE, *WAIT, *flags)
    out = helm("upgrade", release, chart, *arguments, values=values or {}).stdout
    return str(out).partition("NOTES:\n")[2]


def uid(cluster: ControlPlane, *what: str) -> str:
    """The uid of what is there; fails if it is not."""
    return str(cluster.kubectl("get", *what, "-o", "jsonpath={.metadata.uid}").stdout)


def project(cluster: ControlPlane) -> str:
    """The uid of a project that is made here."""
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(PROJECT))
    return uid(cluster, "pproj", "shop")


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_every_object_is_accepted(bare: ControlPlane, cluster_helm: Helm, file: Path):
    values = yaml.safe_load(file.read_text())
    for name in ("team-a", "team-b", "monitoring"):
        bare.create_namespace(name)
    cluster_helm("install", "x", CHART, "--namespace", NAMESPACE, "--dry-run=server", "--values", file)
    items = cluster_helm.render(values)
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    said = bare.kubectl(*("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"), input=manifest)
    assert said.stdout.count("serverside-applied") == len(items)
    assert "Warning" not in said.stderr


@pytest.mark.usefixtures("clean")
def test_the_manifest_installs_and_without_the_crd_its_removal_loses_no_project(bare: ControlPlane):
    file = ROOT / "manifests" / "install.yaml"
    for _ in range(2):
        said = bare.kubectl("apply", "--server-side", "--validate=strict", "-f", file)
        assert said.stdout.count("serverside-applied") == len(list(yaml.safe_load_all(file.read_text())))
        assert "Warning" not in said.stderr
    bare.kubectl("-n", NAMESPACE, "rollout", "status", "deploy", RELEASE, "--timeout=180s")
    before = project(bare)

    bare.kubectl("delete", "-f", file, "--selector", OURS)  # as docs/install.md says

    assert bare.kubectl("get", EVERY_KIND, "-A", "-l", OURS, "-o", "name").stdout == ""
    assert uid(bare, "pproj", "shop") == before


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("namespaces", [[], ["team-a"]], ids=["all", "some"])
def test_installs_and_the_command_of_the_notes_succeeds(
    bare: ControlPlane, cluster_helm: Helm, namespaces: list[str], tmp_path: Path
):
    for name in namespaces:
        bare.create_namespace(name)
    notes = install(cluster_helm, values={"scope": {"namespaces": namespaces}})
    ready = bare.kubectl("-n", NAMESPACE, "get", "deploy", RELEASE, "-o", "jsonpath={.status.readyReplicas}")
    assert ready.stdout == "2"
    watched = namespaces or ["default"]
    assert re.findall(r"kubectl -n (\S+) (?:apply|wait|get|describe)", notes) == watched * 5

    command = re.search(r"^kubectl .*?^END$", notes, re.M | re.S)
    assert command, notes
    operator = run_operator(bare, tmp_path / "operator.log")
    try:
        done = subprocess.run(
            ["bash", "-c", command[0]],
            env={
                **os.environ,
                "KUBECONFIG": str(bare.kubeconfig),
                "KUBECACHEDIR": str(bare.folder / "kubectl-cache"),
                "PATH": f"{bare.binaries.folder}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            timeout=180,
        )
    finally:
        operator.stop()
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{operator.tail()}"
    assert "condition met" in done.stdout
    assert "forbidden" not in operator.log.read_text().lower()


def run_operator(cluster: ControlPlane, log: Path) -> Process:
    """The operator of the release, with the arguments and the rights of its pods; only the ports are others."""
    found = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "deploy", RELEASE, "-o", "json").stdout)
    pod = found["spec"]["template"]["spec"]
    health, metrics = free_ports(2)
    here = ["--health-host=127.0.0.1", f"--health-port={health}", f"--metrics-port={metrics}"]
    kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, pod["serviceAccountName"])
    arguments = [*pod["containers"][0]["args"], *here, f"--kubeconfig={kubeconfig}"]
    pproj = str(Path(sys.executable).with_name("pproj"))
    operator = Process("operator", [pproj, "controller", *arguments], log)
    try:
        until(lambda: is_ready(health), "the operator to be ready", seconds=90, needs=[operator])
    except BaseException:
        operator.stop()
        raise
    return operator


def is_ready(port: int) -> bool:
    """Whether it says so."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
        return bool(answer.status == 200)


@pytest.mark.usefixtures("clean")
def test_an_upgrade_updates_the_crd_and_loses_no_project(bare: ControlPlane, cluster_helm: Helm, tmp_path: Path):
    older = tmp_path / "older"
    shutil.copytree(CHART, older)
    template = older / "templates" / "crd.yaml"
    column = re.compile(r"    - name: Progress\n(?:      .*\n)+")
    assert column.search(template.read_text())
    template.write_text(column.sub("", template.read_text()))
    install(cluster_helm, chart=older)
    before = project(bare)
    assert "PROGRESS" not in bare.kubectl("get", "pproj").stdout

    install(cluster_helm, values={"replicaCount": 3, "controller": {"maxConcurrentTasks": 7}})

    assert "PROGRESS" in bare.kubectl("get", "pproj").stdout
    assert uid(bare, "pproj", "shop") == before
    args = bare.kubectl("-n", NAMESPACE, "get", "deploy", RELEASE, "-o", "jsonpath={..containers[0].args}").stdout
    assert "--max-concurrent-tasks=7" in json.loads(args)


@pytest.mark.usefixtures("clean")
def test_an_upgrade_keeps_the_certificate_of_the_webhook_and_an_uninstall_leaves_none(
    bare: ControlPlane, cluster_helm: Helm
):
    configuration = ("validatingwebhookconfiguration", f"{RELEASE}-{NAMESPACE}")

    def certificate() -> tuple[dict[str, str], str]:
        secret = json.loads(bare.kubectl("-n", NAMESPACE, "get", "secret", f"{RELEASE}-admission", "-o", "json").stdout)
        bundle = bare.kubectl("get", *configuration, "-o", "jsonpath={.webhooks[0].clientConfig.caBundle}").stdout
        return secret["data"], bundle

    install(cluster_helm, values={"admission": {"enabled": True}})
    data, bundle = certificate()
    assert bundle == data["ca.crt"]
    install(cluster_helm, values={"admission": {"enabled": True, "failurePolicy": "Fail"}})
    assert certificate() == (data, bundle)
    assert bare.kubectl("get", *configuration, "-o", "jsonpath={.webhooks[0].failurePolicy}").stdout == "Fail"

    install(cluster_helm, values={"admission": {"enabled": False}})
    assert bare.kubectl("get", *configuration, check=False).returncode != 0
    assert bare.kubectl("-n", NAMESPACE, "get", "secrets", "-l", OURS, "-o", "name").stdout == ""


@pytest.mark.usefixtures("clean")
def test_an_uninstall_loses_no_project_and_leaves_nothing_else(bare: ControlPlane, cluster_helm: Helm):
    install(cluster_helm)
    before, definition = project(bare), uid(bare, "crd", CRD_NAME)
    assert bare.kubectl("get", EVERY_KIND, "-A", "-l", OURS, "-o", "name").stdout.count("\n") == 10

    cluster_helm("uninstall", RELEASE, "--namespace", NAMESPACE, *WAIT)

    assert bare.kubectl("get", EVERY_KIND, "-A", "-l", OURS, "-o", "name").stdout == ""
    assert (uid(bare, "pproj", "shop"), uid(bare, "crd", CRD_NAME)) == (before, definition)

    install(cluster_helm)  # takes up what is there
    assert (uid(bare, "pproj", "shop"), uid(bare, "crd", CRD_NAME)) == (before, definition)


@pytest.mark.usefixtures("clean")
def test_an_uninstall_takes_the_projects_along_where_that_was_asked_for(bare: ControlPlane, cluster_helm: Helm):
    install(cluster_helm)
    project(bare)
    install(cluster_helm, values={"crds": {"keep": False}})
    cluster_helm("uninstall", RELEASE, "--namespace", NAMESPACE, *WAIT)
    bare.kubectl("wait", "--for=delete", f"crd/{CRD_NAME}", "--timeout=180s")


@pytest.mark.usefixtures("clean")
def test_takes_over_a_crd_that_kubectl_has_installed(bare: ControlPlane, cluster_helm: Helm):
    bare.kubectl("apply", "--server-side", "-f", ROOT / "crds")
    bare.kubectl("wait", "--for=condition=Established", f"crd/{CRD_NAME}", "--timeout=180s")
    before = project(bare)
    refused = cluster_helm("install", RELEASE, CHART, "--namespace", NAMESPACE, check=False)
    assert "invalid ownership metadata" in refused.stderr

    install(cluster_helm, "--take-ownership", "--force-conflicts")

    assert uid(bare, "pproj", "shop") == before
    found = json.loads(bare.kubectl("get", "crd", CRD_NAME, "-o", "json").stdout)
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert len(found["spec"]["versions"]) == len(crd()["spec"]["versions"])


@pytest.mark.usefixtures("clean")
def test_two_releases_share_a_cluster_each_with_its_namespaces(bare: ControlPlane, cluster_helm: Helm):
    for name in ("team-a", "team-b"):
        bare.create_namespace(name)
    install(cluster_helm, values={"scope": {"namespaces": ["team-a"]}}, release="a")
    values = {"scope": {"namespaces": ["team-b", "team-a"]}, "crds": {"enabled": False}}
    install(cluster_helm, values=values, release="b")
    cluster_wide = ",".join(f"{kind.lower()}s" for kind in CLUSTER_WIDE - {"Namespace"})
    labelled = "app.kubernetes.io/name=parallelproject"
    assert bare.kubectl("get", cluster_wide, "-l", labelled, "-o", "name").stdout.split() == [
        f"customresourcedefinition.apiextensions.k8s.io/{CRD_NAME}"
    ]
    leases = bare.kubectl("get", "deploy", "-n", NAMESPACE, "-l", labelled, "-o", "jsonpath={..args}").stdout
    assert set(re.findall(r"--lease-name=([\w-]+)", leases)) == {"a-parallelproject", "b-parallelproject"}
