"""Socket addresses: parsing, limits, and who may listen where.

A CRI socket has no authentication: whoever reaches it rules the node. So a unix socket is the usual place, its mode
decides who may connect, and TCP is for this machine only unless somebody says otherwise.

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
from typing import NamedTuple, Self, TypeAlias

from kubesim.errors import InputError

PATH_BYTES_MAX = 107
"""sun_path holds 108 bytes with its final NUL (Linux, unix(7))."""

PROBE_SECONDS = 1.0
"""How long a listener may take to accept our probe; a full backlog counts as in use."""


TCP_SCHEME = "tcp://"

PORT_MAX = 65_535


class UnixAddress(NamedTuple):
    """A socket in the file system."""

    path: Path

    def __str__(self) -> str:
        """The address as kubelets and crictl take it."""
        return f"unix://{self.path}"

    @property
    def target(self) -> str:
        """The address in gRPC's own spelling."""
        return f"unix:{self.path}"


class TcpAddress(NamedTuple):
    """An IP address and a port; port 0 stands for one that the kernel picks."""

    host: str
    port: int

    def __str__(self) -> str:
        """The address as it is written on a command line."""
        return f"{TCP_SCHEME}{self.target}"

    @property
    def target(self) -> str:
        """The address in gRPC's own spelling."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        from ipaddress import ip_address

        return ip_address(self.host).is_loopback


Address: TypeAlias = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """`unix:///path`, `unix:/path`, a plain absolute path, or `tcp://IP:PORT`. Raises InputError."""
    return _tcp_address(text) if text.startswith(TCP_SCHEME) else UnixAddress(socket_path(text))


def _tcp_address(text: str) -> TcpAddress:
    # Only a server on TCP pays for this import.
    from ipaddress import ip_address

    host, colon, port = text.removeprefix(TCP_SCHEME).rpartition(":")
    hint = "use tcp://127.0.0.1:PORT"
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > PORT_MAX:
        raise InputError(f'"{text}" has no port from 0 to {PORT_MAX}', hint=hint)
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        # A name may lead to several addresses, and to others tomorrow: what is listened on must be plain to see.
        return TcpAddress(str(ip_address(host)), int(port))
    except ValueError:
        raise InputError(f'"{text}" has no IP address', hint=hint) from None


def socket_path(address: str) -> Path:
    """The path in `unix:///path`, `unix:/path` or a plain absolute path. Raises InputError."""
    for prefix in ("unix://", "unix:"):
        if address.startswith(prefix):
            path = address.removeprefix(prefix)
            break
    else:
        path = address
        if "://" in address:
            hint = "use unix:///absolute/path.sock or tcp://127.0.0.1:PORT"
            raise InputError(f'"{address}" is neither a unix socket nor TCP', hint=hint)
    if not path.startswith("/"):
        raise InputError(f'"{address}" has no absolute path', hint="use unix:///absolute/path.sock")
    if "\0" in path:
        raise InputError(f"{path!r} holds a NUL byte", hint="use unix:///absolute/path.sock")
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
