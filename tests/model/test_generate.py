"""``python -m generate``: the generated files are up to date, and it is told when they are not."""

import re
from pathlib import Path

import pytest
import yaml

from generate.__main__ import main
from generate.fields import anchor, fields
from generate.outputs import OUTPUTS, stale
from parallelproject.model.crd import COLUMNS, crd, places, project_schema

pytestmark = pytest.mark.usefixtures("helm_program")  # the manifest is rendered


def test_the_generated_files_are_up_to_date(pytestconfig: pytest.Config):
    assert stale(pytestconfig.rootpath) == [], "run `make generate`"


def test_writes_what_is_missing_and_then_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == list(OUTPUTS)
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out == ""


def test_check_names_the_files_that_differ_and_leaves_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main([], tmp_path)
    assert main(["--check"], tmp_path) == 0
    first, second, *_ = OUTPUTS
    (tmp_path / first).write_text("edited")
    (tmp_path / second).unlink()
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [first, second]
    assert (tmp_path / first).read_text() == "edited"


def test_the_crd_file_holds_the_crd():
    (text,) = (text() for path, text in OUTPUTS.items() if path.startswith("crds/"))
    assert yaml.safe_load(text) == crd()
    assert text.startswith("# Generated")


def test_the_reference_has_every_field_once():
    page = fields()
    for place, node in places(project_schema()):
        if place.startswith(("spec", "status")) and "properties" in node:
            section = page.split(f"# {place}\n", 1)[1].split("\n#", 1)[0]
            assert re.findall(r"^\| \*\*(\w+)\*\* ", section, re.M) == list(node["properties"])
    for column in COLUMNS:
        assert f"**{column['name'].upper()}**" in page


def test_the_references_links_lead_to_its_headings():
    page = fields()
    headings = [anchor(heading) for heading in re.findall(r"^#+ (.+)$", page, re.M)]
    assert len(headings) == len(set(headings))
    links = re.findall(r"\]\(#(.*?)\)", page)
    assert links
    assert set(links) <= set(headings)


def test_the_references_tables_have_as_many_cells_in_each_row():
    for table in re.findall(r"(?:^\|.*\|\n)+", fields(), re.M):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
