"""The lines of what git prints. Pure."""


def lines_of(text: str) -> list[str]:
    """The lines of a text of git's, none of an empty one.

    Only a newline ends a line. ``str.splitlines`` also breaks at what Unicode takes for an end of line, as U+0085 and
    U+2028, which names of refs and files, trailers and subjects may hold.
    """
    return text.removesuffix("\n").split("\n") if text else []
