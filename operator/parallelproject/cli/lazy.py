"""A group of commands whose modules are loaded when they are called: ``pproj plan`` never waits for a client library.

The table of commands gives names and summaries for ``pproj --help``; everything else is in the modules.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from parallelproject.cli.examples import EXAMPLES
from parallelproject.cli.input.config_file import shown
from parallelproject.cli.input.configured import configured
from parallelproject.cli.output.failure import Failure

_UsageError: Any = typer.BadParameter.__mro__[1]


class CommandEntry(NamedTuple):
    """One command: the module that has it as the function ``run``, and its summary."""

    module: str
    summary: str
    """The first line of the function's docstring."""
    panel: str
    """Its heading in the help."""
    function: str = "run"
    has_config: bool = False
    """Whether .pproj.yaml gives it options."""


class LazyGroup(TyperGroup):
    """Shows commands by their summaries and loads one to call it."""

    entries: dict[str, CommandEntry] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in self.entries.items():
            self.commands[name] = TyperCommand(name=name, help=entry.summary, rich_help_panel=entry.panel)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Without any argument the help is shown, as kubectl does."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name else command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands below their headings."""
        width = max(map(len, self.entries))
        for panel in dict.fromkeys(entry.panel for entry in self.entries.values()):
            with formatter.section(panel):
                rows = [(name.ljust(width), e.summary) for name, e in self.entries.items() if e.panel == panel]
                formatter.write_dl(rows)

    @classmethod
    def load(cls, name: str) -> Any:
        """The command of a name, from its module."""
        entry = cls.entries[name]
        with _what_stays():
            function = getattr(import_module(entry.module), entry.function)
            return command_of(name, function, _ConfiguredCommand if entry.has_config else _Command)


@contextmanager
def _what_stays() -> Iterator[None]:
    """What is made here is there until the end: looking for garbage in it, then and later, is a fifth of a start."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


class _Command(TyperCommand):
    """Shows its arguments in the usage line as kubectl does, ``pproj retry NAME [TASK]...``, and its examples."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Without the braces around arguments."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, each as it can be copied: no line of them is wrapped."""
        examples = EXAMPLES.get(self.name or "", ())
        if examples:
            program = ctx.find_root().info_name or "pproj"
            formatter.write("\nExamples:\n")
            formatter.write("".join(f"  {example.replace('pproj', program, 1)}\n" for example in examples))


class _ConfiguredCommand(_Command):
    """Takes from .pproj.yaml what was not typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line, which says where the file is looked for, and then both."""
        rest = super().parse_args(ctx, list(args))
        found = None if ctx.resilient_parsing else configured(ctx)
        if found is None:
            return rest
        ctx.default_map = found.defaults
        try:
            rest = super().parse_args(ctx, [*found.words, *args])
        except _UsageError as error:  # what was typed is right
            raise Failure(f"{shown(found.config.path)}: {error.format_message()}", code=2) from None
        found.say()
        return rest


def command_of(name: str, function: Callable[..., Any], kind: type[_Command] = _Command) -> Any:
    """A function as a command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(name, cls=kind, context_settings={"help_option_names": ["-h", "--help"]})(function)
    return typer.main.get_command(app)
