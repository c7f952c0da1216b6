"""What the output of a failed check names: paths and tests of common tools. Pure."""

from dataclasses import dataclass

from parallelproject.core.verification.probe import ProbeOutcome


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What failed, by name."""

    tests: frozenset[str] = frozenset()
    """Failed tests, as their tool writes them."""
    paths: frozenset[str] = frozenset()
    """Files that the output names, as written."""


def read_failure(output: str) -> FailureReport:
    """Reads the output of a failed check; the end of it is enough."""
    return FailureReport()


def judge(original: FailureReport, exit_code: int, output: str) -> ProbeOutcome:
    """Whether a probe shows the failure that is searched.

    It does not if it names failed tests, and none of them is among the original ones: another test is flaky, or the
    probe lacks a change that this test needs.
    """
    return ProbeOutcome.FAILED if exit_code else ProbeOutcome.PASSED
