"""A task without an id is known by its text: the same id wherever it stands, and whatever is changed around it."""

import json

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from parallelproject.sources import Imported, Options, read
from parallelproject.sources.text.ids import fill_ids, is_label_value, text_id, text_ids

WORDS = st.lists(
    st.sampled_from(["add", "the", "reader", "API", "C++", "C#", "v2", "12", "Prüfung", "测试", "e-mail"]),
    min_size=1,
    max_size=12,
).map(" ".join)
ANY = st.text(st.characters(codec=None), max_size=80)


def markdown(text: str) -> Imported:
    return read(text, file="list.md", options=Options(infer_roles=False))


def ids(text: str) -> dict[str, str]:
    return {task.title: task.id for task in markdown(text).project.spec.tasks}


def test_ids_are_readable():
    assert text_id("Write the **reader**.") == "write-the-reader"
    assert text_id("write  THE reader") == "write-the-reader"
    assert text_id("2 columns") == "2-columns"
    assert text_id("Add C++").startswith("add-c-")
    assert text_id("测试").startswith("task-")
    assert not text_id("12").isdigit()


@settings(deadline=None)
@given(ANY)
def test_every_text_has_an_id_that_is_valid(text: str):
    assert is_label_value(text_id(text))


@settings(deadline=None)
@given(st.lists(ANY | WORDS, max_size=20), st.data())
def test_ids_are_unique_valid_and_no_numbers(texts: list[str], data: st.DataObject):
    parents = [data.draw(st.sampled_from([None, *range(index)])) for index in range(len(texts))]
    headings = [data.draw(st.sampled_from(["", "A", "B"])) for _ in texts]
    found = text_ids(texts, parents, headings)
    assert len(set(found)) == len(texts)
    assert all(map(is_label_value, found))
    assert not any(id.isdigit() for id in found)


@settings(deadline=None)
@given(st.lists(WORDS, unique_by=text_id, max_size=10), WORDS, st.data())
def test_an_id_stays_when_others_come_go_and_move(texts: list[str], new: str, data: st.DataObject):
    before = dict(zip(texts, text_ids(texts), strict=True))
    changed = data.draw(st.permutations([*texts, new]))
    assume(text_id(new) not in before.values())
    after = dict(zip(changed, text_ids(changed), strict=True))
    assert all(after[text] == id for text, id in before.items())


@settings(deadline=None)
@given(
    st.lists(WORDS, unique_by=str.casefold, min_size=2, max_size=6),
    st.lists(st.sampled_from(" x>"), min_size=6, max_size=6),
)
def test_boxes_markers_and_places_do_not_change_the_ids_of_a_list(texts: list[str], marks: list[str]):
    assume(len(set(map(text_id, texts))) == len(texts))
    options = Options(infer_roles=False, include_done=True)

    def found(rows: list[str]) -> dict[str, str]:
        return {t.title: t.id for t in read("\n".join(rows), file="x.md", options=options).project.spec.tasks}

    plain = found([f"- [ ] {text}" for text in texts])
    changed = [f"* [{mark}] [P] {text}" for mark, text in zip(marks, texts, strict=False)]
    assert found(["# Title", *reversed(changed), "", "- [ ] quite another one"]).items() >= plain.items()


def test_entries_within_others_are_known_with_them():
    text = "- [ ] Login\n  - [ ] Test it\n- [ ] Page\n  - [ ] Test it\n"
    assert list(markdown(text).project.spec.tasks[0].id.split(".")) == ["login", "test-it"]
    assert [task.id for task in markdown(text).project.spec.tasks] == ["login.test-it", "page.test-it"]
    more = "- [ ] Start\n  - [ ] Test it\n" + text
    assert [task.id for task in markdown(more).project.spec.tasks] == ["start.test-it", "login.test-it", "page.test-it"]


def test_the_same_text_below_other_headings_is_told_apart_by_them():
    text = "## Login\n- [ ] Test it\n## Page\n- [ ] Test it\n- [ ] Draw it\n"
    assert [task.id for task in markdown(text).project.spec.tasks] == ["login.test-it", "page.test-it", "draw-it"]


def test_the_same_text_in_the_same_place_is_numbered_with_a_warning():
    imported = markdown("- [ ] Test it\n- [ ] Test it\n")
    assert [task.id for task in imported.project.spec.tasks] == ["test-it", "test-it.2"]
    assert "its place makes it test-it.2 (give each an id" in str(imported.report.warnings[0])


def test_a_text_in_other_words_is_a_new_task():
    assert ids("- [ ] write the reader\n")["write the reader"] != ids("- [ ] write a reader\n")["write a reader"]


def test_json_lists_without_ids_are_known_by_their_text_too():
    data = [{"description": "[P:Group-A] write it"}, {"title": "Test it"}, {"id": "x", "description": "z"}]
    found = [task.id for task in read(json.dumps(data)).project.spec.tasks]
    assert found == ["write-it", "test-it", "x"]
    found = [task.id for task in read(json.dumps([{"description": "[P] new"}, *data])).project.spec.tasks]
    assert found == ["new", "write-it", "test-it", "x"]


def test_filled_ids_leave_those_that_are_given():
    assert fill_ids(["a", None, None, None], ["x", "a", "", "b"]) == ["a", "a.1", None, "b"]


def test_taskmaster_and_beads_without_ids_are_known_by_their_titles():
    tasks = [{"title": "Write it", "subtasks": [{"title": "Test it"}, {"id": 2, "title": "x"}]}, {"title": "Draw it"}]
    for more in ([], [{"title": "New"}]):
        found = read(json.dumps({"tasks": more + tasks}), file="tasks.json").project.spec.tasks
        assert [task.id for task in found] == ["new"] * len(more) + ["write-it.test-it", "write-it.2", "draw-it"]
    rows = [{"title": "Write it"}, {"title": "Write it"}, {"_type": "memory", "text": "x"}]
    lines = "\n".join(json.dumps(row) for row in rows)
    imported = read(lines, file="issues.jsonl")
    assert [task.id for task in imported.project.spec.tasks] == ["write-it", "write-it.2"]
    assert 'it is known by its title, as "write-it"' in str(imported.report.warnings[0])
