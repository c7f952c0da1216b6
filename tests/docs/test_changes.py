"""Every fragment of docs/changes comes into the changelog."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FRAGMENTS = ROOT / "docs" / "changes"


def test_every_fragment_is_in_the_changelog_of_the_next_release() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.split())
    assert "## 9.9.9 (" in text
    missing = [file.name for file in FRAGMENTS.glob("*.md") if " ".join(file.read_text().split()) not in text]
    assert missing == [], "its name is not NAME.TYPE.md with a type of [tool.towncrier] in pyproject.toml"
