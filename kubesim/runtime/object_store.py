"""The objects a runtime keeps, by id, and in the order in which its lists show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from kubesim.policy.runtime_profile import ListOrder
from kubesim.runtime.id_index import IdIndex, Match
from kubesim.runtime.list_rows import ListedRow, ListRows


class Listed(Protocol):
    """An object with a row in the list of its kind."""

    @property
    def labels(self) -> Mapping[str, str]:
        """What selectors look at; the same for the object's whole life."""
        ...

    def enter_list(self, row: ListedRow) -> None:
        """Show every change of the object in the row from now on."""
        ...


T = TypeVar("T", bound=Listed)


class ObjectStore(Generic[T]):
    """Objects by their whole id, found by any unique prefix of it, or by a label. `rows` is the list of them."""

    __slots__ = ("_by_id", "_by_label", "_index", "_is_unordered", "_make_row", "rows")

    def __init__(self, order: ListOrder, *, make_row: Callable[[T, ListRows], ListedRow]) -> None:
        self._is_unordered = order == "unordered"
        self._by_id: dict[str, T] = {}
        self._index = IdIndex()
        self._by_label: dict[str, dict[str, dict[str, T]]] = {}
        self._make_row = make_row
        self.rows = ListRows(order=self._index if self._is_unordered else None)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[T]:
        """All objects in the order of lists. Safe against changes while the caller iterates."""
        return iter(self.in_order(self._by_id))

    def in_order(self, some: Mapping[str, T]) -> list[T]:
        """Some of the objects, by id and oldest first, in the order of lists."""
        if not self._is_unordered:
            return list(some.values())
        return [some[full_id] for full_id in (self._index if some is self._by_id else sorted(some))]

    def add(self, full_id: str, item: T) -> None:
        """Make the object visible."""
        self._index.add(full_id)
        self._by_id[full_id] = item
        for key, by_value in self._by_label.items():
            _file(by_value, key, full_id, item)
        item.enter_list(self._make_row(item, self.rows))

    def remove(self, full_id: str) -> None:
        """Take the object out; KeyError when it is not there."""
        self._index.remove(full_id)
        item = self._by_id.pop(full_id)
        for key, by_value in self._by_label.items():
            _unfile(by_value, key, full_id, item)
        self.rows.remove(full_id)

    def get(self, full_id: str) -> T | None:
        """The object with exactly this id."""
        return self._by_id.get(full_id)

    def with_label(self, key: str, value: str) -> list[T]:
        """The objects that have this label, in the order of lists.

        The first question about a key sorts the objects by its values, and from then on an answer costs what it holds:
        a kubelet asks for the pod of a uid all the time, on a node of ten thousand.
        """
        by_value = self._by_label.get(key)
        if by_value is None:
            by_value = self._by_label[key] = {}
            for full_id, item in self._by_id.items():
                _file(by_value, key, full_id, item)
        return self.in_order(by_value.get(value, {}))

    def find(self, prefix: str) -> tuple[T | None, Match]:
        """The object whose id begins with `prefix`, and how the look-up ended."""
        whole = self._by_id.get(prefix)
        if whole is not None:
            return whole, Match.FOUND
        found = self._index.resolve(prefix)
        return (self._by_id[found.id] if found.match is Match.FOUND else None), found.match


def _file(by_value: dict[str, dict[str, T]], key: str, full_id: str, item: T) -> None:
    labels = item.labels
    if key in labels:
        by_value.setdefault(labels[key], {})[full_id] = item


def _unfile(by_value: dict[str, dict[str, T]], key: str, full_id: str, item: T) -> None:
    labels = item.labels
    if key in labels:
        value = labels[key]
        by_value[value].pop(full_id)
        if not by_value[value]:
            del by_value[value]
