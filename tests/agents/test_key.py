"""The key of an agent stays in its environment: nothing that a run leaves, shows or passes on has it."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.binaries import find_or_build_wrapper
from tests.agents.conftest import Stage
from tests.local.runner import until

CANARY = "canary-of-the-provider"


def arguments() -> list[str]:
    """The arguments of all processes of the machine."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found.append((folder / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue  # it has ended
    return found


def files_with_key(*folders: Path) -> list[Path]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if CANARY.encode() in path.read_bytes()]


@pytest.fixture(autouse=True)
def cores() -> Iterator[None]:
    """The limit of core dumps is as high as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.parametrize("lands", [True, False])
def test_the_key_is_in_nothing_that_a_run_leaves_or_shows(
    stage: Stage, lands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
    hold, limit = stage.folder / "hold", stage.folder / "limit"
    do = f"until [ -e {hold} ]; do sleep 0.1; done; ulimit -c > {limit}; echo 1 > $PPROJ_TASK_ID.txt"
    stage.scene("a", do=do)
    stage.scene("b.1", "claude/unauthorized", do="echo half > b.txt", code=1)
    stage.scene("c", "claude/lie")
    run = stage.run({"tasks": [{"id": "a"}, {"id": "b"}, {"id": "c"}], "failurePolicy": "Continue"}, lands=lands)
    started = run.start()
    until((stage.scenes / "a.1.prompt").exists, what="the agent")
    seen = arguments()
    hold.touch()
    said = started.finish(1)
    assert CANARY in stage.seen("a.1", "env")  # it has it
    assert not [each for each in seen if CANARY in each]
    assert CANARY not in said
    assert files_with_key(run.state, run.home) == []
    objects = stage.checkout.git("cat-file", "--batch", "--batch-all-objects", "--buffer")
    assert CANARY not in objects
    assert limit.read_text().split() == ["0"]  # no core dump of it, or of us: each would have the environment


def test_the_wrapper_of_a_pod_leaves_no_core_dump(tmp_path: Path) -> None:
    command = [str(find_or_build_wrapper()), str(tmp_path), str(tmp_path), "/bin/sh", "-c", "ulimit -c"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.split() == ["0"]
