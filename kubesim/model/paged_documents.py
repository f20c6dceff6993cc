"""Documents that are alike, kept small: whole pages of them are compressed at a time.

The statuses of the pods of a node, or the Events about them, are the same text but for some names and times. On a page
one takes a twentieth of its bytes, for less than the CPU time of encoding it; each by itself would take four times as
long to pack.
"""

from __future__ import annotations

import zlib
from typing import Any, Generic, TypeVar

from msgspec import msgpack

PAGE_DOCUMENTS = 64
"""More make a page little better, and longer to read."""
OPEN_PAGES_MAX = 8
"""So many pages that somebody read stay as they are: who reads about one pod after the other reads the same pages."""

_EFFORT = 1
"""Of zlib: the fastest. Higher ones take three times as long for a few per cent."""


T = TypeVar("T")


class PagedDocuments(Generic[T]):
    """Documents of one kind by number, from 0. What they are made of is what msgpack can write: bytes, tuples."""

    __slots__ = ("_decode", "_newest", "_open", "_pages")

    def __init__(self, kind: Any) -> None:
        """`kind` is the type of a document, as msgspec takes it."""
        self._decode = msgpack.Decoder(list[kind]).decode
        self._pages: list[bytes] = []
        self._newest: list[T] = []
        self._open: dict[int, list[T]] = {}

    def __len__(self) -> int:
        return len(self._pages) * PAGE_DOCUMENTS + len(self._newest)

    def add(self, document: T) -> int:
        """Keep a document. Returns its number."""
        if len(self._newest) == PAGE_DOCUMENTS:
            self._pages.append(zlib.compress(msgpack.encode(self._newest), _EFFORT))
            self._newest = []
        newest = self._newest
        newest.append(document)
        return len(self._pages) * PAGE_DOCUMENTS + len(newest) - 1

    def __getitem__(self, number: int) -> T:
        """The document of that number. Raises IndexError."""
        page, place = divmod(number, PAGE_DOCUMENTS)
        return (self._newest if page == len(self._pages) else self._read(page))[place]

    def _read(self, page: int) -> list[T]:
        documents = self._open.pop(page, None)
        if documents is None:
            documents = self._decode(zlib.decompress(self._pages[page]))
        self._open[page] = documents
        if len(self._open) > OPEN_PAGES_MAX:
            del self._open[next(iter(self._open))]
        return documents
