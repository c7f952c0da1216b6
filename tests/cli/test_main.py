"""The command line as a whole: how it starts, how it ends, what it says when it is used wrongly."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parallelproject.cli.commands import plan, version
from parallelproject.cli.lazy import LazyGroup
from parallelproject.cli.main import COMMANDS

from .conftest import Pproj

BIN = Path(sys.executable).parent


def run(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "pproj"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, **more)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command_and_loads_no_client(pproj: Pproj, arguments: list[str]):
    result = pproj(*arguments)
    assert result.code == 0
    assert all(f"  {name} " in result.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_starts_with_its_summary(pproj: Pproj, name: str):
    result = pproj(name, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: pproj {name} ")
    assert (LazyGroup.load(name).help or "").splitlines()[0] == COMMANDS[name].summary


def loaded(*arguments: str) -> set[str]:
    """The modules that a command has loaded by its end."""
    code = "import sys; from parallelproject.cli.main import call; call(sys.argv[1:]); "
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_a_plan_loads_neither_a_client_library_nor_kopf_nor_rich(manifest: Path):
    assert loaded("plan", str(manifest)).isdisjoint({"kopf", "kubernetes", "aiohttp", "asyncio", "rich", "sqlite3"})


def test_help_loads_hardly_anything():
    assert loaded("--help").isdisjoint({"kopf", "kubernetes", "aiohttp", "asyncio", "rich", "networkx", "yaml"})
    assert loaded("list", "--help").isdisjoint({"kopf", "kubernetes", "aiohttp"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lst"], "Did you mean 'list'?"),
        (["get", "a", "b", "c"], "Got unexpected extra argument"),
        (["plan", "x", "--frmat", "y"], "--frmat"),
        (["plan", "x", "--parallelism", "0"], "--parallelism"),
        (["plan", "x", "-o", "xml"], "xml"),
        (["why"], "NAME"),
    ],
)
def test_a_wrong_command_line_is_told_in_a_line_and_ends_with_2(pproj: Pproj, arguments: list[str], told: str):
    result = pproj(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert told in result.err
    assert "--help" in result.err


def test_kubectl_pproj_is_the_same_command_under_its_own_name(pproj: Pproj):
    assert pproj("plan", "-h", program="kubectl pproj").out.startswith("Usage: kubectl pproj plan ")
    done = subprocess.run([BIN / "kubectl-pproj", "lst"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "kubectl pproj --help" in done.stderr


def test_an_error_of_our_own_is_a_line_too(pproj: Pproj, manifest: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plan, "outline", lambda *_: 1 / 0)
    result = pproj("plan", manifest)
    assert result.code == 1
    assert "bug" in result.err
    assert "PPROJ_DEBUG=1" in result.err
    monkeypatch.setenv("PPROJ_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        pproj("plan", manifest)


def test_ctrl_c_ends_with_130(pproj: Pproj, manifest: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "outline", interrupted)
    assert pproj("plan", manifest).code == 130


def test_an_error_is_wrapped_between_words_on_a_terminal_and_whole_in_a_pipe(tmp_path: Path):
    command = [str(BIN / "pproj"), "plan", str(tmp_path / "none.json")]
    environment = {**os.environ, "COLUMNS": "40"}
    screen, terminal = os.openpty()
    subprocess.run(command, env=environment, stderr=terminal, timeout=180, check=False)
    os.close(terminal)
    shown = re.sub(r"\x1b\[[\d;]*m", "", os.read(screen, 4096).decode()).replace("\r", "")
    os.close(screen)
    whole = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False).stderr
    assert len(whole.splitlines()) == 1
    assert len(shown.splitlines()) > 1
    assert " ".join(shown.split()) == " ".join(whole.split())
    assert all(len(line) <= 40 or len(line.split()) == 1 for line in shown.splitlines())


def test_an_output_that_is_full_is_said_and_is_no_bug(tasks_json: Path):
    for arguments in (["plan", tasks_json], ["--help"]):
        with Path("/dev/full").open("w") as full:
            command = [str(BIN / "pproj"), *map(str, arguments)]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=180, check=False)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1:] == ["error: the output cannot be written: No space left on device"]
        assert "bug" not in done.stderr
    with Path("/dev/full").open("w") as full:
        command = [str(BIN / "pproj"), "import", str(tasks_json)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, timeout=180, check=False)
    assert done.stdout.startswith("apiVersion: "), "what it notes on stderr is not its result"


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path):
    file = tmp_path / "tasks.json"
    tasks = ",".join(f'{{"id": {i}, "title": "{"x" * 400}"}}' for i in range(1, 2000))
    file.write_text(f'{{"tasks": [{tasks}]}}')
    command = f"{BIN}/pproj import {file} 2>{tmp_path}/err | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "apiVersion: parallelproject.io/v1alpha1\n"
    errors = (tmp_path / "err").read_text()
    assert "rror" not in errors
    assert "Exception" not in errors


def test_version_is_that_of_the_package(pproj: Pproj, monkeypatch: pytest.MonkeyPatch):
    answer = pproj("version", "-o", "json").json
    assert answer == {"version": "0.1.0", "apiVersion": "parallelproject.io/v1alpha1"}
    assert pproj("version").out == f"pproj {answer['version']} (parallelproject.io/v1alpha1)\n"

    def missing(_: str) -> str:
        raise version.PackageNotFoundError

    monkeypatch.setattr(version, "version", missing)
    assert pproj("version").out.startswith("pproj unknown")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_shell_completes_commands_and_values():
    def completed(line: str) -> set[str]:
        env = os.environ | {"_PPROJ_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        return set(run(env=env).stdout.split())

    assert completed("pproj su") == {"submit", "suspend"}
    assert completed("pproj plan x --scheduling ") == {"Levels", "Graph"}


def test_colours_are_for_terminals_and_can_be_forbidden(manifest: Path):
    def on_a_terminal(*arguments: str, **env: str) -> str:
        command = f"{BIN}/pproj plan {manifest} {' '.join(arguments)}"
        plain = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "80"}
        done = subprocess.run(
            ["script", "-qec", command, "/dev/null"], capture_output=True, text=True, env=plain | env, check=True
        )
        return done.stdout

    if not shutil.which("script"):
        pytest.skip("needs script, of util-linux")
    assert "\x1b[" in on_a_terminal()
    assert "\x1b[" not in on_a_terminal("--no-color")
    assert "\x1b[" not in on_a_terminal(NO_COLOR="1")
    assert "\x1b[" not in run("plan", manifest).stdout


def test_what_is_suggested_starts_with_the_program_as_it_was_typed(manifest: Path):
    def suggested(program: str, path: str, where: Path) -> set[str]:
        done = subprocess.run(
            [program, "plan", str(manifest)],
            capture_output=True, text=True, check=True, cwd=where, env={**os.environ, "PATH": path, "COLUMNS": "400"},
        )  # fmt: skip
        return {line.split(f" {verb} ")[0].strip() for line in done.stdout.splitlines()
                for verb in ("run", "submit") if f" {verb} {manifest}" in line}  # fmt: skip

    elsewhere = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != str(BIN))
    assert suggested(f"./{BIN.name}/pproj", elsewhere, BIN.parent) == {f"./{BIN.name}/pproj"}
    assert suggested(f"{BIN}/pproj", elsewhere, BIN) == {f"{BIN}/pproj"}
    assert suggested(f"{BIN}/pproj", f"{BIN}{os.pathsep}{elsewhere}", BIN) == {"pproj"}
    assert suggested(f"{BIN}/kubectl-pproj", elsewhere, BIN) == {"kubectl pproj"}


def test_the_version_is_told_by_an_option_too(pproj: Pproj):
    result = pproj("--version")
    assert (result.code, result.out) == (0, pproj("version").out)


def test_a_value_that_is_none_is_told_in_plain_words(pproj: Pproj, manifest: Path):
    assert pproj("plan", manifest, "-o", "xml").err.startswith(
        "error: Invalid value for '-o' / '--output': 'xml' is not one of 'text', 'json'."
    )


def test_a_kubeconfig_that_is_not_there_is_told_in_one_line(pproj: Pproj, tmp_path: Path):
    result = pproj("list", "--kubeconfig", tmp_path / "none")
    assert (result.code, result.err) == (1, f"error: --kubeconfig {tmp_path}/none: there is no such file\n")


def test_the_values_of_format_and_dangling_are_those_of_the_sources():
    # Declared apart, so that commands that read no file need not load what reads them.
    from parallelproject.cli.input.arguments import Dangling, SourceFormat
    from parallelproject.sources import Format, Options

    assert [kind.value for kind in SourceFormat] == [kind.value for kind in Format]
    for value in Dangling:
        assert Options(dangling=value.value).dangling == value.value
