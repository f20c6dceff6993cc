"""What opening a device gives, by the device's number: /dev and what mknod(2) makes share this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol

from kubesim.userland.files.file_stat import FileKind, device_number
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import FullFile, NullFile, OpenFile, RandomFile, ZeroFile


class OpenableTerminal(Protocol):
    """A terminal, as far as /dev knows it."""

    number: int

    def open(self) -> OpenFile:
        """An open file of it."""


class Opener(Protocol):
    """The process that opens a device, as far as devices care."""

    @property
    def terminal(self) -> OpenableTerminal | None:
        """What controls its session."""

    def draw_bits(self, count: int) -> int:
        """A random number of `count` bits, from the process's seeded source."""

    def open_file_of(self, fd: int) -> OpenFile:
        """What one of its descriptors stands for. Raises FsError EBADF."""

    def end_by(self, signum: int) -> NoReturn:
        """Die of a signal that cannot be handled, in the middle of what it does."""


PTS_MAJOR = 136
TTY_GID = 5
"""The group of terminals. Mirrors runc: libcontainer/specconv/example.go, the options of devpts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """A device that a container gets besides those that every one has."""

    path: str
    kind: FileKind
    number: int
    mode: int
    uid: int = 0
    gid: int = 0


NULL = device_number(1, 3)
ZERO = device_number(1, 5)
FULL = device_number(1, 7)
RANDOM = device_number(1, 8)
URANDOM = device_number(1, 9)
TTY = device_number(5, 0)
CONSOLE = device_number(5, 1)
PTMX = device_number(5, 2)
FUSE = device_number(10, 229)


def open_device(number: int, opener: Opener | None) -> OpenFile:
    """An open device. `opener` is None when the runtime itself asks. ENXIO for one that is not emulated."""
    opened = _OPENED.get(number)
    if opened is None:
        raise FsError("ENXIO")
    return opened(opener)


def _terminal(opener: Opener | None) -> OpenFile:
    if opener is None or opener.terminal is None:
        raise FsError("ENXIO")
    return opener.terminal.open()


def _random(opener: Opener | None) -> OpenFile:
    if opener is None:
        raise FsError("ENXIO")
    return RandomFile(opener.draw_bits)


_OPENED: Mapping[int, Callable[[Opener | None], OpenFile]] = {
    NULL: lambda _: NullFile(),
    ZERO: lambda _: ZeroFile(),
    FULL: lambda _: FullFile(),
    RANDOM: _random,
    URANDOM: _random,
    TTY: _terminal,
}
"""Numbers as in linux: Documentation/admin-guide/devices.txt."""
