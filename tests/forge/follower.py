"""A process that follows a pull request, and tasks that act on what they get of it."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_SECONDS = 180

COMMAND = """
file="$PPROJ_TASK_ID.txt"
if test -n "$PPROJ_FEEDBACK"; then
  cp "$PPROJ_FEEDBACK" "$SEEN/$PPROJ_TASK_ID.$PPROJ_ATTEMPT"
  while test -e "$SEEN/hold"; do sleep 0.1; done
  sed -i -e 's/bad/good/' -e '/^[<>=|]\\{7\\}/d' "$file"
else
  printf '1\\nbad\\n3\\n' > "$file"
fi
"""
"""Writes a file with a fault, which it corrects with feedback; what it gets is kept in ``$SEEN``."""


class FollowerProcess:
    """A follower, which may be killed and started again."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Starts it, or starts it again."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._log.read_text()

    @property
    def has_ended(self) -> bool:
        """Whether it does not run."""
        return self._process is None or self._process.poll() is not None

    def end(self) -> int:
        """Its exit code."""
        assert self._process
        return self._process.wait(_SECONDS)

    def kill(self) -> None:
        """Kills it, with all that it has started."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
