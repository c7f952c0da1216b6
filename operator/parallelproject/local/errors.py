"""Why a run cannot start or go on, apart from what is wrong with its input."""


class RunError(Exception):
    """Told to the user as it is, with what may help."""

    def __init__(self, found: str, mend: str = "") -> None:
        super().__init__(f"{found} ({mend})" if mend else found)
        self.found = found
        self.mend = mend
