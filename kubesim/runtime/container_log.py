"""Container logs in the CRI format: `TIMESTAMP STREAM TAG CONTENT`, one line for each line of a process.

Rule 1: the timestamp is the moment at which the runtime has the line.
Rule 2: the content has no newline; an empty line keeps its fourth field.
Rule 3: how lines are cut is the dialect's: containerd collects a whole line up to a limit, conmon writes what one read
gave it.

Rule 4: what cannot be written is lost with a warning in the runtime's own log; the process never hears of it.

Mirrors containerd: internal/cri/io/logger.go, redirectLogs; conmon: src/ctr_logging.c, write_k8s_log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Self

from kubesim.policy.runtime_profile import LogSwitches
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import HostFiles

_log = logging.getLogger(__name__)

_NS = 1_000_000_000

_NOT_OURS = ("ENOENT", "EISDIR", "ELOOP", "ENXIO")
"""What opening says of a name that is gone, or stands for something that is no regular file."""

MODE_OF_LOG = 0o640

CONMON_READ_BYTES = 8192
"""What conmon reads at once. Mirrors conmon: src/utils.h, STDIO_BUF_SIZE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFormat:
    """How a runtime cuts and stamps lines."""

    has_fixed_digits: bool
    """Nine digits of fraction and a numeric zone (conmon), or as many as needed and `Z` (containerd)."""
    line_bytes_max: int
    """Longer lines are cut into partial ones; 0 = no limit."""
    is_written_per_read: bool
    """A piece without a newline is written at once, as a partial line."""
    strips_carriage_return: bool
    """A CR directly before the LF does not belong to the content."""
    replaces_at_reopening: bool
    """Reopening a log that nobody moved away begins it anew."""

    @classmethod
    @cache
    def of(cls, switches: LogSwitches) -> Self:
        """The format of a profile. Where the time has nine digits, conmon writes the log, and it writes by the read."""
        is_conmon = switches.timestamp == "nine-digits"
        return cls(
            has_fixed_digits=is_conmon,
            line_bytes_max=switches.line_bytes_max or (CONMON_READ_BYTES if is_conmon else 0),
            is_written_per_read=is_conmon,
            strips_carriage_return=not is_conmon,
            replaces_at_reopening=is_conmon,
        )


def timestamp(time_ns: int, *, has_fixed_digits: bool) -> str:
    """A time as RFC 3339 with nanoseconds, in UTC.

    >>> timestamp(1_714_557_600_123_450_000, has_fixed_digits=False)
    '2024-05-01T10:00:00.12345Z'
    """
    second, fraction = divmod(time_ns, _NS)
    text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
    if has_fixed_digits:
        return f"{text}.{fraction:09d}+00:00"
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


_NOTHING_PENDING: Mapping[str, bytes] = MappingProxyType({"stdout": b"", "stderr": b""})
"""No begun line in either stream: one value, for thousands of containers never print anything."""


class ContainerLog:
    """The log file of one container: both its streams end in it.

    The file is opened for each write of a process: thousands of containers would otherwise hold as many descriptors.
    It is known by its inode, so between a rename and the reopening lines still go to the file that was renamed, as
    through a descriptor, and to none once it is deleted.
    """

    __slots__ = ("_files", "_format", "_has_warned", "_inode", "_now", "_path", "_pending")

    def __init__(self, files: HostFiles, path: str, log_format: LogFormat, now: Callable[[], int]) -> None:
        self._files = files
        self._path = path
        self._format = log_format
        self._now = now
        self._pending = _NOTHING_PENDING
        self._inode = (0, 0)
        self._has_warned = False

    def open(self) -> None:
        """Make the file and its directory, so that it is there even if nothing is ever written to it."""
        self._files.make_dirs(self._directory)
        self._files.append(self._path, b"", MODE_OF_LOG)
        self._remember()

    def reopen(self) -> None:
        """Make a new file after the old one was moved away; conmon puts one in the place of what is still there.

        Mirrors conmon: src/ctr_logging.c, reopen_k8s_file.
        """
        if self._format.replaces_at_reopening:
            self._files.write(f"{self._path}.tmp", b"", MODE_OF_LOG)
            self._files.rename(f"{self._path}.tmp", self._path)
        else:
            self._files.append(self._path, b"", MODE_OF_LOG)
        self._remember()

    def stdout(self, data: bytes) -> None:
        """What a process wrote to its standard output."""
        self._write("stdout", data)

    def stderr(self, data: bytes) -> None:
        """What a process wrote to its standard error."""
        self._write("stderr", data)

    def end(self) -> None:
        """The streams are closed: what has no newline becomes a partial line."""
        pending, self._pending = self._pending, _NOTHING_PENDING
        for stream, rest in pending.items():
            if rest:
                self._append(stream, [("P", rest)])

    def _write(self, stream: str, data: bytes) -> None:
        *lines, rest = (self._pending[stream] + data).split(b"\n")
        pieces = [piece for line in lines for piece in self._whole_line(line)]
        limit = self._format.line_bytes_max
        while limit and len(rest) > limit:
            pieces.append(("P", rest[:limit]))
            rest = rest[limit:]
        if rest and self._format.is_written_per_read:
            pieces.append(("P", rest))
            rest = b""
        if rest != self._pending[stream]:
            self._pending = {**self._pending, stream: rest}
        if pieces:
            self._append(stream, pieces)

    def _whole_line(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        if self._format.strips_carriage_return:
            line = line.removesuffix(b"\r")
        limit = self._format.line_bytes_max
        while limit and len(line) > limit:
            yield "P", line[:limit]
            line = line[limit:]
        yield "F", line

    def _append(self, stream: str, pieces: Iterable[tuple[str, bytes]]) -> None:
        """Write tagged pieces, all that one write of a process brought at once."""
        stamp = timestamp(self._now(), has_fixed_digits=self._format.has_fixed_digits)
        head = f"{stamp} {stream} ".encode()
        text = b"".join([b"%b%b %b\n" % (head, tag.encode(), content) for tag, content in pieces])
        try:
            self._write_to_own_file(text)
        except FsError as error:
            if not self._has_warned:
                _log.warning("%s: what a container prints is lost: %s", self._path, error.strerror)
            self._has_warned = True

    @property
    def _directory(self) -> str:
        return self._path.rpartition("/")[0] or "/"

    def _remember(self) -> None:
        self._has_warned = False
        stat = self._files.stat(self._path)
        self._inode = (0, 0) if stat is None else (stat.device, stat.inode)

    def _write_to_own_file(self, text: bytes) -> None:
        """Append to the file that was opened, wherever it is in its directory now. Raises FsError."""
        if self._is_written(self._path, text):
            return
        for name in self._files.list_dir(self._directory):
            if self._is_written(f"{self._directory}/{name}", text):
                return
        # Deleted: a descriptor would still take it, and nobody would ever read it.

    def _is_written(self, path: str, text: bytes) -> bool:
        """Append if the file at `path` is the one that was opened."""
        try:
            file = self._files.open(path, is_writable=True, is_append=True)
        except FsError as error:
            if error.errno_name in _NOT_OURS:
                return False
            raise
        try:
            stat = file.stat()
            if (stat.device, stat.inode) != self._inode:
                return False
            file.write_at(0, text)
            return True
        finally:
            file.close()
