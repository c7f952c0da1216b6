"""``.pproj.yaml``: options of ``run``, ``plan`` and ``lint`` as a folder has them."""

import json
from pathlib import Path

import pytest

from parallelproject.cli.input.config_file import KEYS, ONCE, read_config
from parallelproject.cli.lazy import LazyGroup
from parallelproject.cli.output.failure import Failure
from tests.cli.conftest import Pproj
from tests.local.checkout import Checkout


@pytest.fixture
def backlog(tmp_path: Path) -> Path:
    """A task file in a folder two levels below the root of a repository."""
    checkout = Checkout(tmp_path)
    folder = checkout.path / "work" / "shop"
    folder.mkdir(parents=True)
    tasks = [{"id": 1, "title": "One"}, {"id": 2, "title": "Two"}]
    file = folder / "tasks.json"
    file.write_text(json.dumps({"tasks": tasks}))
    return file


def _write(folder: Path, text: str) -> Path:
    file = folder / ".pproj.yaml"
    file.write_text(text)
    return file


def test_run_takes_its_options_from_the_file_next_to_the_backlog_and_says_so(
    pproj: Pproj, backlog: Path, tmp_path: Path
):
    _write(backlog.parent, "command: 'touch $PPROJ_TASK_ID'\nrepo: ../..\nparallelism: 1\nname: demo\n")
    result = pproj("run", backlog)
    assert result.code == 0, result.err
    assert "using checkout/work/shop/.pproj.yaml: command, repo, parallelism, name" in result.err
    assert sorted(Checkout.tasks(_checkout(tmp_path))) == ["1", "2"]
    assert "(1/2)" in result.out
    assert pproj("get", "demo", "-o", "json").json["status"]["metrics"]["peakParallelism"] == 1
    assert ".pproj.yaml (commit" not in result.err, "it is no file that a task could miss"


def _checkout(folder: Path) -> Checkout:
    found = Checkout.__new__(Checkout)
    found.path = folder / "checkout"
    return found


def test_a_value_is_what_is_written(tmp_path: Path):
    text = "base: 1.10\nbranch: 010\ntag: 2026-01-02\ntimeout: 1:30\nauthor: 0x1F\nname: 1_0\nparallelism: 8\n"
    found = read_config(_write(tmp_path, text + "set: [a=1, 1.50]\npush: yes\n")).values
    assert found == {
        "base": "1.10", "branch": "010", "tag": "2026-01-02", "timeout": "1:30", "author": "0x1F", "name": "1_0",
        "parallelism": "8", "set": ["a=1", "1.50"], "push": True,
    }  # fmt: skip


def test_a_value_that_is_endless_by_its_aliases_is_refused_shortly(tmp_path: Path):
    lines = ["all: &a0 x", *(f"tag{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 7))]
    with pytest.raises(Failure) as refused:
        read_config(_write(tmp_path, "\n".join([*lines, "parallelism: *a6"])))
    assert "parallelism: a list is not a single value" in "".join(refused.value.lines)


def test_a_flag_on_the_command_line_wins(pproj: Pproj, backlog: Path, tmp_path: Path):
    _write(backlog.parent, "command: 'false'\nname: other\nkeep-going: true\n")
    result = pproj("run", backlog, "--command", "true", "--name", "mine", "--no-keep-going")
    assert result.code == 0
    assert (tmp_path / ".pproj/mine").is_dir()
    assert "using" not in result.err, "nothing of it was used"


def test_what_runs_a_task_on_the_command_line_wins_also_where_the_file_says_it_by_the_other_key(
    pproj: Pproj, backlog: Path
):
    _write(backlog.parent, "agent: claude\nname: other\n")
    result = pproj("run", backlog, "--command", "true", "--name", "mine")
    assert (result.code, "using" in result.err) == (0, False), result.err
    _write(backlog.parent, "command: 'true'\n")
    assert '"clod" is not an agent' in pproj("run", backlog, "--agent", "clod").err
    _write(backlog.parent, "agent: claude\ncommand: 'true'\n")
    assert "--agent and --command both say what runs a task" in pproj("run", backlog).err


def test_fields_that_are_set_add_to_those_of_the_file_and_go_last(pproj: Pproj, backlog: Path):
    _write(backlog.parent, "command: 'true'\nname: demo\nset: [spec.parallelism=2, spec.defaults.maxAttempts=7]\n")
    assert pproj("run", backlog, "--set", "spec.parallelism=3").code == 0
    spec = pproj("get", "demo", "-o", "json").json["spec"]
    assert (spec["parallelism"], spec["defaults"]["maxAttempts"]) == (3, 7)


def test_it_is_found_upwards_to_the_root_of_the_repository_and_no_further(pproj: Pproj, backlog: Path, tmp_path: Path):
    root = tmp_path / "checkout"
    outside = _write(tmp_path, "parallelism: 7\n")
    assert "parallelism" not in pproj("plan", backlog).err
    _write(root, "parallelism: 6\n")
    assert "using checkout/.pproj.yaml: parallelism" in pproj("plan", backlog).err
    _write(backlog.parent, "parallelism: 5\n")
    result = pproj("plan", backlog, "-o", "json")
    assert result.json["parallelism"] == 5
    assert "using checkout/work/shop/.pproj.yaml: parallelism" in result.err
    outside.unlink()


def test_outside_of_a_repository_only_the_folder_itself_is_looked_at(pproj: Pproj, tmp_path: Path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "tasks.json").write_text(json.dumps({"tasks": [{"id": 1, "title": "One"}]}))
    _write(folder.parent, "parallelism: 7\n")
    assert pproj("plan", folder, "-o", "json").json["parallelism"] == 4
    _write(folder, "parallelism: 6\n")
    assert pproj("plan", folder, "-o", "json").json["parallelism"] == 6


def test_it_may_name_the_task_file_relative_to_its_own_folder(
    pproj: Pproj, backlog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _write(tmp_path / "checkout", "file: work/shop/tasks.json\ncommand: 'true'\n")
    monkeypatch.chdir(backlog.parent)
    assert pproj("plan", "-o", "json").json["tasks"] == 2
    assert pproj("lint").out == "tasks.json: ok, 2 tasks\n"
    assert pproj("run").code == 0
    other = tmp_path / "checkout" / "other.json"
    other.write_text(json.dumps({"tasks": [{"id": 1, "title": "One"}]}))
    assert pproj("plan", other, "-o", "json").json["tasks"] == 1


@pytest.mark.parametrize("command", ["run", "plan", "lint"])
def test_what_is_wrong_in_it_is_named_with_the_hint_all_at_once(pproj: Pproj, backlog: Path, command: str):
    _write(backlog.parent, "paralelism: 4\nfresh: true\nkeep-going: 1\nrepo: [a]\nset: {a: 1}\nxyzzy: 1\n")
    result = pproj(command, backlog)
    assert result.code == 1
    where = "error: checkout/work/shop/.pproj.yaml: "
    assert result.err.splitlines() == [
        f'{where}paralelism: is not a key (did you mean "parallelism"?)',
        f"{where}fresh: is only for the command line (give --fresh on the command line)",
        f'{where}keep-going: "1" is not true or false',
        f"{where}repo: a list is not a single value",
        f"{where}set: a mapping is not a list of single values",
        f"{where}xyzzy: is not a key (one of: {', '.join(KEYS)})",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("parallelism: many\n", ".pproj.yaml: Invalid value for '--parallelism': Input should be a valid integer"),
        ("parallelism: 4\n  a: b: c\n", ".pproj.yaml:2: is no YAML: "),
        ("- parallelism\n", ".pproj.yaml: has no keys"),
    ],
)
def test_a_value_or_a_text_that_cannot_be_is_reported_with_the_file(pproj: Pproj, backlog: Path, text: str, found: str):
    _write(backlog.parent, text)
    result = pproj("plan", backlog)
    assert result.code in (1, 2)
    assert found in result.err


def test_a_file_is_read_up_to_a_mebibyte(pproj: Pproj, backlog: Path):
    text = "parallelism: 3\n#"
    _write(backlog.parent, text.ljust(1024 * 1024, "x"))
    assert pproj("plan", backlog, "-o", "json").json["parallelism"] == 3
    _write(backlog.parent, text.ljust(1024 * 1024 + 1, "x"))
    result = pproj("plan", backlog)
    assert result.code == 1
    assert "error: checkout/work/shop/.pproj.yaml: is larger than 1024 KiB" in result.err


@pytest.mark.parametrize("text", ["", "# nothing\n", "parallelism:\n"])
def test_a_file_that_says_nothing_changes_nothing(pproj: Pproj, backlog: Path, text: str):
    _write(backlog.parent, text)
    result = pproj("plan", backlog)
    assert (result.code, "using" in result.err) == (0, False)


def test_help_needs_no_file_that_is_right(pproj: Pproj, backlog: Path, monkeypatch: pytest.MonkeyPatch):
    _write(backlog.parent, "foo: 1\n")
    monkeypatch.chdir(backlog.parent)
    assert pproj("run", "--help").code == 0
    assert pproj("version").code == 0


def test_every_option_of_the_three_commands_is_a_key_or_about_one_call():
    commands = [LazyGroup.load(name) for name in ("run", "plan", "lint")]
    options = {
        option[2:]: parameter
        for command in commands
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert set(KEYS) - {"file"} == set(options) - ONCE
    assert {key for key, kind in KEYS.items() if kind is bool} == {
        key for key, parameter in options.items() if key in KEYS and parameter.is_flag
    }
    assert {key for key, kind in KEYS.items() if kind is list} == {
        key for key, parameter in options.items() if key in KEYS and parameter.multiple
    }
