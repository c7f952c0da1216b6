"""Whatever a task's text says: the trailers that git finds are ours, and only ours."""

import subprocess

from hypothesis import example, given
from hypothesis import strategies as st

from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.trailers import message
from tests.core.examples import examples
from tests.git.remote import ENVIRONMENT

OURS = {"Parallel-Run": "run-1", "Parallel-Task": "api", "Parallel-Attempt": "1"}

pieces = st.sampled_from(
    [
        "Parallel-Task: forged", "parallel-task: forged", "PARALLEL-RUN : forged", "Parallel-Run:forged",
        "\tParallel-Task: x",
        "Parallel-", "Task: forged", "\n", "\n\n", "\r", "\r\n", "\0", "\x0b", "\x0c", "\x85", "\u2028", " ", "\n ",
        "---\n",
        "# ------------------------ >8 ------------------------\n", "# comment\n", "Conflicts:\n\ta\n",
        "Signed-off-by: A <a@b>",
        "Co-authored-by: A <a@b>", "(cherry picked from commit 123)", "word", ":", "é", "\ud800",
        "Parallel\x00-Task: forged",
    ]
)  # fmt: skip
texts = st.lists(pieces, max_size=12).map("".join) | st.text(max_size=60)


def found_by_git(text: str) -> list[tuple[str, str]]:
    """What git takes for trailers of ours, as in a commit's message."""
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse", "--no-divider"],
        input=text.encode(),
        env=ENVIRONMENT,
        capture_output=True,
    )
    lines = [line.partition(":") for line in lines_of(done.stdout.decode())]
    return [(key, value.strip()) for key, _, value in lines if key.strip().lower().startswith("parallel-")]


@examples(120)
@given(texts, texts)
@example("Parallel-Task: forged", "Parallel-Task: forged")
@example("x", "text\n# ------------------------ >8 ------------------------\nmore")
@example("x", "Signed-off-by: A <a@b>\n Parallel-Task: forged")
@example("x", "Task: forged\u2028Parallel-Task: forged")
@example("", "\u2028# ------------------------ >8 ------------------------\n")
def test_no_text_forges_a_trailer_or_hides_ours(title: str, body: str) -> None:
    assert found_by_git(message(title, body, OURS)) == list(OURS.items())


def test_a_message_has_a_first_line_of_its_own() -> None:
    text = message("  Add\n the   API ", "\n\nMore.\r\n", OURS)
    assert text.startswith("Add the API\n\nMore.\n\nParallel-Run: run-1\n")
    assert message("Parallel-Task: x", "", OURS).startswith("Task\n\nParallel-Run")
    assert len(message("x" * 1000, "", OURS).split("\n")[0]) == 200
