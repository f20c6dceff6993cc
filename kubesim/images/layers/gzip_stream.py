"""gzip that can be entered in the middle: a copy of the decompressor, with its window, is kept every few megabytes.

Several members one after another are one stream; zeros behind the last are padding. Formats: RFC 1952.
"""

from __future__ import annotations

import zlib

from kubesim.images.layers.limits import LayerError
from kubesim.images.layers.streams import GZIP_MAGIC, Raw

OUT_BYTES = 1024 * 1024
"""At most so many bytes from one step, however well they were compressed."""

_WITH_GZIP_HEADER = 31


def open_gzip(raw: Raw) -> Inflater:
    """Unpacks a blob from its beginning."""
    return Inflater(raw, zlib.decompressobj(_WITH_GZIP_HEADER))


class Inflater:
    """Unpacks from some place of a blob on."""

    __slots__ = ("_engine", "_pending", "_raw")

    def __init__(self, raw: Raw, engine: zlib._Decompress | None) -> None:
        """`engine` is the decompressor of the member that the place is in; None between two members."""
        self._raw = raw
        self._engine = engine
        self._pending = b""

    def read(self) -> bytes:
        """The next bytes; b"" at the end."""
        while True:
            if not self._pending:
                self._pending = self._raw.read()
            if not self._pending:
                if self._engine is not None:
                    raise LayerError("the gzip stream is truncated")
                return b""
            if self._engine is None and not self._next_member():
                continue
            assert self._engine is not None, "a member has begun"
            try:
                chunk = self._engine.decompress(self._pending, OUT_BYTES)
            except zlib.error as error:
                raise LayerError(f"the gzip stream is damaged: {error}") from None
            self._pending = self._engine.unconsumed_tail
            if self._engine.eof:
                self._pending = self._engine.unused_data
                self._engine = None
            if chunk:
                return chunk

    def copy(self) -> Inflater | None:
        """The same place again."""
        engine = None if self._engine is None else self._engine.copy()
        return Inflater(self._raw.back(len(self._pending)), engine)

    def _next_member(self) -> bool:
        """Begin the member that follows; False when there is only padding."""
        if not self._pending.strip(b"\0"):
            self._pending = b""
            return False
        while len(self._pending) < len(GZIP_MAGIC) and (more := self._raw.read()):
            self._pending += more
        if not self._pending.startswith(GZIP_MAGIC):
            raise LayerError("what follows the gzip stream is no gzip stream")
        self._engine = zlib.decompressobj(_WITH_GZIP_HEADER)
        return True
