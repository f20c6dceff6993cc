"""What changed in a runtime and is not kept yet: the door between its objects and whoever keeps its state.

Rule 1: whatever changes something that outlives the daemon notes it here, in the same step: `Sandbox` and `Container`
by the methods that change them, `ImageStore` by those that give and take names.
Rule 2: noting costs no encoding. An object is encoded once for each batch, however often it changed.
Rule 3: no I/O, no clock. Whoever keeps the state takes a batch, writes it, and only then clears; see
`kubesim.server.state_keeper`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class StateKind(StrEnum):
    """What a record is about."""

    SANDBOX = "sandbox"
    CONTAINER = "container"
    IMAGE = "image"
    SEEDED = "seeded"
    """An image that the node had from the start; when it is removed it must not come back by a restart."""


StateKey = tuple[StateKind, str]
"""A kind and an id."""


class StateChanges:
    """Objects that changed and keys that are gone, since `clear` was called last.

    `on_first` is called when the first change is noted: the moment to arrange for a batch to be written soon.
    """

    __slots__ = ("changed", "gone", "on_first")

    def __init__(self) -> None:
        self.changed: dict[StateKey, object] = {}
        """What to encode, by its key, in the order in which it came."""
        self.gone: dict[StateKey, None] = {}
        """Keys to remove, before what changed is written: an image may go and come back in one batch."""
        self.on_first: Callable[[], object] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether everything is kept."""
        return not (self.changed or self.gone)

    def note(self, kind: StateKind, key: str, item: object) -> None:
        """The object is new, or something in it changed."""
        is_first = self.is_empty
        self.changed[kind, key] = item
        if is_first and self.on_first is not None:
            self.on_first()

    def forget(self, kind: StateKind, key: str) -> None:
        """The object is gone."""
        is_first = self.is_empty
        self.changed.pop((kind, key), None)
        self.gone[kind, key] = None
        if is_first and self.on_first is not None:
            self.on_first()

    def clear(self) -> None:
        """What was noted is kept."""
        self.changed.clear()
        self.gone.clear()
