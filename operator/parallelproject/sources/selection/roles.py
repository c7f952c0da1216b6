"""Chooses the role of a task that names none, by the words of its text. The table is data: ``roles.yaml``."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from parallelproject.model.problem import quoted
from parallelproject.model.spec import ROLE_PATTERN
from parallelproject.sources.text import yaml_text
from parallelproject.sources.text.findings import Findings

_ROWS_MAX = 100
_ROLE = re.compile(ROLE_PATTERN)


def is_role(name: object) -> bool:
    """Whether a value may be the name of a role."""
    return isinstance(name, str) and _ROLE.fullmatch(name) is not None


@dataclass(frozen=True)
class RoleTable:
    """Words and the roles that they stand for."""

    default: str
    """Role of a task in whose text no word is."""
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    """(role, its words), the first row first."""

    def choose(self, texts: Sequence[str]) -> tuple[str, str | None]:
        """The role for a task, and the word that chose it (None: the default).

        Args:
            texts: The texts to search, the most specific first: a word in the title takes precedence.
        """
        for text in texts:
            for role, pattern, words in _patterns(self):
                if found := pattern.search(text):
                    return role, words[found[0].lower()]
        return self.default, None


@functools.lru_cache(maxsize=8)
def _patterns(table: RoleTable) -> list[tuple[str, re.Pattern[str], dict[str, str]]]:
    made = []
    for role, words in table.rows:
        longest_first = sorted(words, key=len, reverse=True)
        either = "|".join(re.escape(word) for word in longest_first)
        pattern = re.compile(rf"(?<![a-z0-9_])(?:{either})(?![a-z0-9_])", re.IGNORECASE | re.ASCII)
        made.append((role, pattern, {word.lower(): word for word in words}))
    return made


@functools.cache
def default_roles() -> RoleTable:
    """The package's own table."""
    text = resources.files("parallelproject.sources.selection").joinpath("roles.yaml").read_text(encoding="utf-8")
    return parse_roles(text, "roles.yaml")


def parse_roles(text: str, file: str) -> RoleTable:
    """Reads a table in the form of the package's ``roles.yaml``.

    Raises:
        ProblemsError: everything wrong with it.
    """
    findings = Findings(file)
    documents = yaml_text.parse(text, findings)
    data = documents[0].data if len(documents) == 1 else None
    if not isinstance(data, dict) or set(data) != {"default", "roles"} or not isinstance(data["roles"], list):
        findings.stop(file, "is not a table of roles", "write default: ROLE and roles: [{role: …, words: […]}]")
    if not is_role(data["default"]):
        findings.error(findings.at("default"), f"{quoted(data['default'])} is not the name of a role")
    rows = []
    for index, row in enumerate(data["roles"]):
        place = findings.at(f"roles[{index}]")
        if not isinstance(row, dict) or set(row) != {"role", "words"} or not isinstance(row["words"], list):
            findings.error(place, "is not a row of the table", "write {role: …, words: […]}")
            continue
        if not is_role(row["role"]):
            findings.error(place, f"{quoted(row['role'])} is not the name of a role", "small letters, digits, -")
        words = [word for word in row["words"] if isinstance(word, str) and word.strip() and word.isascii()]
        if not words or len(words) < len(row["words"]) or len(words) > _ROWS_MAX:
            hint = f"up to {_ROWS_MAX} words, numbers in quotes"
            findings.error(f"{place}.words", "is not a list of words", hint)
        rows.append((str(row["role"]), tuple(word.strip() for word in words)))
    if len(rows) > _ROWS_MAX:
        findings.error(findings.at("roles"), f"has more than {_ROWS_MAX} rows")
    findings.stop_if_errors()
    return RoleTable(str(data["default"]), tuple(rows))
