"""Projects as an enemy, a bug or a cat on a keyboard would make them; the same for the same seed.

Half are made from the CRD's own schema, at its bounds and a step beyond; half are sound projects with one thing
wrong, chosen by somebody who has read how operators fail.
"""

import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from parallelproject.model.crd import crd
from tests.controller.cluster import Json, role, spec, task

SCHEMA: Json = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
DEADLINE_SECONDS = 10
"""Projects that run end by then, also those whose pods find no node."""

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**31, 2**53, 2**63 - 1, 1e308, "", " ", "null", "0", "\x00\x01\x1b[2J", "é\u202e\ufeff",
    "\ud800", "a" * 64, "a" * 254, "A_b.c-", "../../etc/passwd", "${jndi:ldap://x}", "{{ 7*7 }}", "%s%n",
    "---\n- a", "\n",
    "$(PPROJ_TASK_FILE)", "'; rm -rf / #", [], [[]], [None], {}, {"": ""}, {"a": None}, [{}], {"$ref": "#/"},
]  # fmt: skip
LONG = "x" * 65_536


class Hostile:
    """Makes them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def project(self, number: int) -> Json:
        """The body of one project; its name tells its number where it has one."""
        chance = self._random
        body: Json = {
            "apiVersion": "parallelproject.io/v1alpha1",
            "kind": "ParallelProject",
            "metadata": {"name": f"h{number}"},
            "spec": self._sound(),
        }
        if chance.random() < 0.5:
            body["spec"] = self.from_schema(SCHEMA["spec"])
            if isinstance(body["spec"], dict) and chance.random() < 0.7:
                # Most would be refused for a missing role; so that more than that is tried:
                body["spec"] |= {"suspend": True, "roles": [role()], "defaults": {}}
        for _ in range(chance.choice((0, 1, 1, 2))):
            chance.choice(_TRICKS)(body, chance)
        if chance.random() < 0.05:
            _shape(body, chance)
        if isinstance(body.get("spec"), dict) and not body["spec"].get("suspend"):
            body["spec"]["activeDeadlineSeconds"] = DEADLINE_SECONDS
        return body

    def status(self) -> Json:
        """A status as nobody would write it, but within the schema more often than not."""
        made = self.from_schema(SCHEMA["status"], beyond=0.002)
        status: Json = made if isinstance(made, dict) else {}
        if self._random.random() < 0.7:  # of tasks that are there
            rows = [
                self.from_schema(SCHEMA["status"]["properties"]["tasks"]["items"], beyond=0.0) | {"id": f"t{i}"}
                for i in range(3)
            ]
            status["tasks"] = rows
        return status

    def from_schema(self, node: Json, beyond: float = 0.01) -> Any:
        """A value of a schema: mostly at its bounds, seldom beyond them, sometimes something else altogether."""
        chance = self._random
        if chance.random() < beyond:
            return deepcopy(chance.choice(ODD))
        if "enum" in node:
            return chance.choice(node["enum"])
        match node["type"]:
            case "boolean":
                return chance.random() < 0.5
            case "integer":
                low, high = node["minimum"], node["maximum"]
                over = [low - 1, high + 1] if chance.random() < beyond else []
                return chance.choice([low, low + 1, min(high, 3), high - 1, high, *over])
            case "string":
                return self._string(node, beyond)
            case "array":
                most = node.get("maxItems", 5)
                count = most + 1 if chance.random() < beyond / 4 else chance.choice([node.get("minItems", 0), 1, 2, 3])
                return [self.from_schema(node["items"], beyond) for _ in range(min(count, most + 1))]
            case _:
                return self._object(node, beyond)

    def _string(self, node: Json, beyond: float) -> str:
        chance = self._random
        if node.get("format") == "date-time":
            times = [
                "2026-01-01T00:00:00Z",
                "0001-01-01T00:00:00Z",
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59Z",
            ]
            return chance.choice([*times, "2500-02-28T23:59:60Z"])
        low, high = node.get("minLength", 0), min(node.get("maxLength", 64), 70_000)
        length = (
            high + 1 if chance.random() < beyond else chance.choice([low, max(low, 2), min(high, 8), min(high, 63)])
        )
        if "pattern" in node:
            few = chance.choice(["t0", "t1", "t2", "coder", "a"])  # so that ids, dependencies and roles meet
            return few if chance.random() < 0.8 else (few * 40)[:length]
        return "".join(chance.choice("ab*?/.é\x00\n\u202e\U0001f600[]") for _ in range(length))

    def _object(self, node: Json, beyond: float) -> Json:
        chance = self._random
        wanted = set(node.get("required", ())) if chance.random() > beyond else set()
        made = {
            name: self.from_schema(field, beyond)
            for name, field in node.get("properties", {}).items()
            if name in wanted or chance.random() < 0.3
        }
        if "additionalProperties" in node:
            made |= {str(chance.choice(ODD)): self.from_schema(node["additionalProperties"], beyond)}
        if node.get("x-kubernetes-preserve-unknown-fields") and chance.random() < 0.5:
            made[chance.choice(_POD_FIELDS)] = deepcopy(chance.choice(ODD))
        return made

    def _sound(self) -> Json:
        chance = self._random
        tasks = [task(f"t{i}", *[f"t{j}" for j in range(i) if chance.random() < 0.3]) for i in range(3)]
        return spec(*tasks, suspend=chance.random() < 0.8, scheduling=chance.choice(("Levels", "Graph")))


_POD_FIELDS = [
    "env", "envFrom", "volumeMounts", "volumes", "initContainers", "resources", "securityContext", "nodeSelector",
    "tolerations", "affinity", "ports", "lifecycle", "restartPolicy", "serviceAccountName", "hostNetwork", "workingDir",
    "activeDeadlineSeconds", "labels", "annotations", "name", "generateName", "finalizers", "ownerReferences", "bogus",
]  # fmt: skip

Trick = Callable[[Json, random.Random], None]


def _tasks(body: Json) -> list[Json]:
    if not isinstance(body["spec"], dict):
        body["spec"] = spec(task("t0"), suspend=True)
    found: Any = body["spec"].get("tasks")
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        found = body["spec"]["tasks"] = [task("t0"), task("t1", "t0"), task("t2")]
    tasks: list[Json] = found
    return tasks


def _pod(body: Json) -> Json:
    _tasks(body)
    made = role()
    body["spec"] |= {"roles": [made], "defaults": {"maxAttempts": 1}, "suspend": False}
    body["spec"]["tasks"] = [task("t0"), task("t1")]
    pod: Json = made["podTemplate"]
    return pod


def _cycle(body: Json, chance: random.Random) -> None:
    size = chance.choice((2, 3, 60))
    body["spec"] = spec(*(task(f"t{i}", f"t{(i + 1) % size}") for i in range(size)))


def _knot(body: Json, chance: random.Random) -> None:
    size = 25
    body["spec"] = spec(*(task(f"t{i}", *[f"t{j}" for j in range(size) if j != i]) for i in range(size)))


def _self_dependency(body: Json, chance: random.Random) -> None:
    _tasks(body)[0]["dependencies"] = [_tasks(body)[0].get("id", "t0")]


def _duplicate(body: Json, chance: random.Random) -> None:
    _tasks(body).extend(deepcopy(_tasks(body)) * (100 if chance.random() < 0.1 else 1))


def _unknown(body: Json, chance: random.Random) -> None:
    _tasks(body)[0]["dependencies"] = [f"nobody-{i}" for i in range(chance.choice((1, 500)))]


def _long_string(body: Json, chance: random.Random) -> None:
    where = chance.choice(("id", "title", "description", "group", "files", "parameters", "dependencies", "role"))
    values: Json = {"files": [LONG], "dependencies": [LONG], "parameters": [{"name": "a", "value": LONG}]}
    _tasks(body)[0][where] = values.get(where, LONG)


def _at_the_limits(body: Json, chance: random.Random) -> None:
    full = task("t" * 63, title="\x00" * 512, description="\x1b[31m\n" * 5000, files=["é" * 256] * 100, group="g" * 63)
    long = 4096 if chance.random() < 0.1 else 40  # few at all limits at once: each such object is over a megabyte
    full["parameters"] = [{"name": f"p{i}".ljust(63, "_"), "value": "\x00" * long} for i in range(50)]
    body["spec"] = spec(full, suspend=chance.random() < 0.5, defaults={"maxAttempts": 1})


def _control_characters(body: Json, chance: random.Random) -> None:
    odd = "".join(map(chr, range(32))) + "\x7f\x85\u2028\ufffe\uffff"
    _tasks(body)[0] |= {
        "title": odd,
        "description": odd,
        "files": [odd],
        "group": odd,
        "parameters": [{"name": "a", "value": odd}],
    }


def _same_variable(body: Json, chance: random.Random) -> None:
    _tasks(body)[0]["parameters"] = [{"name": "a.b", "value": "1"}, {"name": "a-b", "value": "2"}]


def _huge_numbers(body: Json, chance: random.Random) -> None:
    _tasks(body)[0][chance.choice(("priority", "maxAttempts", "estimateSeconds", "activeDeadlineSeconds"))] = (
        chance.choice([10**6, 10**18, 10**30, -(10**30), 315_360_000, 1e300, 0.5])
    )


def _many_globs(body: Json, chance: random.Random) -> None:
    count = 100 if chance.random() < 0.05 else 10  # few, for the sake of time
    globs = ["*/" * 20 + f"**/a?b*c{i}*" for i in range(count)]
    body["spec"] = spec(*(task(f"t{i}", files=globs) for i in range(20)), suspend=True)


def _huge(body: Json, chance: random.Random) -> None:
    if chance.random() < 0.97:  # few, for the sake of time
        return
    kind = chance.choice(("chain", "wide", "bytes", "fan"))
    tasks = [task(f"t{i}") for i in range(2000)]
    if kind == "chain":
        tasks = [task(f"t{i}", *([f"t{i - 1}"] if i else [])) for i in range(2000)]
    elif kind == "fan":
        tasks = [task(f"t{i}", *(f"t{j}" for j in range(i % 100))) if i >= 100 else task(f"t{i}") for i in range(2000)]
    elif kind == "bytes":
        tasks = [task(f"t{i}", description="x" * 32_768) for i in range(42)]
    body["spec"] = spec(*tasks, suspend=True)


def _no_command(body: Json, chance: random.Random) -> None:
    pod = _pod(body)
    pod["spec"]["containers"][0].pop("command")


def _no_roles(body: Json, chance: random.Random) -> None:
    _tasks(body)
    body["spec"]["roles"] = chance.choice(([], [{"name": "coder"}], [role("a"), role("b")]))


def _odd_pod_field(body: Json, chance: random.Random) -> None:
    pod = _pod(body)
    at = chance.choice((pod, pod["spec"], pod["spec"]["containers"][0], pod.setdefault("metadata", {})))
    at[chance.choice(_POD_FIELDS)] = deepcopy(chance.choice(ODD))


def _odd_list(body: Json, chance: random.Random) -> None:
    pod = _pod(body)
    field = chance.choice(("env", "volumeMounts", "volumes", "initContainers", "ports", "tolerations", "envFrom"))
    at = pod["spec"] if field in ("volumes", "initContainers", "tolerations") else pod["spec"]["containers"][0]
    at[field] = chance.choice(
        [
            "text",
            {"a": 1},
            7,
            True,
            [None],
            ["text"],
            [[]],
            [{"name": None}],
            [{"name": ["a"]}],
            [{}],
            [{"name": {}}] * 3,
        ]
    )


def _clash(body: Json, chance: random.Random) -> None:
    """Takes our names in the pod."""
    pod = _pod(body)
    agent = pod["spec"]["containers"][0]
    match chance.randrange(5):
        case 0:
            agent["env"] = [{"name": "PPROJ_TASK_ID", "value": "other"}, {"name": "PPROJ_TASK_ID", "value": "again"}]
        case 1:
            pod["spec"]["volumes"] = [{"name": "pproj-task", "emptyDir": {}}]
        case 2:
            agent["volumeMounts"] = [{"name": "pproj-task", "mountPath": "/pproj/task"}]
        case 3:
            pod["metadata"] = {"labels": {"parallelproject.io/task": "other", "parallelproject.io/attempt": "999"}}
        case _:
            pod["spec"] |= {"restartPolicy": "Always", "serviceAccountName": "cluster-admin", "nodeName": "nowhere"}


def _null_containers(body: Json, chance: random.Random) -> None:
    pod = _pod(body)
    pod["spec"]["containers"] = chance.choice((None, [], [None], {}, "a", [{}], [{"name": "a", "command": None}]))


def _deep(body: Json, chance: random.Random) -> None:
    deep: Json = {}
    for _ in range(chance.choice((90, 300, 1500))):
        deep = {"a": deep}
    _pod(body)["spec"]["bogus"] = deep


def _metadata(body: Json, chance: random.Random) -> None:
    body["metadata"] |= chance.choice(
        [
            {"labels": {"parallelproject.io/project": "other", "parallelproject.io/task": "x"}},
            {"labels": {"a" * 300: "b"}},
            {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kopf.zalando.org/x": "\x00"}},
            {"annotations": {"big": "x" * 200_000}},
            {"annotations": {"bigger": "x" * 300_000}},
            {"finalizers": ["example.com/never"]},
            {"finalizers": ["kopf.zalando.org/KopfFinalizerMarker"]},
            {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "none", "controller": "yes"}]},
            {"generation": -5, "resourceVersion": "7"},
            {"deletionTimestamp": "2020-01-01T00:00:00Z", "uid": "mine", "creationTimestamp": None},
            {"managedFields": [{"manager": "x", "operation": "Apply", "apiVersion": "v9", "fieldsType": "?"}]},
            {"labels": None, "annotations": None, "finalizers": None, "ownerReferences": None},
        ]
    )


def _name(body: Json, chance: random.Random) -> None:
    number = body["metadata"].get("name", "h0")
    name = chance.choice(
        (number.ljust(63, "x"), number.ljust(64, "x"), number.ljust(253, "x"), f"{number}.a.b", "A_B", "-", "")
    )
    body["metadata"] |= {"name": name}
    if chance.random() < 0.3:
        body["metadata"] = {"generateName": name}


def _shape(body: Json, chance: random.Random) -> None:
    key = chance.choice(("spec", "metadata", "kind", "apiVersion", "status"))
    body[key] = deepcopy(chance.choice(ODD))
    if key == "metadata" and isinstance(body[key], dict):
        body[key]["name"] = "shape"


def _odd_somewhere(body: Json, chance: random.Random) -> None:
    """Puts something odd anywhere."""
    at: Any = body["spec"]
    while True:
        below = list(at.items()) if isinstance(at, dict) else list(enumerate(at)) if isinstance(at, list) else []
        if not below:
            return
        key, child = chance.choice(below)
        if not isinstance(child, (dict, list)) or not child or chance.random() < 0.3:
            at[key] = deepcopy(chance.choice(ODD))
            return
        at = child


_TRICKS: list[Trick] = [
    _cycle, _knot, _self_dependency, _duplicate, _unknown, _long_string, _at_the_limits, _control_characters,
    _same_variable, _huge_numbers, _many_globs, _huge, _no_command, _no_roles, _odd_pod_field, _odd_pod_field,
    _odd_list, _odd_list, _clash, _null_containers, _deep, _metadata, _name, _odd_somewhere, _odd_somewhere,
    _odd_somewhere,
]  # fmt: skip
