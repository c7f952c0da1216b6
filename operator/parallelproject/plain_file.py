"""Opening a file that an untrusted task may have replaced: never through a link, never waiting on a pipe."""

import errno
import os
import stat
from pathlib import Path

_NONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENXIO, errno.ENAMETOOLONG})


def open_plain(path: Path | str, folder: int | None = None) -> int | None:
    """A descriptor for reading a plain file; None: there is no such file, or it is something else.

    Args:
        path: The file.
        folder: A descriptor of the folder that a relative path is in; None: the current one.

    Raises:
        OSError: this machine fails.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in _NONE:
            return None
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return file
