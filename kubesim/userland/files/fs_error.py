"""Errors of the file system, with the texts that every Unix user knows."""

from __future__ import annotations

import errno

STRERROR = {
    "E2BIG": "Argument list too long",
    "EACCES": "Permission denied",
    "EADDRINUSE": "Address already in use",
    "EADDRNOTAVAIL": "Cannot assign requested address",
    "EAFNOSUPPORT": "Address family not supported by protocol",
    "EAGAIN": "Resource temporarily unavailable",
    "EALREADY": "Operation already in progress",
    "EBADF": "Bad file descriptor",
    "EBUSY": "Device or resource busy",
    "ECHILD": "No child processes",
    "ECONNABORTED": "Software caused connection abort",
    "ECONNREFUSED": "Connection refused",
    "ECONNRESET": "Connection reset by peer",
    "EDEADLK": "Resource deadlock avoided",
    "EDESTADDRREQ": "Destination address required",
    "EDOM": "Numerical argument out of domain",
    "EDQUOT": "Disk quota exceeded",
    "EEXIST": "File exists",
    "EFAULT": "Bad address",
    "EFBIG": "File too large",
    "EHOSTDOWN": "Host is down",
    "EHOSTUNREACH": "No route to host",
    "EILSEQ": "Invalid or incomplete multibyte or wide character",
    "EINPROGRESS": "Operation now in progress",
    "EINTR": "Interrupted system call",
    "EINVAL": "Invalid argument",
    "EIO": "Input/output error",
    "EISCONN": "Transport endpoint is already connected",
    "EISDIR": "Is a directory",
    "ELOOP": "Too many levels of symbolic links",
    "EMFILE": "Too many open files",
    "EMLINK": "Too many links",
    "EMSGSIZE": "Message too long",
    "ENAMETOOLONG": "File name too long",
    "ENETDOWN": "Network is down",
    "ENETUNREACH": "Network is unreachable",
    "ENFILE": "Too many open files in system",
    "ENOBUFS": "No buffer space available",
    "ENODATA": "No data available",
    "ENODEV": "No such device",
    "ENOENT": "No such file or directory",
    "ENOEXEC": "Exec format error",
    "ENOLCK": "No locks available",
    "ENOMEM": "Cannot allocate memory",
    "ENOPROTOOPT": "Protocol not available",
    "ENOSPC": "No space left on device",
    "ENOSYS": "Function not implemented",
    "ENOTBLK": "Block device required",
    "ENOTCONN": "Transport endpoint is not connected",
    "ENOTDIR": "Not a directory",
    "ENOTEMPTY": "Directory not empty",
    "ENOTSOCK": "Socket operation on non-socket",
    "ENOTSUP": "Operation not supported",
    "ENOTTY": "Inappropriate ioctl for device",
    "ENXIO": "No such device or address",
    "EOVERFLOW": "Value too large for defined data type",
    "EPERM": "Operation not permitted",
    "EPIPE": "Broken pipe",
    "EPROTO": "Protocol error",
    "EPROTONOSUPPORT": "Protocol not supported",
    "EPROTOTYPE": "Protocol wrong type for socket",
    "ERANGE": "Numerical result out of range",
    "EROFS": "Read-only file system",
    "ESPIPE": "Illegal seek",
    "ESRCH": "No such process",
    "ESTALE": "Stale file handle",
    "ETIMEDOUT": "Connection timed out",
    "ETXTBSY": "Text file busy",
    "EXDEV": "Invalid cross-device link",
}
"""Text by name, as glibc and uClibc word it: the busybox images are linked with one of them."""


_NAMES = {**errno.errorcode, errno.ENOTSUP: "ENOTSUP"}  # the number has two names


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
    name = _NAMES.get(error.errno or 0, "EIO")
    return FsError(name if name in STRERROR else "EIO", path)
