"""Rows of the list calls, kept serialised: a list is joined, never built.

A row is one element of the answer's repeated field, with its tag and length. Nothing in it changes in the life of its
object but the state, so a change of state is a few slices. The fields stand in the order of their numbers, as every
serialiser writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

from google.protobuf.message import Message

_ROW_TAG = b"\x0a"
"""Field 1, length-delimited: what every list of the contract has for its rows (a test says so)."""


def varint(value: int) -> bytes:
    """A number below 2**64 as protobuf writes it: seven bits in a byte, lowest first.

    >>> varint(300).hex()
    'ac02'
    """
    if value < 0x80:
        return bytes((value,))
    pieces = bytearray()
    while value >= 0x80:
        pieces.append(value & 0x7F | 0x80)
        value >>= 7
    pieces.append(value)
    return bytes(pieces)


def element(message: bytes) -> bytes:
    """One serialised row as an element of a list."""
    return _ROW_TAG + varint(len(message)) + message


def chunks(rows: Iterable[bytes], items_max: int) -> Iterator[bytes]:
    """The rows in joined pieces of at most `items_max`; no piece without rows."""
    iterator = iter(rows)
    while piece := b"".join(islice(iterator, items_max)):
        yield piece


class ListRows:
    """The rows of all objects of a kind, by id: in the order in which they came, or in that of `order`."""

    __slots__ = ("_all", "_by_id", "_order")

    def __init__(self, order: Iterable[str] | None = None) -> None:
        """`order` gives the ids of all objects whenever it is iterated."""
        self._order = order
        self._by_id: dict[str, bytes] = {}
        self._all: bytes | None = b""

    def get(self, object_id: str) -> bytes:
        """The row of an object."""
        return self._by_id[object_id]

    def put(self, object_id: str, row: bytes) -> None:
        """A new row, or a changed one."""
        self._by_id[object_id] = row
        self._all = None

    def remove(self, object_id: str) -> None:
        """The object is gone."""
        del self._by_id[object_id]
        self._all = None

    def all(self) -> bytes:
        """Every row."""
        if self._all is None:
            self._all = b"".join(self._by_id.values() if self._order is None else self.of(self._order))
        return self._all

    def of(self, object_ids: Iterable[str]) -> list[bytes]:
        """The rows of these objects, in the order given."""
        by_id = self._by_id
        return [by_id[object_id] for object_id in object_ids]


class ListedRow:
    """The row of one object in the list of its kind: the list has the bytes, this knows where the state is in them."""

    __slots__ = ("_id", "_rows", "_state_at", "_state_bytes", "_state_number")

    def __init__(self, rows: ListRows, object_id: str, head: Message, tail: Message, *, state: int) -> None:
        """Put the row into the list. `head` has the fields before the state, `tail` those after it."""
        self._rows = rows
        self._id = object_id
        self._state_number = head.DESCRIPTOR.fields_by_name["state"].number
        # Deterministic: the order of labels would otherwise differ between two runs.
        encoded = head.SerializeToString(deterministic=True)
        self._state_at = len(encoded)
        self._state_bytes = _encoded_state(self._state_number, state)
        rows.put(object_id, element(encoded + self._state_bytes + tail.SerializeToString(deterministic=True)))

    def show(self, state: int) -> None:
        """Change the state."""
        state_bytes = _encoded_state(self._state_number, state)
        if state_bytes is self._state_bytes:
            return
        row = self._rows.get(self._id)
        start = 1
        while row[start] & 0x80:
            start += 1
        at = start + 1 + self._state_at
        end = at + len(self._state_bytes)
        self._state_bytes = state_bytes
        self._rows.put(self._id, element(row[start + 1 : at] + state_bytes + row[end:]))


@cache
def _encoded_state(state_number: int, state: int) -> bytes:
    """The field of a state: the same bytes for all rows. Zero is the default of every enum, which is left out."""
    return varint(state_number << 3) + varint(state) if state else b""
