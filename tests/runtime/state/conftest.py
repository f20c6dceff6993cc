"""Nodes that follow each other on one state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.kernel import Kernel
from kubesim.runtime.state_changes import StateChanges
from kubesim.runtime.state_records import SavedState, StateRecord, batch_of

NS = 1_000_000_000


class Restarts:
    """Nodes that follow each other on one state, each with another seed and a second later than the one before."""

    def __init__(self, new_node: Callable[..., Any], profile: str, **options: Any) -> None:
        self._new_node = new_node
        self.profile = profile
        self.options = options
        self.rows: dict[Any, bytes] = {}
        self.changes = StateChanges()
        self.node: Any = new_node(profile, changes=self.changes, **options)

    def keep(self) -> None:
        batch = batch_of(self.changes)
        for key in batch.gone:
            self.rows.pop(key, None)
        self.rows.update({(record.kind, record.id): record.data for record in batch.records})
        self.changes.clear()

    def restart(self, *, later_ns: int = NS) -> Any:
        """The node dies, and the next one begins with what was kept."""
        self.keep()
        before = self.node.kernel
        self.changes = StateChanges()
        self.node = self._new_node(
            self.profile,
            kernel=Kernel(seed=before.seed + 1, start_ns=before.now_ns + later_ns),
            changes=self.changes,
            saved=self.saved(),
            **self.options,
        )
        self.node.advance(0)
        return self.node

    def saved(self) -> SavedState:
        records = tuple(StateRecord(kind, key, data) for (kind, key), data in self.rows.items())
        return SavedState(where="node.sqlite", records=records)


@pytest.fixture
def restarts(new_node: Callable[..., Any]) -> Callable[..., Restarts]:
    """A node of one's own making, that can be restarted."""
    return lambda profile="containerd-2.3", **options: Restarts(new_node, profile, **options)
