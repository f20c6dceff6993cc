"""Errors of the file system, with the texts that every Unix user knows."""

from __future__ import annotations

import errno

STRERROR = {
    "E2BIG": "Argument list too long",
    "EACCES": "Permission denied",
    "EAGAIN": "Resource temporarily unavailable",
    "EBADF": "Bad file descriptor",
    "EBUSY": "Device or resource busy",
    "EEXIST": "File exists",
    "EFBIG": "File too large",
    "EINVAL": "Invalid argument",
    "EIO": "Input/output error",
    "EISDIR": "Is a directory",
    "ELOOP": "Too many levels of symbolic links",
    "EMFILE": "Too many open files",
    "ENAMETOOLONG": "File name too long",
    "ENOENT": "No such file or directory",
    "ENOEXEC": "Exec format error",
    "ENOSPC": "No space left on device",
    "ENOTDIR": "Not a directory",
    "ENOTEMPTY": "Directory not empty",
    "ENXIO": "No such device or address",
    "EPERM": "Operation not permitted",
    "EPIPE": "Broken pipe",
    "EROFS": "Read-only file system",
    "ETXTBSY": "Text file busy",
    "EXDEV": "Invalid cross-device link",
}
"""Text by name, as glibc and uClibc word it: the busybox images are linked with one of them."""


class FsError(OSError):
    """An operation on files failed. `errno_name` is such as "ENOENT"; `strerror` is the text for users.

    It is an OSError, so that code which knows nothing of this room can catch it.
    """

    strerror: str

    def __init__(self, errno_name: str, path: str = "") -> None:
        super().__init__(getattr(errno, errno_name), STRERROR[errno_name], path or None)
        self.errno_name = errno_name


def from_os_error(error: OSError, path: str = "") -> FsError:
    """The same error in our words; one without a name here is an I/O error."""
    if isinstance(error, FsError):
        return error
    name = errno.errorcode.get(error.errno or 0, "EIO")
    return FsError(name if name in STRERROR else "EIO", path)
