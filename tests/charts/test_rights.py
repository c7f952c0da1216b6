"""The operator may do what it needs, on a real API server, and nothing else; and people with their roles, too."""

import json
from collections.abc import Iterable

import pytest

from parallelproject.executors.job.queue import priority_class
from parallelproject.model.spec import ProjectPriority
from rig import ControlPlane
from tests.argo.objects import RULES
from tests.charts.chart import CLUSTER_WIDE, NAMESPACE, Helm, Object, kinds, pick

ARGO_RESOURCES = ("workflows", "workflowtemplates", "clusterworkflowtemplates")
OPERATOR = f"system:serviceaccount:{NAMESPACE}:parallelproject"
PROJECTS = "parallelprojects.parallelproject.io"

IN_A_NAMESPACE = [
    *[(PROJECTS, verb) for verb in ("get", "list", "watch", "delete")],
    (f"{PROJECTS}/status", "patch"),
    (f"{PROJECTS}/finalizers", "update"),
    *[("jobs.batch", verb) for verb in ("create", "get", "list", "watch", "patch", "delete")],
    *[("pods", verb) for verb in ("list", "watch")],
    ("events", "create"),
    ("podtemplates", "create"),
]
ON_NAMESPACES = [("namespaces", verb) for verb in ("list", "watch")]
ON_LEASES = [
    ("leases.coordination.k8s.io", "create"),
    *[("leases.coordination.k8s.io/parallelproject", verb) for verb in ("get", "update")],
]
NEVER = [
    *[("secrets", verb) for verb in ("get", "list", "watch", "create")],
    *[("configmaps", verb) for verb in ("get", "create")],
    *[(PROJECTS, verb) for verb in ("create", "update", "patch", "deletecollection")],
    *[("pods", verb) for verb in ("get", "create", "patch", "delete")],
    *[(f"pods/{subresource}", "create") for subresource in ("exec", "attach", "eviction")],
    *[("leases.coordination.k8s.io", verb) for verb in ("list", "watch", "get", "update", "patch", "delete")],
    ("serviceaccounts/token", "create"),
    ("serviceaccounts", "impersonate"),
    ("jobs.batch", "deletecollection"),
    ("nodes", "list"),
    *[("namespaces", verb) for verb in ("create", "patch", "delete")],
    ("customresourcedefinitions.apiextensions.k8s.io", "list"),
    ("clusterroles.rbac.authorization.k8s.io", "bind"),
]


def may(cluster: ControlPlane, who: str, verb: str, resource: str, namespace: str) -> bool:
    """Whether the API server allows it."""
    resource, _, part = resource.partition("/")
    where = (f"{resource}/{part}",) if resource.startswith("leases") and part else (resource,)
    subresource = [f"--subresource={part}"] if part and len(where[0]) == len(resource) else []
    said = cluster.kubectl("auth", "can-i", verb, *where, *subresource, "-n", namespace, "--as", who, check=False)
    assert said.stdout.strip() in ("yes", "no"), said
    return said.stdout.strip() == "yes"


def rights(cluster: ControlPlane, who: str, namespace: str) -> set[tuple[str, str]]:
    """All that somebody may do in a namespace, beyond what everybody may: resource and verb, as in IN_A_NAMESPACE."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

    def asked(user: str) -> set[tuple[str, str]]:
        answer = cluster.kubectl("create", "--raw", path, "-f", "-", "--as", user, input=json.dumps(review)).stdout
        status = json.loads(answer)["status"]
        assert not status["incomplete"], status
        return {
            (named(group, resource, name), verb)
            for rule in status["resourceRules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for name in rule.get("resourceNames") or [""]
            for verb in rule["verbs"]
        }

    return asked(who) - asked("system:serviceaccount:default:nobody")


def named(group: str, resource: str, name: str = "") -> str:
    """As kubectl takes it: ``parallelprojects.parallelproject.io/status``."""
    resource, _, subresource = resource.partition("/")
    return ".".join(filter(None, (resource, group))) + "".join(f"/{part}" for part in (subresource, name) if part)


@pytest.mark.parametrize("values", [{}, {"scope": {"namespaces": ["team-a", "team-b"]}}], ids=["all", "some"])
def test_names_every_right_one_by_one(helm: Helm, values: object):
    roles = [o for o in helm.render(values) if o["kind"] in ("ClusterRole", "Role")]
    assert roles
    for rule in (rule for role in roles for rule in role["rules"]):
        assert set(rule) - {"resourceNames"} == {"apiGroups", "resources", "verbs"}
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert "secrets" not in rule["resources"]


def test_with_namespaces_of_its_own_nothing_is_cluster_wide(helm: Helm):
    values = {"scope": {"namespaces": ["team-a", NAMESPACE]}, "rbac": {"aggregateRoles": True}}
    objects = helm.render(values)
    assert kinds(objects) & CLUSTER_WIDE == {"CustomResourceDefinition"}
    assert not kinds(helm.render({**values, "crds": {"enabled": False}})) & CLUSTER_WIDE
    ids = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    assert len(set(ids)) == len(ids)
    for kind in ("Role", "RoleBinding"):
        assert {where for found, where, name in ids if found == kind and name.endswith("-projects")} == {
            "team-a",
            NAMESPACE,
        }


def rules(objects: list[Object], resource: str) -> list[Object]:
    return [rule for o in objects for rule in o.get("rules") or () if resource in rule["resources"]]


def test_workflows_take_rights_only_where_they_are_enabled(helm: Helm):
    assert not [o for o in helm.render() if "argoproj.io" in json.dumps(o.get("rules"))]
    enabled = helm.render({"executors": {"workflow": {"enabled": True}}})
    added = [rule for resource in ARGO_RESOURCES for rule in rules(enabled, resource)]
    asked = {(group, resource, verb) for group, resource, verb in _each(RULES)}
    assert set(_each(added)) == asked
    deployment = pick(enabled, "Deployment")
    assert "--workflows" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    some = helm.render({"executors": {"workflow": {"enabled": True}}, "scope": {"namespaces": ["team-a"]}})
    assert not rules(some, "clusterworkflowtemplates")


def test_the_operator_takes_no_right_on_objects_of_kueue(helm: Helm):
    assert not [o for o in helm.render() if "kueue.x-k8s.io" in json.dumps([o.get("rules"), o["apiVersion"]])]
    objects = helm.render({"kueue": {"enabled": True}})
    (rule,) = [rule for o in objects for rule in o.get("rules") or () if "kueue.x-k8s.io" in rule["apiGroups"]]
    assert (rule["resources"], rule["verbs"]) == (["workloads"], ["get", "list"])
    assert rule in pick(objects, "ClusterRole", "parallelproject-view")["rules"]
    classes = {o["metadata"]["name"]: o["value"] for o in objects if o["kind"] == "WorkloadPriorityClass"}
    priorities = [each for each in ProjectPriority if each is not ProjectPriority.P2]
    assert sorted(classes, key=lambda name: -classes[name]) == [priority_class(each) for each in priorities]
    values = list(classes.values())
    assert max(values) > 0 > min(values)  # P2 has no class, and so 0


def _each(found: Iterable[Object]) -> list[tuple[str, str, str]]:
    return [(g, r, v) for rule in found for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]]


@pytest.mark.parametrize("namespaces", [[], ["team-a"]], ids=["all", "some"])
def test_the_admission_webhook_takes_no_right(helm: Helm, namespaces: list[str]):
    values = {"scope": {"namespaces": namespaces}, "crds": {"enabled": False}}
    plain, webhook = (helm.render(values | {"admission": {"enabled": on}}) for on in (False, True))

    def roles(objects: list[Object]) -> list[Object]:
        return [o for o in objects if "Role" in o["kind"]]

    assert roles(plain) == roles(webhook)
    added = {"Secret", "ValidatingWebhookConfiguration"}
    assert kinds(webhook) - kinds(plain) == added


def test_no_rights_are_made_where_somebody_else_gives_them(helm: Helm):
    objects = helm.render({"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "own"}})
    assert not kinds(objects) & {"Role", "RoleBinding", "ClusterRoleBinding", "ServiceAccount"}
    assert {o["metadata"]["name"] for o in objects if o["kind"] == "ClusterRole"} == {
        "parallelproject-view",
        "parallelproject-edit",
    }
    assert pick(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "own"


@pytest.mark.cluster
def test_cluster_wide_it_may_do_what_it_needs_and_nothing_else(control_plane: ControlPlane):
    assert rights(control_plane, OPERATOR, "default") == {*IN_A_NAMESPACE, *ON_NAMESPACES}
    assert rights(control_plane, OPERATOR, NAMESPACE) == {*IN_A_NAMESPACE, *ON_NAMESPACES, *ON_LEASES}
    answers(control_plane, OPERATOR, "default", [*IN_A_NAMESPACE, *ON_NAMESPACES], NEVER)
    answers(control_plane, OPERATOR, NAMESPACE, ON_LEASES, [("leases.coordination.k8s.io/another", "update")])


@pytest.mark.cluster
def test_in_namespaces_of_its_own_it_may_do_what_it_needs_and_nothing_elsewhere(
    control_plane: ControlPlane, namespace: str, helm: Helm
):
    home = f"{namespace}-home"
    control_plane.create_namespace(home)
    try:
        objects = helm.render({"scope": {"namespaces": [namespace]}}, "--namespace", home)
        apply(control_plane, (o for o in objects if o["kind"] in ("ServiceAccount", "Role", "RoleBinding")))
        operator = f"system:serviceaccount:{home}:parallelproject"
        assert rights(control_plane, operator, namespace) == set(IN_A_NAMESPACE)
        assert rights(control_plane, operator, home) == set(ON_LEASES)
        assert rights(control_plane, operator, "default") == set()
        answers(control_plane, operator, namespace, [(PROJECTS, "list"), ("jobs.batch", "create")], ON_NAMESPACES)
        answers(control_plane, operator, "default", [], [(PROJECTS, "list"), ("jobs.batch", "create")])
    finally:
        control_plane.delete_namespace(home)


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("role", "yes", "no"),
    [
        ("view", ["get", "list", "watch"], ["create", "patch", "delete"]),
        ("edit", ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"], []),
        ("admin", ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"], []),
    ],
)
def test_who_has_a_role_in_a_namespace_has_it_for_projects(
    control_plane: ControlPlane, namespace: str, role: str, yes: list[str], no: list[str]
):
    control_plane.kubectl("-n", namespace, "create", "rolebinding", role, f"--clusterrole={role}", "--user=carol")
    answers(
        control_plane,
        "carol",
        namespace,
        [(PROJECTS, verb) for verb in yes] + [(f"{PROJECTS}/status", "get")],
        [(PROJECTS, verb) for verb in no] + [(f"{PROJECTS}/status", "patch"), (f"{PROJECTS}/finalizers", "update")],
    )


def answers(
    cluster: ControlPlane, who: str, namespace: str, yes: list[tuple[str, str]], no: list[tuple[str, str]]
) -> None:
    """What ``kubectl auth can-i`` says is so."""
    for expected, asked in ((True, yes), (False, no)):
        for resource, verb in asked:
            assert may(cluster, who, verb, resource, namespace) == expected, f"{who}: {verb} {resource} in {namespace}"


def apply(cluster: ControlPlane, objects: Iterable[Object]) -> None:
    """As an installation does."""
    cluster.kubectl(
        *("apply", "--server-side", "-f", "-"),
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}),
    )
