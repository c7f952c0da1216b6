"""What a scanner says, and what was waived of it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

WAIVERS = Path(__file__).with_name("waivers.toml")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a scanner says."""

    scanner: str
    rule: str
    place: str
    """A file with its line, or an object of a manifest."""
    text: str

    def __str__(self) -> str:
        return f"{self.scanner} {self.rule}: {self.place}: {self.text}"


@dataclass(frozen=True, slots=True)
class Waiver:
    """Findings that are accepted, and why."""

    scanner: str
    rule: str
    reason: str
    places: tuple[str, ...] = ("*",)
    """Patterns as of a shell; one of them fits the finding's place."""
    text: str = "*"
    """A pattern that fits what was found."""

    def __post_init__(self) -> None:
        if len(self.reason.split()) < 3:
            raise ValueError(f"{WAIVERS.name}: the waiver of {self.scanner} {self.rule} gives no reason: write one")

    def fits(self, finding: Finding) -> bool:
        """Whether it is about this finding."""
        return (
            (self.scanner, self.rule) == (finding.scanner, finding.rule)
            and any(fnmatchcase(finding.place, place) for place in self.places)
            and fnmatchcase(finding.text, self.text)
        )


def read_waivers(file: Path = WAIVERS) -> list[Waiver]:
    """All waivers.

    Raises:
        ValueError: one gives no reason, or has fields that there are not.
    """
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))["waiver"]
        return [Waiver(**{**entry, "places": tuple(entry.get("places", ("*",)))}) for entry in found]
    except (TypeError, KeyError) as error:
        raise ValueError(f"{file.name}: {error}") from None


def judge(findings: Iterable[Finding], waivers: Iterable[Waiver]) -> tuple[list[Finding], list[Waiver]]:
    """The findings that nothing waives, and the waivers that nothing needs."""
    open_, unused = [], list(waivers)
    waivers = tuple(unused)
    for finding in findings:
        fitting = [waiver for waiver in waivers if waiver.fits(finding)]
        if not fitting:
            open_.append(finding)
        unused = [waiver for waiver in unused if waiver not in fitting]
    return open_, unused
