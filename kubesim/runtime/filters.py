"""Filters of the list calls: every part that is set must match, and an id that leads nowhere gives an empty list.

Mirrors containerd: internal/cri/server/container_list.go, filterCRIContainers; CRI-O: server/container_list.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from kubesim.runtime.object_store import Listed, ObjectStore
from kubesim.runtime.objects import Container, Sandbox

T = TypeVar("T", bound=Listed)


def matches_labels(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every key of the selector has exactly that value."""
    return all(key in labels and labels[key] == value for key, value in selector.items())


def select_sandboxes(
    store: ObjectStore[Sandbox], *, sandbox_id: str, selector: Mapping[str, str], state: int | None = None
) -> list[Sandbox]:
    """The sandboxes that match, in the order of lists."""
    return [
        sandbox
        for sandbox in _by_id(store, sandbox_id)
        if (state is None or sandbox.cri_state == state) and matches_labels(selector, sandbox.config.labels)
    ]


def select_containers(
    containers: ObjectStore[Container],
    sandboxes: ObjectStore[Sandbox],
    *,
    container_id: str,
    sandbox_id: str,
    selector: Mapping[str, str],
    state: int | None = None,
) -> list[Container]:
    """The containers that match, in the order of lists."""
    found: Iterable[Container] = _by_id(containers, container_id)
    if sandbox_id:
        sandbox, _ = sandboxes.find(sandbox_id)
        if sandbox is None:
            return []
        # A pod has a handful of containers; the node may have ten thousand.
        found = (
            [container for container in found if container.sandbox is sandbox]
            if container_id
            else containers.in_order(sandbox.containers)
        )
    return [
        container
        for container in found
        if (state is None or container.cri_state == state) and matches_labels(selector, container.config.labels)
    ]


def _by_id(store: ObjectStore[T], prefix: str) -> Iterable[T]:
    if not prefix:
        return store
    found, _ = store.find(prefix)
    return () if found is None else (found,)
