"""The lines of what git prints. Pure."""


def lines_of(text: str) -> list[str]:
    """The lines of git's output; empty for an empty text.

    Only a newline ends a line. ``str.splitlines`` also breaks at Unicode line ends such as U+0085 and U+2028, which
    names of refs and files, trailers and subjects may contain.
    """
    return text.removesuffix("\n").split("\n") if text else []
