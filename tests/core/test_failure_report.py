"""What the output of a failed check names, tool by tool, and what it points to."""

import pytest

from parallelproject.core.verification.failure_report import FailureReport, confirmed, judge, read_failure
from parallelproject.core.verification.printed_end import LINE_MAX, LINES_MAX, PRINTED_MAX, last_lines
from parallelproject.core.verification.probe import LandedChange, ProbeOutcome
from parallelproject.core.verification.suspicion import MENTIONED, clues, subject, weights

PYTEST = """\
tests/api/test_parser.py:12: in test_reads
    parse("x")
src/api/parser.py:3: ValueError
=========================== short test summary info ===========================
FAILED tests/api/test_parser.py::TestParser::test_reads[1] - ValueError: x
"""
UNITTEST = """\
FAIL: test_reads (tests.test_parser.TestParser.test_reads)
Traceback (most recent call last):
  File "/tmp/x/src/parser.py", line 5, in test_reads
"""
GO = """\
--- FAIL: TestParse (0.00s)
    parse_test.go:12: bad
FAIL\texample.org/x/parse\t0.012s
"""
OUTPUTS = [
    (PYTEST, {"tests/api/test_parser.py::TestParser::test_reads[1]"}, {"src/api/parser.py"}),
    (UNITTEST, {"tests.test_parser.TestParser.test_reads"}, {"/tmp/x/src/parser.py"}),
    (GO, {"TestParse"}, {"parse_test.go", "example.org/x/parse"}),
    ("FAIL a/b.test.ts\n  ● Suite › works\n    at f (a/b.ts:1:2)\n", {"Suite › works"}, {"a/b.test.ts", "a/b.ts"}),
    (" FAIL  src/a.test.ts > suite > works\n ❯ src/a.ts:12:3\n", {"src/a.test.ts > suite > works"}, {"src/a.ts"}),
    ("test parser::tests::works ... FAILED\n  --> src/parser.rs:3:5\n", {"parser::tests::works"}, {"src/parser.rs"}),
    ("src/a.ts(12,3): error TS2304: x\nsrc/b.ts:1:3 - error TS2304: x\n", set(), {"src/a.ts", "src/b.ts"}),
    ("src/a.c:12:3: error: x\n", set(), {"src/a.c"}),
    ("[ERROR] x.ATest.works:12 expected\n\tat x.A.f(A.java:4)\n", {"x.ATest.works"}, {"A.java"}),
    ("com.x.ParserTest > works FAILED\n", {"com.x.ParserTest > works"}, set()),
    ("ok 1 - fine\nnot ok 2 - broken # time=1\n", {"broken"}, set()),
    ("  1) parser works:\n", {"parser works"}, set()),
    ("\x1b[31mconfig/x.yaml:3\x1b[0m: no such key\r\n", set(), {"config/x.yaml"}),
]  # fmt: skip


@pytest.mark.parametrize(("output", "tests", "paths"), OUTPUTS)
def test_tools_are_read(output: str, tests: set[str], paths: set[str]) -> None:
    found = read_failure(output)
    assert tests <= found.tests
    assert paths <= found.paths
    assert found.tests == tests or "FAIL a/b.test.ts" in output


def test_any_output_is_read_and_names_are_bounded() -> None:
    for output in ("", "a" * 300_000, "\n" * 300_000, "a.b/" * 75_000, "FAIL " * 60_000, "● › " * 70_000):
        read_failure(output)
    many = read_failure("\n".join(f"FAILED tests/test_{i}.py::test - x" for i in range(2000)))
    assert len(many.tests) == len(many.paths) == 200


def test_a_probe_fails_only_with_one_of_the_original_tests() -> None:
    original = read_failure(PYTEST)
    assert judge(original, PYTEST) is ProbeOutcome.FAILED
    assert judge(original, PYTEST.replace("test_reads", "test_flaky")) is ProbeOutcome.PASSED
    assert judge(original, "killed") is ProbeOutcome.FAILED, "no names: the exit code decides"
    assert judge(FailureReport(), PYTEST) is ProbeOutcome.FAILED


def test_a_probe_that_does_not_load_says_nothing() -> None:
    broken = "ImportError: cannot import name 'x' from 'y'\nFAILED tests/test_other.py::test - x"
    assert judge(read_failure(PYTEST), broken) is ProbeOutcome.CONFLICT
    assert judge(read_failure(broken), broken) is ProbeOutcome.FAILED, "that is the failure itself"


def test_what_failed_once_of_two_times_is_not_searched() -> None:
    flaky = read_failure(PYTEST + "FAILED tests/test_flaky.py::test_coin - x\n")
    assert confirmed(flaky, read_failure(PYTEST)).tests == read_failure(PYTEST).tests


def change(task: str, *paths: str, lines: int = 10, retries: int = 0) -> LandedChange:
    return LandedChange(task, task, paths, lines, retries)


@pytest.mark.parametrize("output", [PYTEST, UNITTEST])
def test_a_failure_points_to_the_file_then_its_test_then_its_folder(output: str) -> None:
    found = clues([change("file", "src/api/parser.py"), change("other", "src/ui/button.py")], read_failure(output))
    assert all(clue[0] > clue[1] == 0 for clue in found)
    near = clues([change("test", "tests/api/test_parser.py"), change("folder", "src/api/x.py")], read_failure(PYTEST))
    assert max(clue[0] for clue in near) > max(clue[1] for clue in near) > 0


def test_names_in_other_languages_meet_their_sources() -> None:
    for output, path in ((GO, "parse/parse.go"), (OUTPUTS[5][0], "src/parser.rs"), (OUTPUTS[9][0], "src/Parser.java")):
        assert clues([change("a", path), change("b", "doc/other.md")], read_failure(output)), path
    assert subject("ParserTest") == subject("test_parser") == subject("parser.spec") == "parser"


def test_a_file_that_many_changed_says_less_about_each() -> None:
    report = FailureReport(paths=frozenset({"src/common.py"}))
    alone, shared = (clues([change(str(i), "src/common.py") for i in range(count)], report) for count in (1, 4))
    assert alone[0][0] > 4 * shared[0][0] > 0


USES = """FAIL: test_neighbour (tests.test_cart.Cart.test_neighbour)
Traceback (most recent call last):
  File "/checkout/tests/test_cart.py", line 8, in test_neighbour
    self.assertEqual(prices.total(2) + prices.unit(), 4 + 8)
AttributeError: module 'shop.money' has no attribute 'unit'
test_other (tests.test_lists.Lists.test_other) ... ok
"""


def test_a_file_that_an_error_or_a_line_of_code_mentions_is_a_clue_of_its_own() -> None:
    report = read_failure(USES)
    assert {"prices", "money"} < report.mentions
    assert not {"recent", "line", "lists", "Lists"} & report.mentions, "words, and tests that passed"
    found = clues(
        [change("cart", "shop/cart.py"), change("prices", "shop/prices.py"), change("money", "shop/money.py")], report
    )
    assert sum(clue[0] > 0 for clue in found) == 1, "what is named already is not mentioned as well"
    assert sorted(clue[1:] for clue in found if not clue[0]) == [(0, MENTIONED), (MENTIONED, 0)]


def test_an_output_that_mentions_much_says_nothing_by_it() -> None:
    names = [f"part{i}" for i in range(5)]
    report = FailureReport(mentions=frozenset(names))
    assert clues([change(name, f"pkg/{name}.py") for name in names], report) == []
    assert len(clues([change(name, f"pkg/{name}.py") for name in names[:4]], report)) == 4


def test_a_file_that_a_failure_passes_through_counts_less_than_the_test_that_fails() -> None:
    paths, tests = frozenset({"src/common.py"}), frozenset({"tests/test_parser.py::test"})
    landed = [change("parser", "src/parser.py"), change("common", "src/common.py")]
    (alone,) = clues(landed, FailureReport(paths=paths))
    named, passed = clues(landed, FailureReport(tests, paths))
    assert named[0] > passed[1] > 0
    assert alone[1] > passed[1], "without tests, files are all that is named"


def test_larger_changes_and_those_that_were_retried_weigh_more() -> None:
    small, large, retried = weights([change("a"), change("b", lines=900), change("c", retries=2)])
    assert large > small < retried
    assert small + large + retried == pytest.approx(1)


def test_what_is_read_of_an_output_is_bounded() -> None:
    assert last_lines("x\n" * 100_000) == [*["x"] * (LINES_MAX - 1), ""]
    assert sum(map(len, last_lines("y" * 1_000_000))) == LINE_MAX
    assert len("".join(last_lines(f"{'z' * 99}\n" * 10_000))) <= PRINTED_MAX
    last = "FAILED tests/test_a.py::test_last - assert 1 == 2\n"
    assert read_failure("x\n" * 100_000 + last).tests == {"tests/test_a.py::test_last"}


def test_a_word_that_heads_a_failure_is_at_the_start_of_its_line() -> None:
    """Else each blank of a line is a start of its own, and a line takes the square of its length."""
    assert read_failure("  FAIL src/a.test").paths == {"src/a.test"}
    assert read_failure("it did not FAIL src/a.test (really)").paths == frozenset()
