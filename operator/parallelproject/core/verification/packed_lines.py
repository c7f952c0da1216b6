"""Lines of text, compressed to a maximum size: a container's termination message has 4 KiB. Pure.

What does not fit is dropped from the end, so callers give the important lines first. A text that somebody else has cut
is still read as far as it goes.
"""

import base64
import zlib
from collections.abc import Callable, Sequence

UNPACKED_MAX = 1_000_000
"""Maximum bytes of a text that is unpacked, by default: others may have written it."""
_BLOCK = 5
"""Characters of base85 for 4 bytes."""


def pack(text: str) -> str:
    """A text as printable ASCII without quotes and backslashes."""
    return base64.b85encode(zlib.compress(text.encode(errors="surrogatepass"), 9)).decode()


def unpack(packed: str, most: int = UNPACKED_MAX) -> str:
    """What was packed, or the whole lines at its start that can be read and have no more bytes."""
    text, is_whole = _inflated(packed, most)
    if not is_whole:  # of a block that was cut, the last bytes would be wrong
        text, is_whole = _inflated(packed[: len(packed) - len(packed) % _BLOCK], most)
    return text if is_whole else text[: text.rfind("\n") + 1]


def unpack_whole(packed: str, most: int) -> str:
    """What was packed.

    Raises:
        ValueError: a part of it is missing, or it has more bytes than ``most``.
    """
    text, is_whole = _inflated(packed, most)
    if not is_whole:
        raise ValueError(f"the packed text has no end, or more than {most:,} bytes")
    return text


def _inflated(packed: str, most: int) -> tuple[str, bool]:
    """The text as far as it can be read, and whether it has its end."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(base64.b85decode(packed), most)
    except (ValueError, zlib.error):
        return "", False
    return found.decode(errors="replace"), stream.eof


def most_that_fit(count: int, most: int, packed: Callable[[int], str]) -> str:
    """The longest of several texts of growing length that fits; empty if none does.

    Args:
        count: How many there are.
        most: Maximum characters.
        packed: Makes the text of a number from 0 to ``count``.
    """
    found = packed(count)
    if len(found) <= most:
        return found
    found, low, high = "", 0, count - 1
    while low <= high:
        middle = (low + high) // 2
        tried = packed(middle)
        if len(tried) <= most:
            found, low = tried, middle + 1
        else:
            high = middle - 1
    return found


def pack_lines(lines: Sequence[str], most: int) -> str:
    """The first lines that fit."""
    return most_that_fit(len(lines), most, lambda count: pack("".join(f"{line}\n" for line in lines[:count])))
