"""What a journal keeps of its calls, in little memory.

    tail    the newest rows, as they came
    pages   the older ones, 256 on each, packed and compressed to about a tenth

A day of a node has hundreds of thousands of calls, and most say what another one said: the configuration of a pod is
in several requests, and the answer about a container is the one before with another time in it.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from itertools import chain

from msgspec import msgpack

Row = tuple[int, int, str, bytes, bytes | None, tuple[int, str] | None]
"""One call: when it began and ended in ns since the Unix epoch, the method by its path, the request, and the response
or the error as code and message. Plain values, so Python's collector of cycles does not look at it again."""

PAGE_ROWS = 256
LEVEL = 1
"""Of zlib: the fastest one. Higher ones take three times as long for a few per cent."""

_Packed = tuple[int, int, str, int, int | None, tuple[int, str] | None]
"""A row whose messages are places in the list of the page's messages: what is there twice is packed once."""


class Pages:
    """Rows in the order in which they were written; the last `rows_max` of them."""

    __slots__ = ("_pages", "_rows_max", "_tail")

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._pages: deque[bytes] = deque()
        self._tail: list[Row] = []

    def append(self, row: Row) -> None:
        """Keep a row."""
        tail = self._tail
        tail.append(row)
        if len(tail) >= PAGE_ROWS:
            self._turn()

    def __iter__(self) -> Iterator[Row]:
        """The rows, oldest first, as they were appended or equal to that."""
        surplus = len(self._pages) * PAGE_ROWS + len(self._tail) - self._rows_max
        rows = chain.from_iterable((*map(_unpacked, self._pages), self._tail))
        for number, row in enumerate(rows):
            if number >= surplus:
                yield row

    def _turn(self) -> None:
        """The tail becomes a page; pages of which nothing is kept go."""
        tail, self._tail = self._tail, []
        if self._rows_max:
            self._pages.append(_packed(tail))
        while (len(self._pages) - 1) * PAGE_ROWS >= self._rows_max > 0:
            self._pages.popleft()


def _packed(rows: list[Row]) -> bytes:
    places: dict[bytes, int] = {}
    packed: list[_Packed] = [
        (
            began_ns,
            end_ns,
            method,
            places.setdefault(request, len(places)),
            None if response is None else places.setdefault(response, len(places)),
            error,
        )
        for began_ns, end_ns, method, request, response, error in rows
    ]
    return zlib.compress(msgpack.encode((list(places), packed)), LEVEL)


_decode = msgpack.Decoder(tuple[list[bytes], list[_Packed]]).decode


def _unpacked(page: bytes) -> list[Row]:
    messages, packed = _decode(zlib.decompress(page))
    return [
        (began_ns, end_ns, method, messages[request], None if response is None else messages[response], error)
        for began_ns, end_ns, method, request, response, error in packed
    ]
