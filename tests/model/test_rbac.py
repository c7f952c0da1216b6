"""The operator may do what it needs, on a real API server, and nothing else."""

from pathlib import Path

import pytest
import yaml

from rig import ControlPlane

FILE = Path(__file__).parents[2] / "manifests" / "rbac.yaml"
OPERATOR = "system:serviceaccount:parallelproject-system:parallelproject"

MAY = [
    *[("parallelprojects.parallelproject.io", verb) for verb in ("get", "list", "watch", "delete")],
    *[("parallelprojects.parallelproject.io/status", verb) for verb in ("get", "patch")],
    ("parallelprojects.parallelproject.io/finalizers", "update"),
    *[("jobs.batch", verb) for verb in ("create", "get", "list", "watch", "patch", "delete")],
    *[("pods", verb) for verb in ("get", "list", "watch")],
    *[(events, verb) for events in ("events", "events.events.k8s.io") for verb in ("create", "patch")],
]
MAY_NOT = [
    *[("secrets", verb) for verb in ("get", "list", "watch", "create")],
    *[("configmaps", verb) for verb in ("get", "create")],
    *[("parallelprojects.parallelproject.io", verb) for verb in ("create", "update", "patch", "deletecollection")],
    *[("pods", verb) for verb in ("create", "patch", "delete")],
    *[(f"pods/{subresource}", "create") for subresource in ("exec", "attach", "eviction")],
    ("serviceaccounts/token", "create"),
    ("serviceaccounts", "impersonate"),
    ("jobs.batch", "deletecollection"),
    ("nodes", "list"),
    ("namespaces", "list"),
    ("customresourcedefinitions.apiextensions.k8s.io", "list"),
    ("clusterroles.rbac.authorization.k8s.io", "bind"),
]


def test_names_every_right_one_by_one():
    (role,) = (part for part in yaml.safe_load_all(FILE.read_text()) if part["kind"] == "ClusterRole")
    for rule in role["rules"]:
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert "secrets" not in rule["resources"]


@pytest.mark.cluster
def test_the_operator_may_do_what_it_needs_and_nothing_else(control_plane: ControlPlane):
    for rights, answer in ((MAY, "yes"), (MAY_NOT, "no")):
        for resource, verb in rights:
            resource, _, subresource = resource.partition("/")
            said = control_plane.kubectl(
                *("auth", "can-i", verb, resource, "-n", "default", "--as", OPERATOR),
                *([f"--subresource={subresource}"] if subresource else []),
                check=False,
            )
            assert said.stdout.strip() == answer, f"{verb} {resource} {subresource}: {said}"
