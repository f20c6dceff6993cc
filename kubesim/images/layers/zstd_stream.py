"""zstd that can be entered at each of its frames: the state of a frame cannot be kept.

Formats: RFC 8878. Skippable frames, such as those with the index of zstd:chunked, hold nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kubesim.images.layers.limits import LayerError
from kubesim.images.layers.streams import Raw

if TYPE_CHECKING:
    from backports.zstd import ZstdDecompressor

OUT_BYTES = 1024 * 1024


def open_zstd(raw: Raw) -> Unzstd:
    """Unpacks a blob from its beginning. Raises LayerError where no library for it is installed."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise LayerError(
            "it is compressed with zstd, and no library for it is here", hint="pip install 'kubesim[zstd]'"
        ) from None
    return Unzstd(raw, zstd.ZstdDecompressor, zstd.ZstdError)


class Unzstd:
    """Unpacks from some frame of a blob on."""

    __slots__ = ("_engine", "_error", "_make", "_pending", "_raw")

    def __init__(self, raw: Raw, make: type[ZstdDecompressor], error: type[Exception]) -> None:
        self._raw = raw
        self._make = make
        self._error = error
        self._engine: ZstdDecompressor | None = None
        self._pending = b""

    def read(self) -> bytes:
        """The next bytes; b"" at the end."""
        while True:
            if not self._pending and (self._engine is None or self._engine.needs_input):
                self._pending = self._raw.read()
                if not self._pending:
                    if self._engine is not None:
                        raise LayerError("the zstd stream is truncated")
                    return b""
            if self._engine is None:
                self._engine = self._make()
            try:
                chunk = self._engine.decompress(self._pending, OUT_BYTES)
            except self._error as error:
                raise LayerError(f"the zstd stream is damaged: {error}") from None
            self._pending = b""
            if self._engine.eof:
                self._pending = self._engine.unused_data
                self._engine = None
            if chunk:
                return chunk

    def copy(self) -> Unzstd | None:
        """The same place again, between two frames only."""
        if self._engine is not None:
            return None
        return Unzstd(self._raw.back(len(self._pending)), self._make, self._error)
