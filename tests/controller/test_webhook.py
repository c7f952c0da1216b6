"""Projects that the operator would not accept, refused by its admission webhook on the real API server.

It is that of an operator that stands by: the one of all tests leads. The API server calls it by the chart's own
configuration, but for its address.
"""

import base64
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallelproject.controller.projects.project_source import CERTIFICATE, KEY, WEBHOOK
from rig import ControlPlane
from rig.certificate import write_certificate
from rig.deadline import until
from rig.ports import free_ports
from tests.charts.chart import Helm, pick
from tests.controller.admission import objects
from tests.controller.cluster import SECONDS, Json, Namespace, condition, role, spec, task
from tests.controller.operator_process import OperatorProcess

pytestmark = pytest.mark.cluster

HOST = "127.0.0.1"
READ_OFTEN = "import parallelproject.controller.projects.project_source as p; p._CERTIFICATE_SECONDS = 0.1"
CYCLE = spec(task("a", "b"), task("b", "a"))
WRONG = {
    "CycleFound": CYCLE,
    "UnknownDependency": spec(task("api-schema"), task("b", "api-shema")),
    "DuplicateTask": spec(task("a"), task("b"), task("a")),
}
BIG = 750_000
"""Bytes of a project of which the API server sends two states: more than kopf's server reads."""


class Operator:
    """An operator that stands by and answers the API server."""

    def __init__(self, cluster: ControlPlane, folder: Path, name: str = "webhook") -> None:
        self.folder = folder / "mounted"
        (self.port,) = free_ports(1)
        at = [f"--admission-host={HOST}", f"--admission-port={self.port}"]
        options = [f"--admission-certificate={self.folder}", *at]
        self.process = OperatorProcess(cluster, name=name, patch=READ_OFTEN, options=options)

    def certify(self) -> None:
        """Give it a new certificate, as a kubelet renews a mounted Secret: both files at once."""
        made = Path(tempfile.mkdtemp(dir=self.folder.parent))
        write_certificate(made / CERTIFICATE, made / KEY, HOST)
        link = made / "link"
        link.symlink_to(made)
        link.replace(self.folder)

    @property
    def client(self) -> Json:
        """How the API server reaches it."""
        bundle = base64.b64encode((self.folder / CERTIFICATE).read_bytes()).decode()
        return {"url": f"https://{HOST}:{self.port}/{WEBHOOK}", "caBundle": bundle}


@pytest.fixture(scope="module")
def webhook(
    cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, _operator: OperatorProcess
) -> Iterator[Operator]:
    """The operator that answers, running."""
    made = Operator(cluster, tmp_path_factory.mktemp("certificate"))
    made.certify()
    made.process.start()
    yield made
    made.process.stop()
    log = made.process.output()
    assert "Traceback" not in log, log[-6000:]
    assert [line[:500] for line in log.splitlines() if '"level": "ERROR"' in line] == []


@pytest.fixture
def registered(
    ns: Namespace, helm_program: Path, webhook: Operator, tmp_path: Path
) -> Callable[..., contextlib.AbstractContextManager[None]]:
    """Has the API server call it for the projects of the test's namespace; in force at the start of the block."""
    helm = Helm(helm_program, tmp_path / "helm")
    values = {"scope": {"namespaces": [ns.name]}, "admission": {"enabled": True}}
    configuration = pick(helm.render(values), "ValidatingWebhookConfiguration")

    @contextlib.contextmanager
    def register(**fields: object) -> Iterator[None]:
        (found,) = configuration["webhooks"]
        made = {"webhooks": [{**found, "clientConfig": webhook.client, **fields}]}
        with objects(ns, {"validatingwebhookconfigurations": made}):
            ns.until(lambda: apply(ns, CYCLE, "--dry-run=server", name="probe") != "", "the webhook to be called")
            yield

    return register


def manifest(ns: Namespace, spec: Json, name: str = "p", **metadata: object) -> Json:
    metadata = {"name": name, "namespace": ns.name, **metadata}
    return {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": metadata, "spec": spec}


def apply(ns: Namespace, spec: Json, *flags: str, **metadata: object) -> str:
    """What kubectl says to a server-side apply that is refused; empty where it is not."""
    text = json.dumps(manifest(ns, spec, **metadata))
    done = ns.cluster.kubectl("apply", "--server-side", *flags, "-f", "-", input=text, check=False)
    return done.stderr if done.returncode else ""


def lint(ns: Namespace, spec: Json, folder: Path) -> list[str]:
    """The errors of pproj lint, without the file and the line."""
    file = folder / "project.json"
    file.write_text(json.dumps(manifest(ns, spec)))
    pproj = str(Path(sys.executable).with_name("pproj"))
    done = subprocess.run([pproj, "lint", "--cluster", "--no-color", str(file)], capture_output=True, text=True)
    start = f"error: {file}: "
    return [line.removeprefix(start) for line in done.stderr.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("reason", WRONG)
def test_a_project_that_cannot_run_is_refused_at_apply_with_the_words_of_lint(
    ns: Namespace, registered: Callable[..., contextlib.AbstractContextManager[None]], tmp_path: Path, reason: str
):
    problems = lint(ns, WRONG[reason], tmp_path)
    assert problems
    with registered():
        said = apply(ns, WRONG[reason])
        denied = 'Error from server: admission webhook "projects.parallelproject.io" denied the request: '
        assert said.startswith(denied)  # as docs/install.md has it
        assert [line for line in problems if line not in said] == []
        assert not ns.exists()


def test_every_problem_is_reported_at_once(
    ns: Namespace, registered: Callable[..., contextlib.AbstractContextManager[None]], tmp_path: Path
):
    wrong = spec(task("a", "x"), task("b", role="nobody"), roles=[role(), {"name": "empty"}])
    problems = lint(ns, wrong, tmp_path)
    assert len(problems) == 4
    with registered():
        said = apply(ns, wrong)
        assert "4 problems:" in said
        assert [line for line in problems if line not in said.splitlines()] == []


def test_a_project_that_can_run_is_stored_and_runs(
    ns: Namespace, registered: Callable[..., contextlib.AbstractContextManager[None]]
):
    with registered():
        assert apply(ns, spec(task("a"), task("b", "a"))) == ""
        assert condition(ns.wait_end(), "Succeeded")["status"] == "True"


def test_without_the_webhook_a_project_is_stored_and_its_condition_says_why_it_cannot_run(ns: Namespace):
    for reason, wrong in WRONG.items():
        assert apply(ns, wrong, name=reason.lower()) == ""
    for reason in WRONG:
        done = ns.wait(lambda p: condition(p, "Accepted"), "an answer", reason.lower())
        assert (condition(done, "Accepted")["status"], condition(done, "Accepted")["reason"]) == ("False", reason)


@pytest.mark.parametrize("conditions", [True, False], ids=["as the chart has it", "without its conditions"])
def test_what_is_there_can_be_changed_and_deleted_whatever_its_spec_is(
    ns: Namespace, registered: Callable[..., contextlib.AbstractContextManager[None]], conditions: bool
):
    held = {"finalizers": ["example.com/held"]}
    assert apply(ns, CYCLE, **held) == ""
    ns.wait(lambda p: condition(p, "Accepted")["status"] == "False", "it to be looked at")
    with registered(**({} if conditions else {"matchConditions": []})):
        assert apply(ns, CYCLE, **held, labels={"a": "b"}) == ""
        ns.kubectl("patch", "pproj", "p", "--subresource=status", "--type=merge", "-p", '{"status":{"progress":"1/2"}}')
        assert "denied the request" in apply(ns, {**CYCLE, "parallelism": 2}, **held)
        assert apply(ns, spec(task("a"), task("b", "a")), **held) == ""
        assert "denied the request" in apply(ns, CYCLE, **held)
        assert apply(ns, CYCLE, "--dry-run=server", name="other") != ""
        assert apply(ns, spec(task("a")), "--dry-run=server", name="other") == ""
        assert not ns.exists("other")
    ns.kubectl("patch", "pproj", "p", "--type=merge", "-p", json.dumps({"spec": CYCLE}))
    with registered(**({} if conditions else {"matchConditions": []})):
        ns.delete()
        ns.kubectl("patch", "pproj", "p", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        ns.until(lambda: not ns.exists(), "it to be gone")


def test_a_project_is_stored_while_no_operator_answers(
    ns: Namespace, registered: Callable[..., contextlib.AbstractContextManager[None]], webhook: Operator
):
    with registered():
        webhook.process.stop()
        try:
            assert apply(ns, CYCLE) == ""
        finally:
            webhook.process.start()
    assert ns.wait(lambda p: condition(p, "Accepted"), "an answer")


def test_a_big_project_is_read_whole(ns: Namespace, registered: Callable[..., contextlib.AbstractContextManager[None]]):
    text = "x" * 10_000
    tasks = [task(f"t{i}", description=text) for i in range(BIG // len(text))]
    with registered():
        assert apply(ns, spec(*tasks)) == ""
        assert "denied the request" in apply(ns, spec(*tasks, task("last", "nobody")))


def test_a_renewed_certificate_is_taken_up(
    ns: Namespace, registered: Callable[..., contextlib.AbstractContextManager[None]], webhook: Operator
):
    with registered():
        pass
    pid = webhook.process.pid
    webhook.certify()
    with registered():  # the API server trusts the new one only
        assert webhook.process.pid == pid


def test_who_stands_by_is_ready_when_its_webhook_serves(
    cluster: ControlPlane, operator: OperatorProcess, tmp_path: Path
):
    late = Operator(cluster, tmp_path, "late")
    late.process.start(wait=False)
    try:
        said = "the admission webhook ended: FileNotFoundError"
        until(lambda: said in late.process.output(), "it to say so", seconds=SECONDS)
        assert late.process.probe("readyz") == 503
        assert late.process.probe("healthz") == 200
        late.certify()
        late.process.wait_ready()
    finally:
        late.process.stop()
