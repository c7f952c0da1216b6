"""Titles and texts by templates."""

from dataclasses import replace

import pytest

from parallelproject.forge.clients.protocol import TextLimits
from parallelproject.forge.publishing.request import GateLine
from parallelproject.forge.publishing.text import TaskLine, WorkReport, render_body, render_title
from parallelproject.git.plumbing.outcome import PolicyError

pytest.importorskip("jinja2")

LIMITS = TextLimits(title=240, body=65_535)
REPORT = WorkReport(
    "checkout",
    (
        TaskLine("api", "Define the API", "9b1e77c0aa11bb22", 2, "coder", "exit code 1"),
        TaskLine("db", "A schema", "1234567890abcdef", 1, "dba"),
        TaskLine(
            "ui", "The page", None, 3, "coder", "Conflict: page.html", True, "refs/parallelproject/r1/ui/salvage/3"
        ),
    ),
    branch="parallel/checkout",
    base="main",
)


def test_the_text_is_a_table_of_what_landed_and_lists_of_what_failed_and_was_retried() -> None:
    assert render_body(REPORT, LIMITS) == (
        "| Task | Title | Commit | Attempts | Role |\n"
        "|---|---|---|---:|---|\n"
        "| `api` | Define the API | `9b1e77c0aa11` | 2 | coder |\n"
        "| `db` | A schema | `1234567890ab` | 1 | dba |\n"
        "\n"
        "### Failed\n"
        "- `ui` The page: Conflict\\: page.html; its work is kept in `refs/parallelproject/r1/ui/salvage/3`\n"
        "\n"
        "### Retried\n"
        "- `api`: 2 attempts, exit code 1\n"
    )


def test_the_table_has_the_gates_where_a_task_has_some() -> None:
    gates = (GateLine("review", 2), GateLine("test"))
    rejected = (GateLine("review", 3, accepted=False),)
    tasks = (
        TaskLine("api", "Define the API", "9b1e77c0aa11bb22", 7, "coder", steps_passed=4, gates=gates),
        TaskLine("db", "A schema", "1234567890abcdef", 3, "dba", steps_passed=2, gates=gates[1:]),
        TaskLine("notes", "", "1234567890abcdef"),
        TaskLine("ui", "The page", None, 6, "coder", "GateFailed 1", True, "r/held/5", 3, rejected),
    )
    assert render_body(WorkReport("shop", tasks), LIMITS) == (
        "| Task | Title | Commit | Attempts | Role | Gates |\n"
        "|---|---|---|---:|---|---|\n"
        "| `api` | Define the API | `9b1e77c0aa11` | 7 | coder | review \\(after 2 rejections\\), test |\n"
        "| `db` | A schema | `1234567890ab` | 3 | dba | test |\n"
        "| `notes` |  | `1234567890ab` | 1 |  |  |\n"
        "\n"
        "### Failed\n"
        "- `ui` The page: GateFailed 1 (review rejected it 3 times); its work is kept in `r/held/5`\n"
        "\n"
        "### Retried\n"
        "- `api`: 7 attempts\n"
    )


def test_of_many_gates_some_are_named_and_none_has_an_effect() -> None:
    gates = tuple(GateLine(name) for name in ("@bob", "x|y", "<b>", "d", "e", "f", "g"))
    body = render_body(WorkReport("p", (TaskLine("a", commit="1234567890ab", gates=gates),)), LIMITS)
    assert "| @\u200bbob, x\\|y, &lt;b&gt;, d, e and 2 more |" in body


def test_the_title_names_project_level_and_progress() -> None:
    assert render_title(REPORT, LIMITS) == "checkout (2 of 3 tasks)"
    assert render_title(replace(REPORT, level=2), LIMITS) == "checkout: L2 (2 of 3 tasks)"


def test_a_report_without_tasks_has_a_text() -> None:
    assert render_body(WorkReport("p"), LIMITS) == "\n"
    assert render_title(WorkReport("p"), LIMITS) == "p (0 of 0 tasks)"


def test_a_template_of_ones_own_sees_the_report_and_is_escaped() -> None:
    template = "{% for task in tasks %}{{ task.id }}={{ task.title | upper }} {% endfor %}{{ branch }} to {{ base }}"
    report = WorkReport("p", (TaskLine("a", "x|@y"),), branch="b", base="m")
    assert render_body(report, LIMITS, template) == "a\\=X".replace("\\=", "=") + "\\|@\u200bY b to m\n"
    assert render_title(report, LIMITS, "{{ tasks[0].title }} @bob") == "x|@\u200by @\u200bbob"


def test_a_filter_cannot_cut_an_escape_in_two() -> None:
    report = WorkReport("p", (TaskLine("a", "||||"),))
    assert render_body(report, LIMITS, "{{ tasks[0].title[:1] }}|") == "\\||\n"


@pytest.mark.parametrize("size", [300, 2_000, 65_535])
def test_a_text_that_would_be_too_long_tells_of_as_many_as_have_room(size: int) -> None:
    many = [TaskLine(f"t{i}", "\N{ROCKET} " * 10, "9b1e77c0aa11", 1, "coder") for i in range(3000)]
    failed = TaskLine("bad", "x", None, 1, "", "exit code 1", True, "refs/parallelproject/r/bad/salvage/1")
    body = render_body(WorkReport("p", (*many, failed)), TextLimits(240, size))
    units = len(body.encode("utf-16-le")) // 2
    assert size - 100 < units <= size or size == 300
    assert "refs/parallelproject/r/bad/salvage/1" in body
    shown = body.count("| coder |")
    assert f"…and {3000 - shown} more" in body


def test_a_text_that_is_too_long_without_any_task_is_cut() -> None:
    body = render_body(REPORT, TextLimits(240, 50), "x" * 60)
    assert body == "x" * 49 + "…"


@pytest.mark.parametrize(
    "template",
    [
        "{{ unknown }}",
        "{{ tasks[0].unknown }}",
        "{% for %}",
        "{{ 1 / 0 }}",
        "{% include '/etc/passwd' %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ project.__class__ }}",
        "{{ tasks.__getitem__.__globals__ }}",
        "{{ landed.append(1) }}",
        "{{ code.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(project) }}",
        "{{ range(999999999) | list }}",
        "{{ 'x' + 1 }}",
    ],
)
def test_a_template_that_is_wrong_or_reaches_out_is_refused(template: str) -> None:
    with pytest.raises(PolicyError, match=r"pullRequest\.body: the template is wrong") as error:
        render_body(REPORT, LIMITS, template)
    assert "root:" not in str(error.value)
