"""A project that cannot run, where the chart has installed the webhook: it is refused when it is applied."""

import json
from collections.abc import Iterator

import pytest

from e2e.install import Installed
from e2e.room import Room, task

DENIED = 'Error from server: admission webhook "projects.parallelproject.io" denied the request: '


@pytest.fixture
def guarded(installed: Installed) -> Iterator[None]:
    """The release with the webhook; ``Fail``, so that no project is stored only because the webhook did not answer."""
    try:
        installed.upgrade(**{"admission.enabled": "true", "admission.failurePolicy": "Fail"})
        yield
    finally:
        installed.upgrade()


def test_a_cycle_is_refused_at_apply_with_the_text_of_lint_and_a_sound_project_runs(room: Room, guarded: None) -> None:
    name = room.project("sound", [task("a"), task("b", "a")])
    manifest = room.get(f"pproj {name}")
    manifest["metadata"] = {"name": "ring"}
    manifest["spec"]["tasks"] = [task("a", "b"), task("b", "a")]
    manifest.pop("status", None)
    file = room.kubeconfig.with_name("ring.json")
    file.write_text(json.dumps(manifest))
    start = f"error: {file}: "
    said = room.sh(f"pproj lint --cluster {file} 2>&1", check=False).splitlines()
    (problem,) = [line.removeprefix(start) for line in said if line.startswith(start)]
    assert "a → b → a" in problem

    applied = room.sh(f"kubectl apply --server-side -f {file} 2>&1", check=False)
    assert applied.strip() == DENIED + problem
    assert [found["metadata"]["name"] for found in room.items("pproj")] == [name]
    room.wait(name)
