"""The law of ``pproj lint``: what it says is ok is what ``run`` accepts; with ``--cluster``, what ``import`` does."""

import json
import random
from pathlib import Path

import pytest

from .conftest import MANIFEST, Pproj

HIDDEN = """\
apiVersion: parallelproject.io/v1alpha1
kind: ParallelProject
metadata: {name: hidden}
spec:
  paralelism: 3
  tasks:
  - {id: a, dependencies: [b]}
  - {id: b, dependencies: [a]}
  - {id: a}
  - {id: c, dependencies: [nope]}
"""
TASKS = json.dumps({"tasks": [{"id": n, "title": "t", "dependencies": [n - 1] if n > 1 else []} for n in range(1, 5)]})
ISSUES = "".join(json.dumps({"id": f"z{n}", "title": "t"}) + "\n" for n in range(3))
CHANGES = [
    ("parallelism: 3", "paralelism: 3"),
    ("parallelism: 3", "parallelism: 0"),
    ("[schema]", "[shema]"),
    ("[schema]", "[backend]"),
    ("id: frontend", "id: schema"),
    ("id: frontend", "id: front/end"),
    ("command: [sh", "comand: [sh"),
    ("  roles:", "  git: {url: /srv/shop.git}\n  roles:"),
    ("  roles:", "  git: {url: 'ftp://x'}\n  roles:"),
    ("  roles:", "  git: {url: /srv/shop.git, branch: 'a..b'}\n  roles:"),
    ("  roles:", "  executor: Workflow\n  roles:"),
    ("  roles:", "  parallelism: 4\n  roles:"),
    ("name: checkout", f"name: {'x' * 64}"),
    ("name: checkout", "name: Check!"),
    ("estimateSeconds: 60}", "files: [/etc/passwd]}"),
    ("estimateSeconds: 60}", "role: nobody}"),
    ("kind: ParallelProject", "kind: ParallelProjekt"),
    ("spec:", "sepc:"),
    ("", ""),
]


def variants(text: str, count: int) -> list[str]:
    chance = random.Random(len(text))
    made = []
    for _ in range(count):
        changed = text
        for before, after in chance.sample(CHANGES, chance.choice([1, 2, 3])):
            changed = changed.replace(before, after, 1)
        made.append(changed)
    return made


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_error_of_every_kind_is_told_at_once(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "hidden.yaml"
    file.write_text(HIDDEN)
    result = pproj("lint", file, "--cluster")
    assert result.code == 1
    for line in (
        f'{file}:5: spec.paralelism: is not a field (did you mean "parallelism"?)',
        f'{file}:9: spec.tasks[2].id: "a" is already the id of spec.tasks[0]',
        f'{file}:10: spec.tasks[3].dependencies[0]: "nope" is not a task',
        f"{file}:7: spec.tasks[0].dependencies: cycle of 2: a → b → a",
        f"{file}:4: spec.roles: is empty",
    ):
        assert line in result.err
    assert result.err.endswith("5 errors, 0 warnings\n")
    assert "4 errors" in pproj("lint", file).err


def test_what_is_wrong_with_one_field_is_not_told_again_of_the_rest(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "p.yaml"
    file.write_text(MANIFEST.replace("id: schema,", "id: sche/ma,").replace("[schema]", "[sche/ma]"))
    errors = [line for line in pproj("lint", file, "--cluster").err.splitlines() if line.startswith("error")]
    assert len(errors) == 3
    assert not any("is not a task" in line or "refused" in line for line in errors)


def test_several_files_are_each_told_and_one_with_errors_is_enough(pproj: Pproj, tmp_path: Path, manifest: Path):
    bad, tasks = tmp_path / "bad.yaml", tmp_path / "tasks.json"
    bad.write_text(HIDDEN)
    tasks.write_text(TASKS)
    result = pproj("lint", manifest, bad, tasks, tmp_path / "none")
    assert result.code == 1
    assert result.out == f"{manifest}: ok, 3 tasks\n{tasks}: ok, 4 tasks\n"
    assert f"{bad}: 4 errors, 0 warnings" in result.err
    assert "none: cannot be read" in result.err
    listed = pproj("lint", manifest, bad, "-o", "json")
    assert [one["ok"] for one in listed.json] == [True, False]
    assert pproj("lint", manifest, tasks).code == 0


@pytest.mark.parametrize("change", ["roles", "command", "git"])
def test_what_only_a_cluster_needs_is_asked_for_with_cluster_alone(pproj: Pproj, manifest: Path, change: str):
    text = MANIFEST
    if change == "roles":
        text = text[: text.index("  roles:")] + text[text.index("  tasks:") :]
    elif change == "command":
        text = text.replace(', command: [sh, -c, "echo $PPROJ_TASK_ID"]', "")
    else:
        text = text.replace("spec:\n", "spec:\n  git: {url: /srv/shop.git}\n", 1)
    manifest.write_text(text)
    assert pproj("lint", manifest).code == 0
    assert pproj("lint", manifest, "--cluster").code == 1


@pytest.mark.parametrize("number", range(25))
def test_lint_says_ok_of_exactly_what_run_and_import_accept(pproj: Pproj, tmp_path: Path, number: int):
    """Nothing is run: the state cannot be made where it should be, which is found after all that lint looks at."""
    file = tmp_path / "p.yaml"
    file.write_text(variants(MANIFEST, 25)[number])
    (tmp_path / "state").write_text("a file, where a folder should be")
    (tmp_path / "repo").mkdir()
    told = pproj("run", file, "--command", "true", "--state-dir", tmp_path / "state")
    refused = "cannot write" not in told.err
    lint = pproj("lint", file)
    if "spec.git" in lint.err:  # found by run only once the state is open
        assert lint.code == 1
    else:
        assert (lint.code == 1) == refused, (lint.err, told.err)
    imported = pproj("import", file)
    assert pproj("lint", file, "--cluster").code == imported.code, imported.err


@pytest.mark.parametrize(
    "text", [TASKS, TASKS.replace("[1]", "[9]"), TASKS.replace("[]", "[4]"), ISSUES, "{", "- [ ] a\n"]
)
def test_the_law_holds_for_task_files_too(pproj: Pproj, tmp_path: Path, text: str):
    file = tmp_path / "x"
    file.write_text(text)
    assert pproj("lint", file).code == pproj("run", file, "--command", "true").code
    assert pproj("lint", file, "--cluster").code == pproj("import", file).code
