"""Programs that cannot be started, as a shell reports them. Imports nothing, for programs that have to start fast."""

import errno

_CODES = {
    errno.ENOENT: 127,  # no such command
    errno.ENOTDIR: 127,
    errno.EACCES: 126,
    errno.ENOEXEC: 126,
    errno.E2BIG: 126,
}


def start_failure(error: OSError | ValueError) -> int | None:
    """The exit code that a shell gives; None where the trouble is not the program's."""
    return _CODES.get(error.errno or 0) if isinstance(error, OSError) else 126
