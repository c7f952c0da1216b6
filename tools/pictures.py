"""Takes the README's pictures of real runs in a real terminal: ``python tools/pictures.py`` (needs tmux).

Not part of ``make generate``: times differ from run to run.
"""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from rig.deadline import until

ROOT = Path(__file__).parents[1]
DEMO = "manifests/examples/demo/tasks.json"
COLUMNS = 120


def main() -> None:
    """Takes both."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        run = f"pproj run {DEMO} --command 'sh {ROOT}/manifests/examples/demo/work.sh' --parallelism 4"
        take("plan", f"pproj plan {DEMO}", "pproj import")
        take("run", f"{run} --set spec.defaults.backoffSeconds=1 --state-dir {folder}/state", r"1[3-9]/21")


def take(name: str, command: str, shows: str) -> None:
    """Runs a command in a terminal until the screen shows something, and draws the screen."""
    shell = f"cd {ROOT} && PATH={ROOT}/.venv/bin:$PATH {command}; cat"
    tmux("new-session", "-d", "-s", name, "-x", str(COLUMNS), "-y", "40", shell)
    try:
        until(lambda: re.search(shows, tmux("capture-pane", "-p", "-t", name)), shows, seconds=30)
        screen = tmux("capture-pane", "-p", "-e", "-t", name).rstrip()
    finally:
        tmux("kill-session", "-t", name)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(f"$ {command.split(' --set')[0].replace(f'{ROOT}/', '')}\n\n{screen}"))
    picture = console.export_svg(title="pproj")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # no fonts from elsewhere
    target = ROOT / "docs" / "images" / f"{name}.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(picture)


def tmux(*args: str) -> str:
    """A tmux command's output."""
    return subprocess.run(["tmux", "-L", "pictures", *args], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
