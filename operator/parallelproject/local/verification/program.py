"""The program of one run of a check: it checks out what is to be verified, runs the command, and writes the result.

It changes nothing in the repository, so it may be killed at any moment: a run without a result runs again. Standard
library only, to start fast.
"""

import json
import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.folder_removal import try_to_remove
from parallelproject.git.branches.commit_to_check import CommitToCheck, RewrittenError, commit_to_check
from parallelproject.git.plumbing.delivery import Place
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import ConflictError, DeliveryError
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.git.workspace.prepare import check_out
from parallelproject.local.delivery.command import Runner
from parallelproject.local.delivery.program import delivery_of, printed_since
from parallelproject.local.delivery.ready_workspace import ReadyWorkspace
from parallelproject.local.state.workspaces import make_around
from parallelproject.local.verification.result import CheckResult, write


def main(file: str) -> int:
    """Carries out the instruction in a file. The exit code is 0 where there is a result, whatever it is."""
    verification = _CheckedWork(json.loads(Path(file).read_bytes()), dict(os.environ))
    try:
        result = verification.run()
    except (DeliveryError, GitFailedError) as error:
        _print(f"the workspace of the check cannot be made: {error}")
        result = None if verification.is_stopping else CheckResult(ProbeOutcome.BROKEN, printed=str(error))
    except Exception:
        traceback.print_exc()  # to the log
        return 1
    finally:
        verification.clear()
    if result is None:
        return 1
    write(verification.result_file, result)
    return 0


class _CheckedWork:
    """One run of a check."""

    def __init__(self, settings: Mapping[str, Any], environment: dict[str, str]) -> None:
        self._settings = settings
        os.environ["PATH"] = settings["path"]
        self._delivery = delivery_of(settings["delivery"])
        self._place = Place(Path(settings["folder"]), Path(settings["private"]))
        self._probe = Probe.parse(settings["probe"]) if settings["probe"] else None
        self.result_file = Path(settings["result"])
        self._log = Path(settings["log"])
        self._runner = Runner()
        self._deadline: float | None = settings["deadline"]
        self._ready = ReadyWorkspace(settings, self._delivery, self._place, environment, self._runner, _print)

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to end."""
        return self._runner.is_stopping

    def run(self) -> CheckResult | None:
        """The result; None where it was asked to end, or the setup failed.

        Raises:
            DeliveryError, GitFailedError: the repository cannot be read.
        """
        self.clear()  # of a run of the same number that was killed
        make_around(self._place.workspace)
        with opened(self._delivery, self._place) as store:
            try:
                found = self._check_out(store)
            except RewrittenError:
                _print("somebody has rewritten the branch: what it was to run on is not there any more")
                return CheckResult(ProbeOutcome.STALE)
            except ConflictError as error:
                _print(f"it cannot be built: {error}")
                return CheckResult(ProbeOutcome.CONFLICT)
        if not found.is_needed:
            _print("it is about nothing that has changed, or that exists: it is not run")
            return CheckResult(ProbeOutcome.PASSED, 0, found.work, is_needed=False)
        if self._runner.is_stopping:
            return None
        self._ready.add_files()
        if self._ready.needs_setup and (self._ready.set_up(self._deadline) or self._runner.is_stopping):
            return None
        start = self._log.stat().st_size
        failed = self._ready.run(self._settings["argv"], self._deadline)
        if self._runner.is_stopping:
            return None
        if failed is None:
            return CheckResult(ProbeOutcome.PASSED, 0, found.work)
        _print(f"the check failed with exit code {failed.exit_code}")
        return CheckResult(ProbeOutcome.FAILED, failed.exit_code, found.work, printed=printed_since(self._log, start))

    def _check_out(self, store: GitStore) -> CommitToCheck:
        known = self._settings["work"]
        work = (str(known["base"]), str(known["tip"])) if known else None
        found = commit_to_check(store, self._probe, work, self._settings["since"], self._settings["paths"])
        _print(f"checks {found.commit[:10]}" + (f", {self._probe.name}" if self._probe else ""))
        if found.is_needed:
            check_out(store, found.commit)
        return found

    def clear(self) -> None:
        """Removes the workspace."""
        for folder in (self._place.workspace.parent, self._place.private):
            if kept := try_to_remove(folder):
                _print(f"cannot remove {kept}")


def _print(line: str) -> None:
    """Says it in the log."""
    print(f"pproj: {line}", flush=True)  # noqa: T201
