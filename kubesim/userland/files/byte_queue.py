"""Bytes on their way: put at one end, taken at the other, copied as little as possible."""

from __future__ import annotations

SMALL_BYTES = 4096
"""Shorter pieces are gathered in one, so that a writer of single bytes costs a byte for each."""

GATHERED_BYTES_MAX = 32768


class ByteQueue:
    """`len()` is how many bytes wait. Whoever owns it bounds it."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes | bytearray] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, data: bytes) -> None:
        """Add bytes; b"" adds nothing."""
        size = len(data)
        if not size:
            return
        self._size += size
        if size >= SMALL_BYTES:
            self._pieces.append(data)
            return
        last = self._pieces[-1] if self._pieces else b""
        if type(last) is bytearray and len(last) < GATHERED_BYTES_MAX:
            last += data
        else:
            self._pieces.append(bytearray(data))

    def take(self, size: int) -> bytes:
        """The first bytes, at most `size` of them; b"" when there are none."""
        pieces = self._pieces
        if size >= self._size:
            taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._size = 0
            return bytes(taken)  # which is the same object when it is one already
        parts: list[bytes | bytearray] = []
        rest = size
        done = 0
        for piece in pieces:
            if len(piece) > rest:
                if rest:
                    parts.append(piece[:rest])
                    pieces[done] = piece[rest:]
                break
            parts.append(piece)
            rest -= len(piece)
            done += 1
        del pieces[:done]
        self._size -= size
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def clear(self) -> None:
        """Forget everything."""
        self._pieces.clear()
        self._size = 0
