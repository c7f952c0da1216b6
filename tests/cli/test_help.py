"""``pproj help``, ``-V``, and the examples of every command's help."""

import re
import shlex

import pytest

from parallelproject.cli.examples import EXAMPLES
from parallelproject.cli.lazy import LazyGroup
from parallelproject.cli.main import COMMANDS

from .conftest import Pproj


def test_every_command_has_an_example():
    assert sorted(EXAMPLES) == sorted(COMMANDS), "cli/examples.py has the examples of all commands, and no others"
    assert all(EXAMPLES.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_the_examples_as_they_can_be_copied(pproj: Pproj, name: str):
    shown = pproj(name, "--help", width=60).out
    assert shown.endswith("\nExamples:\n" + "".join(f"  {example}\n" for example in EXAMPLES[name]))
    assert pproj("help", name, width=60).out == shown


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_has_only_options_that_the_command_knows(name: str):
    command = LazyGroup.load(name)
    options = {text for parameter in command.params for text in parameter.opts}
    for example in EXAMPLES[name]:
        words = shlex.split(re.split(r" \| | > ", example)[0].replace("\\\n", ""))
        assert words[:2] == ["pproj", name]
        assert {word for word in words if word.startswith("-")} <= options, example


def test_help_alone_is_the_help_of_the_program(pproj: Pproj):
    assert pproj("help").out == pproj("--help").out
    unknown = pproj("help", "lst")
    assert (unknown.code, unknown.out) == (2, "")
    assert "Did you mean 'list'?" in unknown.err
    assert pproj("help", "plan", program="kubectl pproj").out.startswith("Usage: kubectl pproj plan ")
    assert "\n  kubectl pproj plan tasks.json\n" in pproj("help", "plan", program="kubectl pproj").out


def test_the_short_option_prints_the_version(pproj: Pproj):
    assert pproj("-V").out == pproj("version").out
