"""The bytes of a blob by their place in what it unpacks to.

A stream is scanned once from end to end, and can be read anywhere after that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from kubesim.images.blobs.blob import Blob, BlobError, chunks
from kubesim.images.layers.limits import LayerError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = tuple(bytes([0x50 + number, 0x2A, 0x4D, 0x18]) for number in range(16))
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x04\x22\x4d\x18": "lz4"}

MARKS_MAX = 256
"""Places at which a compressed stream can be entered. Each takes some 45 kB for gzip."""

SPAN_BYTES = 1024 * 1024
"""Unpacked bytes between two of them, at first: twice as many whenever there are too many marks."""

OnRaw = Callable[[bytes], object]
"""Gets the bytes of the blob as they are, in their order."""


class ByteStream(Protocol):
    """What a blob unpacks to."""

    size_bytes: int
    """The length of all; 0 until it was scanned."""

    def scan(self, on_raw: OnRaw) -> Iterator[bytes]:
        """All bytes in their order, once. Raises LayerError for a blob that is broken or ends early."""

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; fewer at the end only. Raises LayerError, BlobError."""


class Unpacker(Protocol):
    """A decompressor at some place of a blob."""

    def read(self) -> bytes:
        """The next bytes, some 100 kB; b"" at the end. Raises LayerError."""

    def copy(self) -> Self | None:
        """The same place again, for later; None where there is no coming back."""


U = TypeVar("U", bound=Unpacker)


class PlainStream:
    """A blob that is not compressed."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self.size_bytes = 0

    def scan(self, on_raw: OnRaw) -> Iterator[bytes]:
        """The blob."""
        for chunk in chunks(self._blob):
            on_raw(chunk)
            self.size_bytes += len(chunk)
            yield chunk

    def read_at(self, offset: int, size: int) -> bytes:
        """A piece of the blob."""
        return self._blob.read_at(offset, size)


class PackedStream(Generic[U]):
    """A compressed blob that is entered at marks, which the scan leaves behind."""

    def __init__(self, open_unpacker: Callable[[OnRaw], U]) -> None:
        self._open = open_unpacker
        self.size_bytes = 0
        self._span_bytes = SPAN_BYTES
        self._offsets: list[int] = []
        self._marks: list[U] = []
        self._last: _Piece[U] | None = None
        """Where the last reading ended: whoever reads a file in pieces goes on there."""

    def scan(self, on_raw: OnRaw) -> Iterator[bytes]:
        """Unpack it all, marking the way."""
        unpacker = self._open(on_raw)
        while True:
            if not self._offsets or self.size_bytes - self._offsets[-1] >= self._span_bytes:
                self._mark(unpacker)
            chunk = unpacker.read()
            if not chunk:
                return
            self.size_bytes += len(chunk)
            yield chunk

    def _mark(self, unpacker: U) -> None:
        mark = unpacker.copy()
        if mark is None:
            return
        self._offsets.append(self.size_bytes)
        self._marks.append(mark)
        if len(self._marks) > MARKS_MAX:
            self._span_bytes *= 2
            del self._offsets[1::2], self._marks[1::2]

    def read_at(self, offset: int, size: int) -> bytes:
        """Unpack from the nearest mark before it, up to its end."""
        end = min(offset + size, self.size_bytes)
        if offset >= end:
            return b""
        piece = self._entered(offset)
        found: list[bytes] = []
        while True:
            if piece.end > offset:
                found.append(piece.chunk[max(0, offset - piece.at) : end - piece.at])
            if piece.end >= end:
                self._last = piece
                return b"".join(found)
            chunk = piece.unpacker.read()
            if not chunk:
                raise LayerError(f"the stream ends at {piece.end}, where it had {self.size_bytes} bytes")
            piece = _Piece(piece.end, chunk, piece.unpacker)

    def _entered(self, offset: int) -> _Piece[U]:
        last, self._last = self._last, None
        index = bisect_right(self._offsets, offset) - 1
        if last is not None and last.at <= offset and self._offsets[index] <= last.end:
            return last
        mark = self._marks[index].copy()
        assert mark is not None, "only what can be copied becomes a mark"
        return _Piece(self._offsets[index], b"", mark)


@dataclass(frozen=True, slots=True)
class _Piece(Generic[U]):
    """What was unpacked last, and what unpacks the next."""

    at: int
    chunk: bytes
    unpacker: U

    @property
    def end(self) -> int:
        """Where the next begins."""
        return self.at + len(self.chunk)


def compression_of(beginning: bytes) -> str:
    """`gzip`, `zstd` or "" for a plain blob, by its first bytes; as containerd and CRI-O tell them.

    Raises LayerError for a compression that is known and not read.
    """
    if beginning.startswith(GZIP_MAGIC):
        return "gzip"
    if beginning.startswith(ZSTD_MAGIC) or beginning.startswith(ZSTD_SKIPPABLE):
        return "zstd"
    for magic, name in _OTHERS.items():
        if beginning.startswith(magic):
            raise LayerError(f"it is compressed with {name}", hint="gzip, zstd and uncompressed layers are read")
    return ""


def open_stream(blob: Blob) -> ByteStream:
    """What a blob unpacks to. Raises LayerError for a compression that cannot be read here, BlobError."""
    compression = compression_of(blob.read_at(0, 8))
    if compression == "gzip":
        from kubesim.images.layers.gzip_stream import open_gzip

        return PackedStream(lambda on_raw: open_gzip(Raw(blob, on_raw)))
    if compression == "zstd":
        from kubesim.images.layers.zstd_stream import open_zstd

        return PackedStream(lambda on_raw: open_zstd(Raw(blob, on_raw)))
    return PlainStream(blob)


RAW_BYTES = 128 * 1024


class Raw:
    """A blob, read from some place on; `on_raw` gets what is read."""

    __slots__ = ("_blob", "_on_raw", "at")

    def __init__(self, blob: Blob, on_raw: OnRaw | None, at: int = 0) -> None:
        self._blob = blob
        self._on_raw = on_raw
        self.at = at

    def read(self) -> bytes:
        """The next bytes; b"" at the end. Raises BlobError."""
        chunk = self._blob.read_at(self.at, RAW_BYTES)
        if not chunk and self.at < self._blob.size_bytes:
            raise BlobError(f"only {self.at} of {self._blob.size_bytes} bytes are there", where=self._blob.digest)
        self.at += len(chunk)
        if self._on_raw is not None:
            self._on_raw(chunk)
        return chunk

    def back(self, count: int) -> Raw:
        """The same blob, `count` bytes before; nobody is told of what is read."""
        return Raw(self._blob, None, self.at - count)
