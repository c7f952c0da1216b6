"""The reference of ``.pproj.yaml``, as a Markdown page: its keys, and what they say."""

import re
from typing import Any

from parallelproject.cli.input.config_file import FILE, KEYS, ONCE
from parallelproject.cli.lazy import LazyGroup
from parallelproject.model.names import CONFIG_FILE

_COMMANDS = ("run", "plan", "lint")
_INTRODUCTION = f"""\
<!-- Generated from operator/parallelproject/cli/input/config_file.py by `make generate`; don't edit. -->
# `{CONFIG_FILE}`

Default options of `pproj run`, `plan` and `lint` for a folder, so that `pproj run` without options is enough:

```yaml
file: tasks.json
repo: .
command: ./agent.sh
parallelism: 8
check: make test
keep-going: true
set: [spec.git.strategy=BranchPerTask]
```

`pproj init` writes a first one, from what it finds.

- It is looked for next to FILE, then in each folder above, up to the root of the git repository; the nearest one
  counts. Outside of a repository only the folder of FILE is looked at.
- An option on the command line wins. `--set` on the command line is added to `set` and applied last.
- Paths start at the folder of the file.
- The command says on stderr which file it used, and for which options. `plan` and `lint` ignore options of `run`.
- Values are read as they are written: `base: 1.10` is the branch 1.10.
- An unknown key or an invalid value is an error.
- `command` and `check` run with your rights, as make runs the commands of a Makefile: in a repository that you do not
  trust, read the file first. A run reads the file once, when it starts, from your checkout and never from a task's
  workspace. If tasks change the file, the next run uses it once you have checked out their work.
"""


def config() -> str:
    """The page's text."""
    helps: dict[str, str] = {FILE: "The task file, or its folder, where the command line names none."}
    for name in reversed(_COMMANDS):
        command = LazyGroup.load(name)
        for parameter in command.params:
            helps |= {option[2:]: parameter.help for option in parameter.opts if option.startswith("--")}
    rows = [f"| `{key}` | {_kind(kind)} | {_text(helps[key])} |" for key, kind in KEYS.items()]
    once = ", ".join(f"`--{option}`" for option in sorted(ONCE) if option in helps or option in ("help", "detach"))
    return "\n".join(
        [
            _INTRODUCTION,
            "| Key | Value | |",
            "|---|---|---|",
            *rows,
            "",
            f"Only for the command line: {once}.",
            "",
        ]
    )


def _kind(kind: type | None) -> str:
    return {bool: "`true` or `false`", list: "a list"}.get(kind, "") if kind else ""


def _text(help: Any) -> str:
    return re.sub(r"\s+", " ", str(help)).replace("|", "\\|")
