"""Every command that README and the pages of docs show works as it is written there."""

from pathlib import Path

import pytest

from rig import ControlPlane
from tests.docs.blocks import PAGES, ROOT, Block, blocks, comparable
from tests.docs.places import PLACES, Shell, cluster, repository

ALL = [block for page in PAGES for block in blocks(page)]


def run(shell: Shell, block: Block) -> None:
    done = shell.run(block.script)
    if block.output is not None:
        assert comparable(done.stdout) == comparable(block.output), f"{block} prints something else"


def by_page(*places: str) -> list[object]:
    found = {(block.page, block.place) for block in ALL if block.place in places}
    return [pytest.param(page, place, id=f"{page.stem}-{place}") for page, place in sorted(found)]


def test_every_block_says_where_it_runs():
    assert len(ALL) > 20
    for block in ALL:
        kind, _, reason = block.place.partition(": ")
        if kind == "no":
            assert len(reason.split()) > 2, f"{block} does not say why it cannot run"
        elif kind.startswith("tests/"):
            assert (ROOT / kind).is_file(), f"{block}: there is no {kind}"
        else:
            assert kind in {*PLACES, "cluster"}, f"{block} has no line <!-- run: PLACE --> above it"


@pytest.mark.sampled(100, quick=3, always=lambda page, place: page.name == "README.md")
@pytest.mark.parametrize(("page", "place"), by_page(*PLACES))
def test_the_commands_of_a_page(page: Path, place: str, tmp_path: Path):
    with PLACES[place](tmp_path) as shell:
        for block in blocks(page):
            if block.place == place:
                run(shell, block)
        if (page.name, place) == ("README.md", "repository"):  # its run has landed, and is merged
            assert sorted(path.name for path in shell.folder.glob("work-*")) == [f"work-{id}.txt" for id in (1, 2, 3)]


@pytest.mark.cluster
@pytest.mark.parametrize(("page", "place"), by_page("cluster"))
def test_the_commands_of_a_page_in_a_cluster(
    page: Path, place: str, tmp_path: Path, control_plane: ControlPlane, namespace: str
):
    with cluster(tmp_path, control_plane, namespace) as shell:
        for block in blocks(page):
            if block.place == place:
                run(shell, block)


def test_without_the_permission_nothing_lands_as_the_page_on_the_laptop_says(tmp_path: Path):
    with repository(tmp_path) as shell:
        done = shell.run("pproj run --repo . --command 'claude -p < \"$PPROJ_TASK_FILE\"'")
        assert "changed nothing" in done.stdout
        assert shell.run("git rev-list --count main..parallel/shop").stdout == "0\n"
