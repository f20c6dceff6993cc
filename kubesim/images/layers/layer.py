"""One layer: a pass over its blob gives the index of its entries, and checks both of its digests.

The blob is unpacked and hashed in a thread of its own, a few chunks ahead of the reading of headers: zlib and hashlib
work outside Python's lock, so both processors of a small machine are busy. The answer does not depend on it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue

from kubesim.images.blobs.blob import Blob, BlobError, check_digest, hasher
from kubesim.images.layers.limits import DEFAULT_LIMITS, LayerError, LayerLimits
from kubesim.images.layers.sparse import SparseMap
from kubesim.images.layers.streams import ByteStream, PlainStream, open_stream
from kubesim.images.layers.tar_members import Member, read_members

AHEAD_CHUNKS = 8
SMALL_BYTES = 256 * 1024
"""A blob so small is not worth a thread."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredFile:
    """The bytes of a file in a layer."""

    stream: ByteStream
    offset: int
    size_bytes: int
    magic: bytes
    """The first four, of a file that can be executed."""

    def read_at(self, offset: int, size: int) -> bytes:
        """A piece of the file."""
        return self.stream.read_at(self.offset + offset, max(0, min(size, self.size_bytes - offset)))


@dataclass(frozen=True, slots=True, eq=False)
class SparseFile:
    """The bytes of a sparse file in a layer."""

    stream: ByteStream
    offset: int
    sparse: SparseMap

    @property
    def size_bytes(self) -> int:
        """Zeros included."""
        return self.sparse.size_bytes

    def read_at(self, offset: int, size: int) -> bytes:
        """A piece of the file: what is stored, and zeros between."""
        end = min(offset + size, self.size_bytes)
        found = bytearray(max(0, end - offset))
        place = self.offset
        for extent in self.sparse.extents:
            first, last = max(offset, extent.offset), min(end, extent.offset + extent.size_bytes)
            if first < last:
                stored = self.stream.read_at(place + first - extent.offset, last - first)
                found[first - offset : last - offset] = stored
            place += extent.size_bytes
        return bytes(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An indexed layer."""

    blob: Blob
    diff_id: str
    """Digest of what the blob unpacks to."""
    size_bytes: int
    """Length of what the blob unpacks to."""
    members: tuple[Member, ...]
    stream: ByteStream

    def content(self, member: Member) -> StoredFile | SparseFile:
        """Where the bytes of a file of this layer lie."""
        if member.sparse is not None:
            return SparseFile(self.stream, member.offset, member.sparse)
        return StoredFile(self.stream, member.offset, member.size_bytes, member.magic)


def open_layer(blob: Blob, *, diff_id: str | None = None, limits: LayerLimits = DEFAULT_LIMITS) -> Layer:
    """Index a layer. `diff_id` is the digest that the image's configuration gives, None where there is none.

    Raises LayerError for a layer that is broken, asks for too much, or is not what its digests say; BlobError where the
    bytes cannot be read.
    """
    try:
        return _opened(blob, diff_id, limits)
    except BlobError:
        raise
    except LayerError as error:
        raise LayerError(error.what, where=f"layer {blob.digest}", hint=error.hint) from None


def _opened(blob: Blob, diff_id: str | None, limits: LayerLimits) -> Layer:
    stream = open_stream(blob)
    packed = hasher(blob.digest)
    is_plain = isinstance(stream, PlainStream) and packed.name == "sha256"
    unpacked = packed if is_plain else hashlib.sha256()
    made = _bounded(stream, blob, packed, limits)
    with _Ahead(made, is_threaded=blob.size_bytes > SMALL_BYTES) as chunks:
        members = tuple(read_members(chunks if is_plain else _hashed(chunks, unpacked), limits))
    check_digest(blob.digest, f"{blob.digest.partition(':')[0]}:{packed.hexdigest()}", where=f"layer {blob.digest}")
    found = f"sha256:{unpacked.hexdigest()}"
    if diff_id is not None:
        check_digest(diff_id, found, where=f"layer {blob.digest}, unpacked")
    return Layer(blob=blob, diff_id=found, size_bytes=stream.size_bytes, members=members, stream=stream)


def _bounded(stream: ByteStream, blob: Blob, packed: hashlib._Hash, limits: LayerLimits) -> Iterator[bytes]:
    for chunk in stream.scan(packed.update):
        size_bytes = stream.size_bytes
        if size_bytes > limits.unpacked_bytes_max:
            raise LayerError(f"it unpacks to more than {limits.unpacked_bytes_max} bytes")
        if size_bytes > limits.ratio_free_bytes and size_bytes > limits.ratio_max * blob.size_bytes:
            raise LayerError(f"it unpacks to more than {limits.ratio_max} times its {blob.size_bytes} bytes")
        yield chunk


def _hashed(chunks: Iterator[bytes], running: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        running.update(chunk)
        yield chunk


class _Ahead:
    """Makes chunks in a thread, a few ahead of whoever takes them; what is raised there is raised here."""

    def __init__(self, chunks: Iterator[bytes], *, is_threaded: bool) -> None:
        self._chunks = chunks
        self._queue: Queue[bytes | Exception | None] = Queue(AHEAD_CHUNKS)
        self._thread = threading.Thread(target=self._make, daemon=True) if is_threaded else None
        self._is_left = False

    def __enter__(self) -> Iterator[bytes]:
        if self._thread is None:
            return self._chunks
        self._thread.start()
        return self._taken()

    def __exit__(self, *_: object) -> None:
        self._is_left = True
        while self._thread is not None and self._thread.is_alive():
            while not self._queue.empty():
                self._queue.get()
            self._thread.join(0.01)

    def _make(self) -> None:
        try:
            for chunk in self._chunks:
                if self._is_left:
                    return
                self._queue.put(chunk)
        except Exception as error:  # noqa: BLE001 - raised again where the chunks are taken
            self._queue.put(error)
        else:
            self._queue.put(None)

    def _taken(self) -> Iterator[bytes]:
        while (found := self._queue.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found
