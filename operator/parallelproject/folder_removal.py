"""Removing what a task may have left, whatever it is: the one way in which folders of tasks are removed.

Folders without rights, trees deeper than any path may be long, sockets, mounts and names that are not text are all
met in real workspaces. Symbolic links are removed, never followed. Standard library only.
"""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ALL_RIGHTS = 0o700
_GET_FLAGS, _SET_FLAGS, _LOCKING_FLAGS = 0x80086601, 0x40086602, 0x30
"""FS_IOC_GETFLAGS, FS_IOC_SETFLAGS; FS_IMMUTABLE_FL and FS_APPEND_FL."""
_NAME_MAX = 200
"""Bytes of a name that leave room for an addition."""


def remove(path: Path | str) -> None:
    """Removes a file or a whole folder; nothing happens where it is missing.

    A folder is renamed before anything in it is removed: at no moment is half of it there under its own name. What
    cannot be removed, since it belongs to another user, stays under the new name, ``.NAME.gone``; the own name is free.

    Raises:
        OSError: something cannot be removed. ``filename`` names what is still there.
    """
    path = os.fspath(path)
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(path)  # noqa: PTH108 - paths may be bytes that are no text
        return
    folder, name = os.path.split(path)
    earlier = [entry for entry in _entries(folder) if _is_gone(entry, name)]
    gone = _free(folder, name)
    _rights(path)  # the kernel asks for the right to write to a folder that is moved
    os.rename(path, gone)  # noqa: PTH104 - at one stroke
    _clear(gone, found.st_dev)
    for entry in earlier:  # of a removal that was cut off, or could not be done
        with suppress(OSError):
            _clear(f"{folder}/{entry}", found.st_dev)


def try_to_remove(path: Path | str) -> str | None:
    """The same; what could not be removed is the answer, not an error."""
    try:
        remove(path)
    except OSError as error:
        return f"{error.filename or path}: {error.strerror}"
    return None


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")  # noqa: PTH208 - names only
    except OSError:
        return []


def _is_gone(entry: str, name: str) -> bool:
    return entry.startswith(f".{name[:_NAME_MAX]}.gone")


def _free(folder: str, name: str) -> str:
    """A name in the same folder that nothing has."""
    for number in count():
        found = os.path.join(folder, f".{name[:_NAME_MAX]}.gone{number or ''}")  # noqa: PTH118
        if not os.path.lexists(found):
            return found
    raise AssertionError


def _clear(top: str, device: int) -> None:
    """Removes a folder. Its tree is made flat, so that no depth is too much for a path, for the stack or open files."""
    numbers = count()
    root = _open(top, None)
    try:
        while folders := _empty(root, root, numbers, device, top):
            for name in folders:
                inner = _open(name, root)
                try:
                    _empty(inner, root, numbers, device, f"{top}/{name}")
                finally:
                    os.close(inner)
                _forced(partial(os.rmdir, name, dir_fd=root), name, root, top)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), error.filename or top) from None
    finally:
        os.close(root)
    os.rmdir(top)  # noqa: PTH106


def _empty(folder: int, root: int, numbers: "count[int]", device: int, shown: str) -> list[str]:
    """Removes all in a folder but its folders, which go up into the root; gives those of the root."""
    with os.scandir(folder) as listed:
        entries = list(listed)
    folders = []
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            _forced(partial(os.unlink, entry.name, dir_fd=folder), entry.name, folder, shown)
        elif entry.stat(follow_symlinks=False).st_dev != device:
            # What is mounted there is somebody's: at the end it would be all that is removed.
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), f"{shown}/{entry.name}")
        elif folder == root:
            folders.append(entry.name)
        else:
            _rights(entry.name, folder)
            _forced(partial(_lift, entry.name, folder, root, numbers), entry.name, folder, shown)
    return folders


def _lift(name: str, folder: int, root: int, numbers: "count[int]") -> None:
    """Moves a folder into the root. A mount point does not let itself be moved (EBUSY)."""
    while True:
        try:
            os.rename(name, f"{next(numbers)}", src_dir_fd=folder, dst_dir_fd=root)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        else:
            return


def _open(name: str, folder: int | None) -> int:
    _rights(name, folder)
    return os.open(name, _OPEN, dir_fd=folder)


def _rights(name: str, folder: int | None = None) -> None:
    """Gives its owner all rights to a folder. Not by its name at once: that would follow a symbolic link."""
    if not hasattr(os, "O_PATH"):
        with suppress(OSError):
            os.chmod(name, _ALL_RIGHTS, dir_fd=folder, follow_symlinks=False)
        return
    found = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if os.fstat(found).st_mode & _ALL_RIGHTS != _ALL_RIGHTS:
            with suppress(OSError):  # somebody else's: what follows says so
                os.chmod(f"/proc/self/fd/{found}", _ALL_RIGHTS)  # noqa: PTH101
    finally:
        os.close(found)


def _forced(call: Callable[[], None], name: str, folder: int, shown: str) -> None:
    """Does it; again without the flags (chattr(1)) that forbid it, where we may take those away."""
    try:
        call()
    except PermissionError:
        _unlock(folder)
        with suppress(OSError):
            found = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                _unlock(found)
            finally:
                os.close(found)
        try:
            call()
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), f"{shown}/{name}") from None


def _unlock(file: int) -> None:
    """Takes the flags "immutable" and "append only" from a file (ioctl_iflags(2))."""
    if sys.platform == "linux":
        flags = bytearray(8)
        with suppress(OSError):
            fcntl.ioctl(file, _GET_FLAGS, flags)
            value = int.from_bytes(flags, sys.byteorder) & ~_LOCKING_FLAGS
            fcntl.ioctl(file, _SET_FLAGS, value.to_bytes(8, sys.byteorder))
