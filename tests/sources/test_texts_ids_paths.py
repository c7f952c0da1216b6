"""Ids, texts and paths by themselves, with the laws that hold for any input."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parallelproject.sources.text.bounds import DESCRIPTION_MAX, PATH_MAX, TITLE_MAX
from parallelproject.sources.text.ids import is_label_value, label_values
from parallelproject.sources.text.paths import declared_path, find_paths
from parallelproject.sources.text.texts import as_text, clean, cut_description, cut_title, one_line

anything = st.text(st.characters(codec=None), max_size=80)


@settings(deadline=None)
@given(st.lists(anything | st.from_regex(r"[A-Za-z0-9][-._A-Za-z0-9]{0,70}", fullmatch=True)))
def test_ids_become_label_values_one_to_one_and_always_the_same(ids: list[str]):
    mapped = label_values(ids)
    assert all(map(is_label_value, mapped.values()))
    assert len(set(mapped.values())) == len(set(ids))
    assert all(mapped[id] == id for id in ids if is_label_value(id))
    assert label_values(reversed(ids)) == mapped


def test_an_id_keeps_its_name_when_others_come_and_cannot_be_stolen():
    alone = label_values(["a b"])["a b"]
    assert label_values(["x", "a b", "a  b"])["a b"] == alone
    both = label_values(["a b", alone])
    assert both[alone] == alone
    assert both["a b"] != alone
    assert label_values(["🎉"])["🎉"].startswith("task-")


@settings(deadline=None)
@given(anything)
def test_clean_texts_hold_no_control_characters_and_can_be_written(text: str):
    cleaned = clean(text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in cleaned)
    assert "\x7f" not in cleaned
    cleaned.encode()
    assert clean(cleaned) == cleaned


def test_line_ends_and_tabs_stay():
    assert clean("a\r\nb\rc\n\td\x0b\x85e") == "a\nb\nc\n\tde"


def test_any_value_is_text():
    assert as_text(["a", " b ", ""]) == "- a\n- b"
    assert as_text({"k": [1, None]}) == '{\n  "k": [\n    1,\n    null\n  ]\n}'
    assert [as_text(value) for value in (None, [], {}, "", 5, True)] == ["", "", "", "", "5", "true"]
    assert one_line(" a\n b\t c ") == "a b c"


def test_texts_are_cut_at_their_bounds_and_say_so():
    assert cut_title("x" * TITLE_MAX) == ("x" * TITLE_MAX, False)
    assert cut_title("x" * (TITLE_MAX + 1)) == ("x" * (TITLE_MAX - 1) + "…", True)
    assert cut_description("x" * DESCRIPTION_MAX, "f") == ("x" * DESCRIPTION_MAX, False)
    text, cut = cut_description("x" * 100_000, "tasks.json")
    assert cut
    assert len(text) == DESCRIPTION_MAX
    assert text.endswith("x\n\n[cut here: 100,000 characters in tasks.json]")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("Create `src/components/Login.tsx`.", ["src/components/Login.tsx"]),
        ("(see ./src/a.py:12, src/b.py#L3-L9 and src/a.py)", ["src/a.py", "src/b.py"]),
        ("[the docs](docs/a.md) **lib/x.test.ts**", ["docs/a.md", "lib/x.test.ts"]),
        ("under src/components/, and in tests/", ["src/components/"]),
        (".github/workflows/ci.yml and config/.env", [".github/workflows/ci.yml", "config/.env"]),
        ("__tests__/a.test.js src/routes/+page.svelte", ["__tests__/a.test.js", "src/routes/+page.svelte"]),
        ("Node.js, package.json, README.md", []),
        ("Next.js/React.js, client/server, and/or, CI/CD, e.g./i.e, 1.2/3.4", []),
        ("https://a.example/b/c.html www.x.org/y.html x.com/y.html example.io/a/b.json", []),
        ("../a/b.py a/../b.py /etc/a.conf ~/x/y.md C:\\a\\b.txt @/lib/x.ts origin/main..HEAD", []),
        ("src/**/*.ts src/{a,b}.ts src/[id]/page.tsx lib/$X/a.py a/<name>.py", []),
        ("node_modules/x/index.js a/node_modules/b.js .git/config.lock", []),
        ("application/vnd.api+json text/x.y application/vnd.ms", []),
        ("a/" + "b" * PATH_MAX + ".py", []),
    ],
)
def test_paths_in_text(text: str, paths: list[str]):
    assert list(find_paths(text)) == paths


@settings(deadline=None)
@given(st.text(alphabet="abAB./-_ \n`*[](){}<>:@#\\~\"'0", max_size=200))
def test_paths_found_stay_within_the_repository(text: str):
    for path in find_paths(text):
        assert declared_path(path) == path
        assert "/" in path
        assert not set(path) & set("*[]{}<>:@#\\~\"'` \n")


@pytest.mark.parametrize("path", ["/a", "a/../b", "..", "", ".", "./", "a\nb", "x" * (PATH_MAX + 1), 5, None, ["a"]])
def test_what_is_no_path_of_the_repository(path: object):
    assert declared_path(path) is None


def test_declared_paths_may_be_bare_names_and_globs():
    assert declared_path("x" * PATH_MAX) == "x" * PATH_MAX
    assert [declared_path(p) for p in ("go.mod", "./src/**", "a\\b.txt", "src/")] == [
        "go.mod",
        "src/**",
        "a/b.txt",
        "src/",
    ]
