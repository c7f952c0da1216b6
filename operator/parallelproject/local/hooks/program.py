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

from parallelproject.git.plumbing.outcome import DeliveryError
from parallelproject.git.workspace.prepare import check_out_tip
from parallelproject.local.delivery.program import STOPPED
from parallelproject.local.delivery.side_checkout import SideCheckout, say

_NOT_READY = 1
"""Exit code where there is no checkout to run the command in."""


def main(file: str) -> int:
    """Carries out the instruction in a file, and gives the exit code of the hook."""
    hook = _HookInCheckout(json.loads(Path(file).read_bytes()), dict(os.environ))
    try:
        return hook.run()
    except DeliveryError as error:
        say(f"the workspace of the hook cannot be made: {error}")
        return _NOT_READY
    except Exception:
        traceback.print_exc()  # to the log
        return _NOT_READY
    finally:
        hook.clear()


class _HookInCheckout:
    """One run of a hook."""

    def __init__(self, settings: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._argv = settings["argv"]
        self._checkout = SideCheckout(settings, environment)

    def run(self) -> int:
        """The exit code.

        Raises:
            DeliveryError: the repository cannot be read.
        """
        checkout, workspace = self._checkout, self._checkout.workspace
        checkout.make_room()
        found = check_out_tip(checkout.delivery, checkout.place)
        say(f"runs on {(found.base or '')[:10]}")
        for note in found.notes:
            say(note)
        if checkout.runner.is_stopping:
            return STOPPED
        workspace.add_files()
        if workspace.needs_setup and (failed := workspace.set_up(None)):
            say("the setup of the workspace failed")
            return failed.exit_code or _NOT_READY
        if checkout.runner.is_stopping:
            return STOPPED
        failed = workspace.run(self._argv, None)
        return failed.exit_code or _NOT_READY if failed else 0

    def clear(self) -> None:
        """Removes the checkout."""
        self._checkout.clear()
