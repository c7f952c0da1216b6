"""Uncommitted files of the user's checkout in workspaces: which ones, where they go, and that they never land."""

from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.model.problem import ProblemsError
from tests.local.checkout import BRANCH, Checkout
from tests.local.runner import Runner, tasks, until

Make = Callable[..., Runner]
SECRET = "canary-8d1c7f20"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """With ignored and untracked files next to tracked ones."""
    made = Checkout(tmp_path)
    (made.path / ".gitignore").write_text(".env\nnode_modules/\n*.local\n!keep.local\n")
    (made.path / "app").mkdir()
    (made.path / "app/settings.local").write_text("x")
    (made.path / "app/code").write_text("code\n")
    made.git("add", ".gitignore", "app/code")
    made.git("commit", "--quiet", "-m", "more")
    (made.path / ".env").write_text(f"TOKEN={SECRET}\n")
    (made.path / ".env").chmod(0o600)
    (made.path / "keep.local").write_text("kept\n")
    (made.path / "untracked").write_text("untracked\n")
    for name in ("node_modules/a/index.js", "app/node_modules/b/index.js"):
        (made.path / name).parent.mkdir(parents=True)
        (made.path / name).write_text("module\n")
    return made


def spec(*ids: str, **workspace: object) -> dict[str, object]:
    return {"tasks": tasks(*ids), "workspace": workspace}


def listing(run: Runner) -> list[str]:
    """What the task has found: by path, whether it is a link, its rights and its content."""
    return sorted(run.journal())


LIST = (
    "for f in $(find . -name .git -prune -o \\( -type f -o -type l \\) -print); do "
    'if [ -L $f ]; then echo "$f link"; else echo "$f $(stat -c %a $f)"; fi; done >> $JOURNAL; echo x > work'
)
TRACKED = ["./.gitignore 644", "./README 644", "./app/code 644", "./shared.txt 644"]


def test_copies_have_the_rights_and_the_content_of_the_files_and_links_lead_to_them(
    runner: Make, checkout: Checkout
) -> None:
    command = f"{LIST}; cat .env node_modules/a/index.js >> $JOURNAL"
    wanted = spec("a", copy=[".env", "*.local"], link=["node_modules"])
    run = runner(wanted, command, options={"repository": checkout.path})
    run.run()
    assert listing(run) == sorted(
        [*TRACKED, "./.env 600", "./keep.local 644", "./app/settings.local 644", "./node_modules link",
         "./app/node_modules link", f"TOKEN={SECRET}", "module"]
    )  # fmt: skip
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == ["work"]


def test_what_was_copied_or_linked_never_lands_even_where_git_does_not_ignore_it(
    runner: Make, checkout: Checkout
) -> None:
    command = (
        "git status --porcelain >> $JOURNAL; echo mine >> untracked; echo '!.env' >> .gitignore; "
        "echo '!node_modules' >> .gitignore; rm node_modules; mkdir node_modules; echo x > node_modules/y; "
        "git add -f .env untracked; git commit -q -m all; git switch -q -c other; git commit -q --allow-empty -m b; "
        "git switch -q -; echo x > work"
    )
    wanted = spec("a", copy=["/untracked", ".env", "keep.local"], link=["/node_modules"])
    run = runner(wanted, command, options={"repository": checkout.path})
    run.run()
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == [".gitignore", "work"]
    assert run.journal() == ["?? keep.local"], "the task's git shows only what a rule of the branch asks for"
    assert not [ref for ref in checkout.state() if "landed" not in ref]
    for ref in checkout.git("for-each-ref", "--format=%(refname)").split():
        assert SECRET not in checkout.git("log", "-p", ref)
    assert (checkout.path / "node_modules/a/index.js").exists(), "the linked folder was not followed"


def test_a_failed_attempt_keeps_nothing_of_them(runner: Make, checkout: Checkout) -> None:
    wanted = spec("a", copy=["untracked", ".env"]) | {"defaults": {"maxAttempts": 1}}
    run = runner(wanted, "echo more >> untracked; echo x > work; exit 1", options={"repository": checkout.path})
    run.run(1)
    ref = checkout.ref("a/salvage/1")
    assert checkout.git("diff", "--name-only", "main", ref).split() == ["work"]
    kept = [path for path in run.state.rglob("*") if path.is_file() and "workspaces" not in path.parts]
    assert kept
    assert not [path for path in kept if SECRET in path.read_text(errors="replace")]


def test_an_attempt_that_was_cut_off_keeps_nothing_of_them_whatever_the_next_session_copies(
    runner: Make, checkout: Checkout
) -> None:
    run = runner(spec("a", copy=["untracked"]), "echo y > work; echo x >> $JOURNAL; exec sleep 600")
    run.options = {"repository": checkout.path}
    process = run.start()
    until(run.journal, what="the command")
    run.kill_all(process)
    run.spec, run.command = {"tasks": tasks("a")}, "echo z > work"
    run.run()
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == ["work"]
    assert checkout.git("diff", "--name-only", "main", checkout.ref("a/salvage/1")).split() == ["work"]


def test_files_of_the_branch_are_not_overwritten_and_nothing_is_written_through_its_links(
    runner: Make, checkout: Checkout, tmp_path: Path
) -> None:
    checkout.git("switch", "--quiet", "-c", "mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (checkout.path / "conf").symlink_to(outside)
    (checkout.path / "untracked").write_text("tracked on the other branch\n")
    checkout.git("add", "conf", "untracked")
    checkout.git("commit", "--quiet", "-m", "links")
    checkout.git("switch", "--quiet", "main")
    (checkout.path / "untracked").write_text("of the user\n")
    (checkout.path / "conf").mkdir()
    (checkout.path / "conf/x.local").write_text("local\n")
    run = runner(spec("a", copy=["untracked", "*.local"]), "cat untracked > work")
    run.spec["git"] = {"url": str(checkout.path), "baseRef": "mine"}
    run.run()
    assert checkout.show("work") == "tracked on the other branch"
    assert list(outside.iterdir()) == []
    log = (run.state / "logs/a.1.log").read_text()
    for path in ("untracked", "conf/x.local"):
        assert f"pproj: {path} is not copied: the branch has a file of this name, or no folder above it" in log


def test_a_link_in_the_checkout_is_not_followed_and_a_pattern_cannot_leave_it(
    runner: Make, checkout: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (checkout.path / "link.local").symlink_to(tmp_path / "secret")
    (checkout.path / "folder.local").symlink_to(tmp_path)
    run = runner(spec("a", copy=["link.local", "/folder.local/secret"], link=["folder.local"]), LIST)
    run.options = {"repository": checkout.path}
    run.run()
    assert listing(run) == TRACKED
    assert "link.local is not copied: it is a symbolic link in the checkout" in (run.state / "logs/a.1.log").read_text()
    run = runner(spec("a", link=["x/../../secret"]), LIST, options={"repository": checkout.path})
    with pytest.raises(ProblemsError) as error:
        run.run()
    assert '"x/../../secret" leaves the checkout' in str(error.value)


def test_a_link_may_be_in_a_folder_that_is_copied(runner: Make, checkout: Checkout) -> None:
    for name in ("data/small/x", "data/big/x", "data/small/big"):
        (checkout.path / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.path / name).write_text("x\n")
    command = f"{LIST}; echo new > data/new; [ -f data/big/x ] && echo y >> data/small/x"
    run = runner(spec("a", copy=["data/"], link=["data/big/"]), command, options={"repository": checkout.path})
    run.run()
    data = [line for line in listing(run) if "data" in line]
    assert data == ["./data/big link", "./data/small/big 644", "./data/small/x 644"]
    assert checkout.git("diff", "--name-only", "main", BRANCH).split() == ["work"], "nothing of a copied folder"
    assert (checkout.path / "data/small/x").read_text() == "x\n"


def test_worktreeinclude_names_only_ignored_files(runner: Make, checkout: Checkout) -> None:
    text = "# comment\n.env\nuntracked\nkeep.local\nshared.txt\napp/*\n!app/settings.local\n"
    (checkout.path / ".worktreeinclude").write_text(text)
    (checkout.path / "app/other.local").write_text("x")
    run = runner(spec("a"), LIST, options={"repository": checkout.path})
    run.run()
    assert listing(run) == sorted([*TRACKED, "./.env 600", "./app/node_modules/b/index.js 644",
                                   "./app/other.local 644"])  # fmt: skip


def test_the_state_of_runs_and_nested_repositories_are_not_part_of_the_checkout(
    runner: Make, checkout: Checkout
) -> None:
    (checkout.path / "nested").mkdir()
    checkout.git("init", "--quiet", "nested")
    (checkout.path / "nested/.env").write_text("x")
    (checkout.path / ".pproj/other").mkdir(parents=True)
    (checkout.path / ".pproj/other/.env").write_text("x")
    run = runner(spec("a", copy=["*", "!README"]), f"rm work; {LIST}", options={"repository": checkout.path})
    run.folder = checkout.path
    run.run()
    found = [line for line in listing(run) if "nested" in line or ".pproj" in line]
    assert found == []
    assert "./untracked 644" in listing(run)


@pytest.mark.parametrize("field", ["copy", "link", "setup"])
def test_without_a_repository_they_are_refused(runner: Make, field: str) -> None:
    with pytest.raises(ProblemsError) as error:
        runner(spec("a", **{field: ["x"]}), "true").run()
    assert f"spec.workspace.{field}: needs a repository (give --repo DIR, or remove it)" in str(error.value)


def test_work_that_has_a_secret_of_a_copied_file_does_not_land(runner: Make, checkout: Checkout) -> None:
    text = f"export API_TOKEN='{SECRET}'\nDEBUG=verbose-logging\nKEY=changeme-please\nPASSWORD=short\n"
    (checkout.path / ".env").write_text(text)
    other = "canary-of-folder-0815"
    (checkout.path / "conf/deep").mkdir(parents=True)
    (checkout.path / "conf/deep/db.yaml").write_text(f"db:\n  password: '{other}'\n")
    harmless = "echo verbose-logging changeme-please short > work"
    command = (
        f". ./.env; {harmless}; case $PPROJ_TASK_ID in a) echo $API_TOKEN > config.py;; c) cp -r conf my-conf;; esac"
    )
    wanted = spec("a", "b", "c", copy=[".env", "conf"]) | {"failurePolicy": "Continue"}
    run = runner(wanted, command, options={"repository": checkout.path})
    said = run.run(1)
    assert checkout.tasks() == ["b"]
    assert '"config.py" has what looks like a credential' in (run.state / "logs/a.1.log").read_text()
    assert '"my-conf/deep/db.yaml" has what looks like a credential' in (run.state / "logs/c.1.log").read_text()
    assert SECRET not in said
    assert other not in said
    for task in ("a", "c"):
        assert checkout.git("diff", "--name-only", "main", checkout.ref(f"{task}/salvage/1")).split() == ["work"]
