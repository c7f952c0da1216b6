"""The program of one run of a check: it checks out what is to be verified, runs the command, and writes the result.

It changes nothing in the repository, so it may be killed at any moment: a run without a result runs again. Standard
library only, to start fast.
"""

import json
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parallelproject.core.graph.file_overlap import fits
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.folder_removal import try_to_remove
from parallelproject.git.branches.landed_work import branch_tip, landed_work
from parallelproject.git.branches.probes import probe_commit
from parallelproject.git.plumbing.changes import changes
from parallelproject.git.plumbing.delivery import Place
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import BranchRewrittenError, ConflictError, DeliveryError
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


@dataclass(frozen=True, slots=True)
class _Checkout:
    """What the command finds."""

    work: LandedWork
    is_needed: bool


class _RewrittenError(Exception):
    """A commit that the run is about is not on the branch."""


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
            except _RewrittenError:
                _print("somebody has rewritten the branch: what it was to run on is not there any more")
                return CheckResult(ProbeOutcome.STALE)
            except ConflictError as error:
                _print(f"it cannot be built: {error}")
                return CheckResult(ProbeOutcome.CONFLICT)
        if not found.is_needed:
            _print("nothing has changed that it is about: it is not run")
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

    def _check_out(self, store: GitStore) -> _Checkout:
        settings = self._settings
        known = settings["work"]  # made again, since some of its commits may exist only here
        try:
            tip = branch_tip(store)
        except BranchRewrittenError:
            if known:
                raise _RewrittenError from None
            raise
        if known and not all(store.commit_of(known[end]) for end in ("base", "tip")):
            raise _RewrittenError
        work = landed_work(store, known["base"], known["tip"]) if known else landed_work(store, settings["since"], tip)
        probe = self._probe or Probe(len(work.changes))
        commit = work.tip if probe == Probe(len(work.changes)) else probe_commit(store, work.base, work.changes, probe)
        _print(f"checks {commit[:10]}" + (f", {probe.name}" if self._probe else ""))
        if not known and not self._is_needed(store, work, commit):
            return _Checkout(work, is_needed=False)
        check_out(store, commit)
        return _Checkout(work, is_needed=True)

    def _is_needed(self, store: GitStore, work: LandedWork, commit: str) -> bool:
        """Whether a path that the check is about has changed since it passed."""
        patterns, since = self._settings["paths"], self._settings["since"]
        if not patterns or work.base != since:  # it has not passed on anything that is on the branch
            return True
        return any(fits(change.path, pattern) for change in changes(store.git, since, commit) for pattern in patterns)

    def clear(self) -> None:
        """Removes the workspace."""
        for folder in (self._place.workspace.parent, self._place.private):
            if kept := try_to_remove(folder):
                _print(f"cannot remove {kept}")


def _print(line: str) -> None:
    """Says it in the log."""
    print(f"pproj: {line}", flush=True)  # noqa: T201
