"""The program of a run of a hook in a repository: it checks out the branch, runs the command, removes the checkout.

It changes nothing in the repository, so it may be killed at any moment: the hook runs again then. Its exit code is that
of the command. Standard library only, to start fast.
"""

import json
import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallelproject.folder_removal import try_to_remove
from parallelproject.git.plumbing.delivery import Place
from parallelproject.git.plumbing.outcome import DeliveryError
from parallelproject.git.workspace.prepare import check_out_tip
from parallelproject.local.delivery.command import Runner
from parallelproject.local.delivery.program import STOPPED, delivery_of
from parallelproject.local.delivery.ready_workspace import ReadyWorkspace
from parallelproject.local.state.workspaces import make_around

_NOT_READY = 1
"""Exit code where there is no checkout to run the command in."""


def main(file: str) -> int:
    """Carries out the instruction in a file, and gives the exit code of the hook."""
    hook = _HookInCheckout(json.loads(Path(file).read_bytes()), dict(os.environ))
    try:
        return hook.run()
    except DeliveryError as error:
        _print(f"the workspace of the hook cannot be made: {error}")
        return _NOT_READY
    except Exception:
        traceback.print_exc()  # to the log
        return _NOT_READY
    finally:
        hook.clear()


class _HookInCheckout:
    """One run of a hook."""

    def __init__(self, settings: Mapping[str, Any], environment: dict[str, str]) -> None:
        self._settings = settings
        os.environ["PATH"] = settings["path"]
        self._delivery = delivery_of(settings["delivery"])
        self._place = Place(Path(settings["folder"]), Path(settings["private"]))
        self._runner = Runner()
        self._ready = ReadyWorkspace(settings, self._delivery, self._place, environment, self._runner, _print)

    def run(self) -> int:
        """The exit code.

        Raises:
            DeliveryError: the repository cannot be read.
        """
        self.clear()  # of a run of the same number that was killed
        make_around(self._place.workspace)
        found = check_out_tip(self._delivery, self._place)
        _print(f"runs on {(found.base or '')[:10]}")
        for note in found.notes:
            _print(note)
        if self._runner.is_stopping:
            return STOPPED
        self._ready.add_files()
        if self._ready.needs_setup and (failed := self._ready.set_up(None)):
            _print("the setup of the workspace failed")
            return failed.exit_code or _NOT_READY
        if self._runner.is_stopping:
            return STOPPED
        failed = self._ready.run(self._settings["argv"], None)
        return failed.exit_code or _NOT_READY if failed else 0

    def clear(self) -> None:
        """Removes the workspace."""
        for folder in (self._place.workspace.parent, self._place.private):
            if kept := try_to_remove(folder):
                _print(f"cannot remove {kept}")


def _print(line: str) -> None:
    """Says it in the log."""
    print(f"pproj: {line}", flush=True)  # noqa: T201
