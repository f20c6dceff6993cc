"""Unix socket addresses: parsing, limits, and who may listen where.

A second gRPC server that binds the same path would take the socket over without a word. So a server holds a lock file
beside its socket, and looks whether anyone answers there before it binds.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from kubesim.errors import InputError

PATH_BYTES_MAX = 107
"""sun_path holds 108 bytes with its final NUL (Linux, unix(7))."""

PROBE_SECONDS = 1.0
"""How long a listener may take to accept our probe; a full backlog counts as in use."""


def socket_path(address: str) -> Path:
    """The path in `unix:///path`, `unix:/path` or a plain absolute path. Raises InputError."""
    for prefix in ("unix://", "unix:"):
        if address.startswith(prefix):
            path = address.removeprefix(prefix)
            break
    else:
        path = address
        if "://" in address:
            raise InputError(f'"{address}" is not a unix socket', hint="use unix:///absolute/path.sock")
    if not path.startswith("/"):
        raise InputError(f'"{address}" has no absolute path', hint="use unix:///absolute/path.sock")
    size = len(os.fsencode(path))
    if size > PATH_BYTES_MAX:
        raise InputError(
            f"the socket path has {size} bytes, the kernel takes {PATH_BYTES_MAX}", where=path, hint="use a shorter one"
        )
    return Path(path)


class ListeningPath:
    """The right to listen on a socket path, as a context manager.

    Entering takes the lock, makes sure nobody listens, and removes a socket file that a dead server left. Leaving
    removes the socket and the lock. Raises InputError when the path is taken or cannot hold a socket.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock_fd: int | None = None

    def __enter__(self) -> Self:
        self._take_lock()
        try:
            self._make_free()
        except BaseException:
            self._release_lock()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._release_lock()

    def _take_lock(self) -> None:
        try:
            fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(
                f"cannot listen there: {os.strerror(error.errno or 0)}",
                where=str(self.path),
                hint="name a socket in a directory that exists and that you may write to",
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise self._in_use() from None
        self._lock_fd = fd

    def _release_lock(self) -> None:
        if self._lock_fd is not None:
            with contextlib.suppress(FileNotFoundError):
                self._lock_path.unlink()
            os.close(self._lock_fd)
            self._lock_fd = None

    def _make_free(self) -> None:
        try:
            mode = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise InputError("exists and is not a socket", where=str(self.path), hint="name another path")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_SECONDS)
            try:
                probe.connect(str(self.path))
            except OSError as error:
                if error.errno not in {errno.ECONNREFUSED, errno.ENOENT}:
                    raise self._in_use() from error
            else:
                raise self._in_use()
        self.path.unlink()

    def _in_use(self) -> InputError:
        return InputError(
            "the socket is already in use",
            where=str(self.path),
            hint="stop the server that listens there or name another path",
        )
