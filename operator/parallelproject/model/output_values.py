"""Which files in PPROJ_OUTPUTS are outputs, and their values. Without the models, which are slow to load."""

import re

from parallelproject.model.names import RESERVED_OUTPUTS

OUTPUT_PATTERN = r"^[A-Za-z0-9_][-._A-Za-z0-9]{0,62}$"
OUTPUT_MAX = 1024
"""Maximum bytes of an output that is used as a value."""

_OUTPUT = re.compile(OUTPUT_PATTERN)


def is_output(name: str) -> bool:
    """Whether a file of this name in PPROJ_OUTPUTS is an output that may be used as a value."""
    return _OUTPUT.fullmatch(name) is not None and name not in RESERVED_OUTPUTS


def value_of(content: bytes) -> str | None:
    """The value of an output with this content, without one newline at its end; None: it is no short text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    text = text.removesuffix("\n").removesuffix("\r")
    return None if "\0" in text or len(text.encode()) > OUTPUT_MAX else text
