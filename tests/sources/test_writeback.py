"""States written back: what is written, and that all else stays byte for byte."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parallelproject.sources import Options, read
from parallelproject.sources.text.json_spans import replaced, setting, spans
from parallelproject.sources.writeback import NotWrittenError, marked, marked_front_matter

NOW = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


def done(text: str, file: str, *ids: str) -> str:
    return marked(text, read(text, file=file).report, ids, NOW)


TASKS = """{
  "meta": {"v": 1.10},
  "tasks": [
    {"id": 1, "title": "é \\u00e9", "status": "pending"},
    {
      "id": 2, "title": "B",
      "subtasks": [ {"id":1,"title":"x","status":"in-progress"}, {"id":2,"title":"y"} ]
    }
  ]
}
"""


def test_taskmaster_changes_the_states_and_nothing_else():
    text = done(TASKS, "tasks.json", "1", "2.1")
    assert text == TASKS.replace('"pending"', '"done"').replace('"in-progress"', '"done"')
    assert read(text, file="tasks.json").report.done == 2


def test_a_task_is_done_when_its_last_subtask_is():
    data = json.loads(done(TASKS, "tasks.json", "2.1", "2.2"))
    assert data["tasks"][1]["status"] == "done"
    assert [part["status"] for part in data["tasks"][1]["subtasks"]] == ["done", "done"]
    assert "status" not in json.loads(done(TASKS, "tasks.json", "2.1"))["tasks"][1]
    assert done(TASKS, "tasks.json") == TASKS


def test_of_tags_only_the_one_that_was_read_is_written():
    text = json.dumps(
        {"a.b": {"tasks": [{"id": 1, "title": "x"}]}, "master": {"tasks": [{"id": 1, "title": "x"}]}}, indent=1
    )
    report = read(text, file="t.json", options=Options(tag="a.b")).report
    data = json.loads(marked(text, report, ["1"], NOW))
    assert [tag["tasks"][0].get("status") for tag in data.values()] == ["done", None]


def test_beads_lines_are_closed_with_the_time():
    text = '{"id":"a","title":"A","status":"open","updated_at":"x"}\r\n\n{"title": "B", "id": "b"}\n'
    assert done(text, "issues.jsonl", "a", "b") == (
        '{"id":"a","title":"A","status":"closed","closed_at":"2027-01-02T03:04:05Z","updated_at":"2027-01-02T03:04:05Z"}\r\n'
        '\n{"status": "closed", "closed_at": "2027-01-02T03:04:05Z", "title": "B", "id": "b"}\n'
    )
    listed = json.dumps([{"id": "a", "title": "A", "issue_type": "task"}])
    assert json.loads(done(listed, "x.json", "a"))[0]["status"] == "closed"


def test_boxes_are_ticked_and_so_is_what_contains_them():
    text = "# P\r\n\r\n- [ ] 1. a\r\n  - [ ] 1.1 b\r\n  - [x] 1.2 c\r\n* [>] 2. d [ ]\r\n"
    ticked = done(text, "p.md", "1.1")
    assert ticked == text.replace("- [ ] 1.1", "- [x] 1.1").replace("- [ ] 1. a", "- [x] 1. a")
    assert done(text, "p.md", "2") == text.replace("[>] 2", "[x] 2")


def test_the_boxes_of_a_heading_that_is_a_task_are_ticked():
    text = "# P\n\n### Task 1: A\n- [ ] **Step 1: x**\n```\n- [ ] in code\n```\n\n"
    text += "### Task 2: B\n- [ ] y\n\n## Check\n- [ ] z\n"
    first = next(iter(read(text, file="p.md").report.places))
    assert done(text, "p.md", first) == text.replace("- [ ] **Step", "- [x] **Step")


def test_comments_in_code_end_no_task_and_examples_in_code_are_not_ticked():
    text = "### Task 1: A\n```sh\n# build it\nmake\n```\n- [ ] x\n````md\n```sh\n- [ ] code\n```\n````\n- [ ] y\n"
    text += "<!--\n- [ ] old\n-->\n### Task 2: B\n- [ ] z\n"
    ticked = text.replace("- [ ] x", "- [x] x").replace("- [ ] y", "- [x] y")
    assert done(text, "p.md", "task-1") == ticked


def test_what_contains_a_task_by_its_number_is_ticked_with_its_last_part():
    text = "- [ ] 2. a\n- [x] 2.1 b\n- [ ] 2.2 c\n- [ ] 3. d\n- [ ] 3.1 e\n"
    assert done(text, "p.md", "2.2") == text.replace("- [ ] 2", "- [x] 2")


def test_front_matter_gets_the_state_and_the_body_stays():
    text = "---\r\nid: a\r\nstatus: To Do  \r\n---\r\nstatus: x\r\n"
    assert marked_front_matter(text, "Done") == text.replace("To Do", "Done")
    assert marked_front_matter("---\nid: a\n---\nb", "✔ Done") == "---\nid: a\nstatus: '✔ Done'\n---\nb"
    with pytest.raises(NotWrittenError):
        marked_front_matter("no", "Done")


def test_a_feature_that_passes_is_not_ours_to_say():
    text = '[{"id": 1, "description": "x", "passes": false}]'
    with pytest.raises(NotWrittenError, match="no states are written"):
        done(text, "f.json", "1")


def test_a_file_that_is_another_one_by_now_is_not_written():
    report = read(TASKS, file="tasks.json").report
    with pytest.raises(NotWrittenError):
        marked('{"tasks": []}', report, ["2.2"], NOW)
    with pytest.raises(NotWrittenError):
        marked("# gone\n", read("- [ ] a\n- [ ] b\n", file="p.md").report, ["b"], NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=15,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.sampled_from([None, 0, 1, 3]), st.text(max_size=3))
@settings(deadline=None)
def test_setting_a_member_of_any_object_changes_that_member_alone(
    data: dict[str, object], indent: int | None, key: str
):
    text, key = json.dumps(data, indent=indent), key.translate({ord(mark): None for mark in '"\\'})
    for behind in (None, next(iter(data), None)):
        if key.isprintable():
            new = replaced(text, [setting(text, spans(text), key, '"new"', behind)])
            assert json.loads(new) == {**data, key: "new"}


@given(st.text(max_size=30))
def test_no_text_is_edited_as_json_by_mistake(text: str):
    try:
        span = spans(text)
    except (ValueError, IndexError):
        return
    assert 0 <= span.start <= span.end <= len(text)
