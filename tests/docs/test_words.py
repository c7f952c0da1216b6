"""Texts use plain technical English: no text that a person reads has a word of the right column of docs/style.md."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "style.md"
PYTHON = ("operator/parallelproject", "tools")
"""Folders of Python files. The tests may follow."""
TEXTS = (
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "charts/parallelproject/Chart.yaml",
    "charts/parallelproject/README.md",
    "charts/parallelproject/files/*",
    "charts/parallelproject/templates/*",
    "charts/parallelproject/values.*",
    "crds/*.yaml",
    "docs/*.md",
    "docs/changes/*.md",
    "docs/design/*.md",
    "docs/reference/*.md",
    "manifests/*.yaml",
    "manifests/examples/**/*.*",
    "tools/**/*.md",
)
"""Files whose whole text is read by people, as patterns. What they quote as code does not count."""
EXCEPTIONS = frozenset({("operator/parallelproject/sources/selection/phases.py", "can not")})
"""Fair uses: file and word."""


def forbidden() -> dict[str, str]:
    """By word of the right column of the table "Words", what to use instead."""
    table = PAGE.read_text().split("## Words")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return {word.strip(): use for use, words in rows[2:] for word in words.split(",")}


def pattern(words: dict[str, str]) -> re.Pattern[str]:
    """Matches each of the words, also across the end of a line; a single word also within a snake_case name."""
    spaced = ("[\\s#]+".join(map(re.escape, word.split())) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![a-z])(?:{'|'.join(spaced)})(?![a-z])", re.IGNORECASE)


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """The comments (neighbouring ones as one), strings and names of a Python file, with their lines."""
    comments: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments.append(token)
        elif token.type not in (tokenize.NL, tokenize.NEWLINE) and comments:
            yield comments[0].start[0], " ".join(comment.string for comment in comments)
            comments = []
        if token.type == tokenize.NAME:
            yield token.start[0], re.sub(r"(?<=[a-z])(?=[A-Z])", "_", token.string)
    if comments:
        yield comments[0].start[0], " ".join(comment.string for comment in comments)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def plain_text(text: str) -> str:
    """A page without what it quotes as code."""
    return re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)


def found_in(file: Path, words: dict[str, str]) -> list[str]:
    """Each forbidden word of a file, as a line for a person who has to fix it."""
    name = str(file.relative_to(ROOT))
    source = file.read_text()
    texts = list(python_texts(source)) if file.suffix == ".py" else [(0, plain_text(source))]
    expression = pattern(words)
    found = []
    for line, text in texts:
        for match in expression.finditer(text):
            word = " ".join(re.split(r"[\s#]+", match.group().lower()))
            if (name, word) not in EXCEPTIONS:
                at = line + text[: match.start()].count("\n")
                found.append(f'{name}:{at}: "{word}" (use: {words[word]})')
    return found


def files() -> list[Path]:
    """All files that the test covers: not the page of the words itself."""
    python = [file for folder in PYTHON for file in sorted((ROOT / folder).rglob("*.py"))]
    return python + [file for each in TEXTS for file in sorted(ROOT.glob(each)) if file != PAGE]


def test_texts_use_the_words_of_the_style_page() -> None:
    words = forbidden()
    covered = files()
    assert len(words) > 40
    assert len(covered) > 10
    assert [line for file in covered for line in found_in(file, words)] == []


def test_every_exception_is_needed() -> None:
    words = forbidden()
    for name, word in EXCEPTIONS:
        assert word in words
        assert pattern({word: ""}).search((ROOT / name).read_text()), f"{name} no longer has the word {word}"


def test_a_forbidden_word_is_found_in_names_comments_strings_and_across_lines() -> None:
    words = {"told": "gets", "at work": "running"}
    expression = pattern(words)
    source = '# tasks at\n# work\nwho_told = f"{1} was Told"\n"""It is at\n    work."""\nuntold = "at workplaces"\n'
    hits = [match for _, text in python_texts(source) for match in expression.findall(text)]
    assert sorted(re.split(r"[\s#]+", hit.lower())[-1] for hit in hits) == ["told", "told", "work", "work"]
