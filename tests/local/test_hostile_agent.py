"""A hostile afternoon: every bad thing that people report of coding agents, in one run. Nothing is lost, nothing leaks,
the user's checkout is byte for byte as it was, and nothing is left running."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallelproject.local.supervisor import process_tree
from tests.local.checkout import BRANCH, Checkout
from tests.local.hostile_agent import DEEDS, SECRET, TOKEN, Where
from tests.local.runner import Runner

Make = Callable[..., Runner]
MARK = f"hostile-afternoon-{uuid.uuid4()}"
"""Not that of the same test in another run on this machine."""


class Afternoon:
    """One run of them all, and what was there before."""

    def __init__(self, make: Make, folder: Path) -> None:
        self.folder = folder
        self.checkout = Checkout(folder)
        self.ran = folder / "ran"
        self._settle()
        scripts = folder / "scripts"
        scripts.mkdir()
        for name, deed in DEEDS.items():
            (scripts / name).write_text(deed.script)
        tasks = [
            {"id": name, "maxAttempts": 2 if name.startswith("kills") else 1}
            | ({"activeDeadlineSeconds": deed.deadline} if deed.deadline else {})
            for name, deed in DEEDS.items()
        ]
        spec = {"tasks": tasks, "failurePolicy": "Continue", "parallelism": 6}
        source = self.checkout.path / "tasks.md"
        options = {"repository": self.checkout.path, "source": source, "grace_seconds": 0.5}
        self.run = make(spec, f'. {scripts}/"$PPROJ_TASK_ID"', options=options)
        self.run.home, self.run.folder = folder / "home", self.checkout.path
        self.before = self._fingerprint()
        self.output = self.run.run(1)

    def _settle(self) -> None:
        """A repository in the middle of somebody's work."""
        at = self.checkout
        at.git("config", "user.name", "owner")
        at.git("config", "user.email", "owner@example.com")
        (at.path / "tasks.md").write_text("".join(f"- [ ] {name}\n" for name in DEEDS))
        at.git("add", ".")
        at.git("commit", "--quiet", "-m", "tasks")
        at.git("branch", "feature")
        at.git("tag", "v1")
        (at.path / "README").write_text("stashed\n")
        at.git("stash")
        (at.path / "README").write_text("staged\n")
        at.git("add", "README")
        (at.path / "shared.txt").write_text("changed\n")
        (at.path / "untracked").write_text("new\n")
        (at.path / ".git/info/exclude").write_text("*.private\nnode_modules/\n")
        (at.path / "mine.private").write_text("private\n")
        at.git("init", "--quiet", "--bare", str(self.folder / "remote.git"))
        at.git("remote", "add", "origin", str(self.folder / "remote.git"))

    def _fingerprint(self) -> dict[str, str]:
        ours = (".pproj/", "journal")
        return {name: value for name, value in self.checkout.fingerprint().items() if not name.startswith(ours)}

    @property
    def after(self) -> dict[str, str]:
        return self._fingerprint()

    def line(self, task: str) -> str:
        """What is said of the task's end."""
        said = [line for line in self.output.splitlines() if line[2:3] == ":" and f" {task} " in line]
        return next(line for line in reversed(said) if " started" not in line)

    def refs(self) -> list[str]:
        return self.checkout.git("for-each-ref", "--format=%(refname)", "refs/").splitlines()

    def refs_with(self, text: str) -> set[str]:
        """The refs in whose files a text stands."""
        found = self.checkout.git("grep", "-l", "--fixed-strings", text, *self.refs(), check=False)
        return {line.partition(":")[0] for line in found.splitlines()}


@pytest.fixture(scope="module")
def afternoon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afternoon]:
    folder = tmp_path_factory.mktemp("afternoon")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
            patch.setenv(name, "agent")
        for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
            patch.setenv(name, "agent@example.com")
        patch.setenv("REPOSITORY", str(folder / "checkout"))
        patch.setenv("RAN", str(folder / "ran"))
        patch.setenv("MARK", MARK)

        def make(spec: dict[str, object], command: str, **more: object) -> Runner:
            return Runner(folder, {"defaults": {"backoffSeconds": 0}} | spec, command, **more)

        yield Afternoon(make, folder)


def test_the_checkout_is_byte_for_byte_as_it_was(afternoon: Afternoon) -> None:
    assert afternoon.after == afternoon.before
    assert afternoon.checkout.git("stash", "list").count("\n") == 0
    assert (afternoon.checkout.path / "README").read_text() == "staged\n"
    theirs = [ref for ref in afternoon.refs() if not ref.startswith(("refs/parallelproject/", f"refs/heads/{BRANCH}"))]
    assert theirs == ["refs/heads/feature", "refs/heads/main", "refs/stash", "refs/tags/v1"]
    assert afternoon.checkout.git("ls-remote", "origin") == ""


@pytest.mark.parametrize("name", DEEDS)
def test_the_work_is_where_it_belongs(afternoon: Afternoon, name: str) -> None:
    deed = DEEDS[name]
    last = [row for row in afternoon.run.attempts() if row.key.task == name][-1]
    line = afternoon.line(name)
    assert (" succeeded in " in line) == deed.succeeds, afternoon.output
    refs = afternoon.refs_with(f"work of {name}")
    mine = {ref for ref in refs if f"/{name}/" in ref}
    if deed.where is Where.LANDED:
        assert f"refs/heads/{BRANCH}" in refs, (line, refs)
        assert ", landed as " in line
    elif deed.where is Where.KEPT:
        assert mine, (line, (afternoon.run.state / f"logs/{name}.{last.key.attempt}.log").read_text(errors="replace"))
        assert any(ref in afternoon.output for ref in mine)


def test_nothing_that_is_nobodys_business_is_in_any_ref(afternoon: Afternoon) -> None:
    for text in (SECRET, TOKEN, "mine.private", "private\n"):
        assert afternoon.refs_with(text.strip()) <= ({f"refs/heads/{BRANCH}"} if text == "private\n" else set())
    names = {
        line.rpartition("\t")[2]
        for ref in afternoon.refs()
        for line in afternoon.checkout.git("ls-tree", "-r", ref, check=False).splitlines()
    }
    assert not [name for name in names if name.endswith((".env", ".private")) or "node_modules" in name]
    # Nor among what cannot be reached by a ref: a push sends only what can be, but a backup takes all.
    for kind, text in (("blob", SECRET), ("blob", TOKEN)):
        objects = afternoon.checkout.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
        for entry in objects.splitlines():
            blob, _, found = entry.partition(" ")
            if found == kind:
                assert text not in afternoon.checkout.git("cat-file", "blob", blob)


def test_nothing_of_a_task_was_run_by_us(afternoon: Afternoon) -> None:
    assert not afternoon.ran.exists()


def test_what_was_done_elsewhere_or_not_at_all_is_said(afternoon: Afternoon) -> None:
    output = afternoon.output
    summary = output[output.index("Landed: ") :]
    changed_nothing = next(line for line in summary.splitlines() if line.startswith("Changed nothing: "))
    assert "does-nothing" in changed_nothing
    assert "tasks.md" in next(line for line in summary.splitlines() if line.startswith("Left as it is"))
    hidden = [line for line in output.splitlines() if "rules that the task has added ignore" in line]
    assert any("hides.txt" in line for line in hidden)
    assert output.count("removed or replaced its workspace") == 2 * len(("removes-all", "moves-away", "replaces"))


def test_each_task_is_one_commit_and_takes_nothing_from_the_others(afternoon: Afternoon) -> None:
    landed = afternoon.checkout.tasks()
    assert sorted(landed) == sorted(set(landed))
    assert set(landed) >= {name for name, deed in DEEDS.items() if deed.where is Where.LANDED}
    assert afternoon.checkout.git("rev-list", "--min-parents=2", BRANCH) == ""
    afternoon.checkout.git("fsck", "--full", "--strict")
    for name in ("README", "shared.txt", "tasks.md"):
        assert afternoon.checkout.git("ls-tree", BRANCH, name), f"{name} is gone"
    deleted = afternoon.checkout.git("log", "--diff-filter=D", "--name-only", "--format=", f"main..{BRANCH}")
    assert deleted == ""


def test_nothing_is_left_running_or_lying_around(afternoon: Afternoon) -> None:
    assert afternoon.run.processes() == []
    assert [p for p in process_tree.marked("MARK", MARK) if p.state not in "ZX" and p.pid != os.getpid()] == []
    workspaces = afternoon.run.state / "workspaces"
    left = {entry.name.rpartition(".")[0] for entry in workspaces.iterdir() if not entry.name.startswith(".")}
    assert left <= {name for name, deed in DEEDS.items() if not deed.succeeds}
    afternoon.run.options = {"fresh": True, "repository": afternoon.checkout.path}
    afternoon.run.spec = {"tasks": [{"id": "last"}]}
    afternoon.run.command = "true"
    afternoon.run.run()
    assert not workspaces.is_symlink()
    assert list((afternoon.run.home / "parallelproject").iterdir()) == []
    assert afternoon.after == afternoon.before
