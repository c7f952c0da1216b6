"""What the output of a failed check names: files and tests of common tools. Pure.

Tools: pytest, unittest, go test, jest, vitest, mocha, cargo, tsc, gcc and clang, Maven, Gradle, TAP; of any other tool,
what looks like ``path:line``.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from parallelproject.core.verification.printed_end import last_lines
from parallelproject.core.verification.probe import ProbeOutcome

_NAMES_MAX = 200
_MENTIONS_MAX = 1_000

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# All of these are matched against one short line, and those that begin with blanks only at its start: no output takes
# long to read.
_PATH = r"(?<![\w./@+\\-])([\w./@+\\-]*\w\.[A-Za-z]\w{0,9})"
_FILE = re.compile(rf'{_PATH}(?::\d|\(\d+,\d+\)|:\[\d+,\d+\]|", line \d|::| *$)')
_HEADED = re.compile(rf"[ \t]*(?:FAIL|ERROR|FAILED|❯|×) +{_PATH}\b")
_PACKAGE = re.compile(r"FAIL\t(\S+)\t")
_TESTS = re.compile(
    r"(?:FAILED|ERROR) (?P<pytest>[^\s:]+\.py(?:::\S+)?)"
    r"|(?:FAIL|ERROR): (?P<method>\S+) \((?P<unittest>[\w.]+)\)"
    r"| *--- FAIL: (?P<go>\S+)"
    r"| *FAIL +(?P<vitest>\S+\.[cm]?[jt]sx?(?: > .*\S)?) *$"
    r"| *● (?P<jest>.+ › .*\S)"
    r"|test (?P<cargo>\S+) \.\.\. FAILED"
    r"|\[ERROR\] +(?P<maven>(?:\w+\.)*\w+\.\w+)(?::\d|  Time elapsed|\s+--\s)"
    r"|(?P<gradle>[\w.]+ > .+) FAILED *$"
    r"| *not ok \d+ -? ?(?P<tap>[^#]*[^#\s])"
    r"|  \d+\) (?P<mocha>.*[^\s:])"
)
_MENTION = re.compile(r"(?<=[.:/'\"`])[A-Za-z_]\w+|\b[A-Za-z_]\w+(?=[.(]\w|\(\)|::|['\"`])")
"""Names in code and in messages of errors: ``part.total(3)``, ``module 'part'``. Words of sentences are no names."""
_PASSING = re.compile(r"^ok\b|\bok$|\bPASS(?:ED)?\b|[✓✔]")
_NOT_BUILT = re.compile(
    r"\[(?:build|setup) failed\]|^error: could not compile|error TS\d+:|COMPILATION ERROR|Compilation failed"
    r"|Interrupted: \d+ errors? during collection|_FailedTest|Test suite failed to run"
    r"|^[^\s:]+:\d+:\d+: (?:fatal )?error:"
    r"|^(?:E +)?(?:SyntaxError|ImportError|ModuleNotFoundError):"
)


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What failed, by name."""

    tests: frozenset[str] = frozenset()
    """Failed tests, as their tool writes them."""
    paths: frozenset[str] = frozenset()
    """Files and packages that the output names, as written."""
    mentions: frozenset[str] = frozenset()
    """Names in lines of code and in messages: of modules, for example."""
    is_built: bool = True
    """Whether the code compiled and loaded, as far as the output says."""


@lru_cache(maxsize=256)  # a search reads the same outputs after each of its runs
def read_failure(output: str) -> FailureReport:
    """Reads the output of a failed check. Its end is enough."""
    tests: dict[str, None] = {}
    paths: dict[str, None] = {}
    mentions: dict[str, None] = {}
    is_built = True
    for full in last_lines(output):
        line = _COLOUR.sub("", full).rstrip()
        if not line:
            continue
        if found := _TESTS.match(line):
            tests[_test_name(found)] = None
        heads = (found[1] for found in (_HEADED.match(line), _PACKAGE.match(line)) if found)
        for path in (*_FILE.findall(line), *heads):
            paths[path.replace("\\", "/").removeprefix("./")] = None
        if not _PASSING.search(line):
            mentions |= dict.fromkeys(_MENTION.findall(line))
        is_built = is_built and _NOT_BUILT.search(line) is None
    return FailureReport(
        frozenset(list(tests)[-_NAMES_MAX:]),
        frozenset(list(paths)[-_NAMES_MAX:]),
        frozenset(list(mentions)[-_MENTIONS_MAX:]),
        is_built,
    )


def judge(original: FailureReport, output: str) -> ProbeOutcome:
    """Whether a probe whose command failed has the failure that is searched.

    It has not if it names failed tests, and none of them is among the original ones. A probe whose code does not
    compile or load, where the original one did, says nothing: it lacks a change that others need.
    """
    found = read_failure(output)
    if original.is_built and not found.is_built:
        return ProbeOutcome.CONFLICT
    if original.tests and found.tests and not original.tests & found.tests:
        return ProbeOutcome.PASSED
    return ProbeOutcome.FAILED


def confirmed(first: FailureReport, second: FailureReport) -> FailureReport:
    """What failed in both runs on one commit: the rest is flaky."""
    tests, paths = first.tests & second.tests, first.paths & second.paths
    mentions = first.mentions & second.mentions
    return FailureReport(tests or second.tests, paths or second.paths, mentions, first.is_built or second.is_built)


def _test_name(found: re.Match[str]) -> str:
    if found["method"]:  # unittest names the method with its class, or without it before Python 3.11
        method, owner = found["method"], found["unittest"]
        return owner if owner.endswith(f".{method}") else f"{owner}.{method}"
    return str(found[found.lastgroup or 0])
