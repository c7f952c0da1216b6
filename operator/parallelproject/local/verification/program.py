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
from parallelproject.core.verification.revert_request import RevertRequest
from parallelproject.git.branches.commit_to_check import CommitToCheck, RewrittenError, commit_to_check
from parallelproject.git.branches.taken_out import take_out
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import ConflictError, DeliveryError
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.git.workspace.prepare import check_out
from parallelproject.local.delivery.program import printed_since
from parallelproject.local.delivery.side_checkout import SideCheckout, say
from parallelproject.local.verification.result import CheckResult, write


def main(file: str) -> int:
    """Carries out the instruction in a file. The exit code is 0 where there is a result, whatever it is."""
    verification = _CheckedWork(json.loads(Path(file).read_bytes()), dict(os.environ))
    try:
        result = verification.run()
    except (DeliveryError, GitFailedError) as error:
        say(f"the workspace of the check cannot be made: {error}")
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


def _revert(store: GitStore, wanted: Mapping[str, Any]) -> CheckResult:
    """Takes work off the branch."""
    try:
        done = take_out(store, RevertRequest(**wanted))
    except ConflictError as error:
        say(f"the work cannot be taken off the branch: {error}")
        return CheckResult(ProbeOutcome.CONFLICT, printed=str(error))
    say(f"commit {done.commit[:10]} takes off the branch: {', '.join(done.tasks)}")
    return CheckResult(ProbeOutcome.PASSED, printed=json.dumps(done._asdict()))


class _CheckedWork:
    """One run of a check."""

    def __init__(self, settings: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._probe = Probe.parse(settings["probe"]) if settings["probe"] else None
        self.result_file = Path(settings["result"])
        self._log = Path(settings["log"])
        self._deadline: float | None = settings["deadline"]
        self._checkout = SideCheckout(settings, environment)

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to end."""
        return self._checkout.runner.is_stopping

    def run(self) -> CheckResult | None:
        """The result; None where it was asked to end, or the setup failed.

        Raises:
            DeliveryError, GitFailedError: the repository cannot be read.
        """
        checkout, workspace = self._checkout, self._checkout.workspace
        checkout.make_room()
        with opened(checkout.delivery, checkout.place) as store:
            if revert := self._settings["revert"]:
                return _revert(store, revert)
            try:
                found = self._check_out(store)
            except RewrittenError:
                say("the branch was rewritten: the commit to check is no longer on it")
                return CheckResult(ProbeOutcome.STALE)
            except ConflictError as error:
                say(f"this part of the work cannot be built: {error}")
                return CheckResult(ProbeOutcome.CONFLICT)
        if not found.is_needed:
            say("skipped: no file that matches its paths exists, or has changed since it passed")
            return CheckResult(ProbeOutcome.PASSED, found.work)
        if checkout.runner.is_stopping:
            return None
        workspace.add_files()
        if workspace.needs_setup and (workspace.set_up(self._deadline) or checkout.runner.is_stopping):
            return None
        start = self._log.stat().st_size
        failed = workspace.run(self._settings["argv"], self._deadline)
        if checkout.runner.is_stopping:
            return None
        if failed is None:
            return CheckResult(ProbeOutcome.PASSED, found.work)
        say(f"the check failed with exit code {failed.exit_code}")
        return CheckResult(ProbeOutcome.FAILED, found.work, printed_since(self._log, start))

    def _check_out(self, store: GitStore) -> CommitToCheck:
        known = self._settings["work"]
        work = (str(known["base"]), str(known["tip"])) if known else None
        found = commit_to_check(store, self._probe, work, self._settings["since"], self._settings["paths"])
        say(f"checks {found.commit[:10]}" + (f", the part {self._probe.name} of the work" if self._probe else ""))
        if found.is_needed:
            check_out(store, found.commit)
        return found

    def clear(self) -> None:
        """Removes the checkout."""
        self._checkout.clear()
