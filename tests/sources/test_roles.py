"""Roles by words: the table of the package, and tables of users."""

from pathlib import Path

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Options, load_roles, read
from parallelproject.sources.selection.report import NO_WORD
from parallelproject.sources.selection.roles import default_roles, parse_roles

TABLE = {
    "backend-architect": ["API", "backend", "server", "database"],
    "frontend-developer": ["UI", "component", "frontend", "React"],
    "test-automator": ["test", "pytest", "coverage"],
    "database-architect": ["migration", "schema", "SQL"],
    "security-auditor": ["security", "auth", "audit"],
}


@pytest.mark.parametrize(("role", "word"), [(role, word) for role, words in TABLE.items() for word in words])
def test_every_word_of_the_table_chooses_its_role(role: str, word: str):
    for text in (word, word.upper(), f"the {word.lower()}-thing", f"(src/{word}.x)", f"一{word}二"):
        assert default_roles().choose([text]) == (role, word)


@pytest.mark.parametrize("text", ["capital", "tests", "authenticate", "UIs", "build", "", "API2", "my_test"])
def test_only_whole_words_count(text: str):
    assert default_roles().choose([text]) == ("developer", None)


def test_the_title_outweighs_the_text_and_the_first_row_the_others():
    choose = default_roles().choose
    assert choose(["Add pytest coverage", "for the API"]) == ("test-automator", "pytest")
    assert choose(["", "audit the React server"]) == ("backend-architect", "server")


def test_the_report_says_which_word_chose_a_role():
    first = '{"id": 1, "title": "Login", "description": "the React form", "testStrategy": "test the API"}'
    text = f'[{first}, {{"id": 2, "title": "x"}}]'
    imported = read(text)
    assert [task.role for task in imported.project.spec.tasks] == ["frontend-developer", "developer"]
    assert imported.report.roles == {"1": ("frontend-developer", "React"), "2": ("developer", NO_WORD)}
    plain = read(text, options=Options(infer_roles=False))
    assert [task.role for task in plain.project.spec.tasks] == [None, None]
    assert not plain.report.roles


def test_a_users_table_replaces_the_packages(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("default: coder\nroles: [{role: writer, words: [docs, 'release note', C++]}]")
    options = Options(roles=load_roles(file))
    text = '[{"id": 1, "title": "API"}, {"id": 2, "title": "The Release Note"}, {"id": 3, "title": "more C++"}]'
    roles = [task.role for task in read(text, options=options).project.spec.tasks]
    assert roles == ["coder", "writer", "writer"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "default: x",
        "default: Not A Role\nroles: []",
        "default: x\nroles: {}",
        "default: x\nroles: [1]",
        "default: x\nroles: [{role: y}]",
        "default: x\nroles: [{role: Y Y, words: [a]}]",
        "default: x\nroles: [{role: y, words: []}]",
        "default: x\nroles: [{role: y, words: [1]}]",
        "default: x\nroles: [{role: y, words: [' ']}]",
        "default: [x\n",
    ],
)
def test_wrong_tables_are_told(text: str):
    with pytest.raises(ProblemsError, match=r"mine\.yaml"):
        parse_roles(text, "mine.yaml")
