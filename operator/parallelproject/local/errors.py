"""Why a run cannot start or continue, apart from what is wrong with its input."""


class RunError(Exception):
    """Shown to the user as it is, with what may help."""

    def __init__(self, found: str, hint: str = "") -> None:
        super().__init__(f"{found} ({hint})" if hint else found)
        self.found = found
        self.hint = hint
