"""Untrusted words are shown as they are, and do nothing; judged by a parser of Markdown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parallelproject.forge.publishing import markdown

PARSER = MarkdownIt("gfm-like", {"linkify": False, "html": True})
GAP = "\u200b"
HOSTILE = [
    "a | b", "a \\| b", "a \\", "`code`", "``x` |", "**bold** _it_", "[link](https://evil.example)", "![i](x)",
    "<script>alert(1)</script>", "<!-- x -->", "&lt;b&gt;", "&#64;bob", "# heading", "- item", "1. item", "12. item",
    "> quote", "---", "===", "~~~", "```", "~~gone~~", "a\nb", "a\r\n\r\n| c | d |\n|---|---|", "\t code", "$x$",
    "[x]: https://evil.example", "<https://evil.example>", "</td></tr>", "\u202egnp.exe", "a\u2028b", "\x00\x1b[31m",
    "+ item", "0) item",
]  # fmt: skip


def line(text: str) -> str:
    """What is to be seen of a text."""
    shown = "".join(markdown._shown(character) for character in text)
    return re.sub(r"\s+", " ", shown).strip()


def seen(content: str) -> str:
    return content.replace(GAP, "")


def cells(source: str) -> list[str]:
    """The cells of the only row; everything in them is text."""
    tokens = PARSER.parse(f"| A | B |\n|---|---|\n{source}\n")
    assert [token.type for token in tokens].count("tr_open") == 2
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    inline = [token for token in tokens if token.type == "inline"][2:]
    assert all(child.type in ("text", "text_special") for token in inline for child in token.children or ())
    return ["".join(child.content for child in token.children or ()) for token in inline]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_is(text: str) -> None:
    assert [seen(cell) for cell in cells(f"| {markdown.escape(text)} | end |")] == [line(text), "end"]
    check_alone(text)


@given(st.text(max_size=60) | st.text("@#!|\\`*_<>&;[]()~-+=.:/ \n1aGH$^%", max_size=40))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    if GAP not in text:
        assert [seen(cell) for cell in cells(f"| {markdown.escape(text)} | end |")] == [seen(line(text)), "end"]
        check_alone(text)


def check_alone(text: str) -> None:
    """Not in a table, but at the start of a line: a paragraph of text, or nothing."""
    tokens = PARSER.parse(markdown.escape(text))
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    for token in tokens[1:2]:
        assert all(child.type in ("text", "text_special") for child in token.children or ())
        assert seen("".join(child.content for child in token.children or ())) == line(text)


REFERENCE = re.compile(r"[@#!$~%&^]\w|\bGH-\d|://|\bwww\.|^/", re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    ["@bob", "mail@host.example", "fixes #12", "closes acme/shop#1", "GH-12", "!12", "$5", "~bug", "%v1", "&3",
     "/merge", "  /close", "fixes https://github.com/acme/shop/issues/1", "www.evil.example", "@@all", "gh-3", "##1"],
)  # fmt: skip
def test_nobody_is_mentioned_and_nothing_is_referred_to(text: str) -> None:
    assert REFERENCE.search(text.strip())
    rendered = "".join(child.content for token in PARSER.parse(markdown.escape(text)) for child in token.children or ())
    assert not REFERENCE.search(rendered)
    assert not REFERENCE.search(re.sub(r"^/", "", markdown.plain(text)))


@given(st.text(max_size=80))
def test_code_is_one_span_whatever_is_in_it(text: str) -> None:
    made = markdown.code(text)
    tokens = PARSER.parse(f"| A | B |\n|---|---|\n| {made} | end |\n")
    inline = [token for token in tokens if token.type == "inline"][2:]
    assert [child.type for child in inline[0].children or ()] in (["code_inline"], [])
    assert inline[1].content == "end"


@given(st.text(max_size=80), st.integers(1, 40))
def test_a_title_is_one_line_of_the_length_that_is_allowed(text: str, longest: int) -> None:
    title = markdown.plain(text, longest)
    assert len(title.encode("utf-16-le")) <= 2 * longest
    assert "\n" not in title
    assert title == title.strip() or len(text) > longest


def test_what_is_no_commit_is_not_shown_as_one() -> None:
    assert markdown.commit("9b1e77c0aa11bb22cc33") == "`9b1e77c0aa11`"
    assert [markdown.commit(text) for text in (None, "", "HEAD", "`x`", "9b1e77c|")] == [""] * 5
