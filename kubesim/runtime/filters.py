"""Filters of the list calls: every part that is set must match, and an id that leads nowhere gives an empty list.

Mirrors containerd: internal/cri/server/container_list.go, filterCRIContainers; CRI-O: server/container_list.go,
filterContainerList.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from kubesim.runtime.daemon import Daemon
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
    is_selected = _is_selected(selector, sandbox_id)
    return [
        sandbox
        for sandbox in _candidates(store, sandbox_id, selector)
        if (state is None or sandbox.cri_state == state) and (is_selected or matches_labels(selector, sandbox.labels))
    ]


def select_containers(
    daemon: Daemon,
    *,
    container_id: str,
    sandbox_id: str,
    selector: Mapping[str, str],
    state: int | None = None,
) -> list[Container]:
    """The containers that match, in the order of lists."""
    is_selected = _is_selected(selector, container_id or sandbox_id)
    return [
        container
        for container in _by_both_ids(daemon, container_id, sandbox_id, selector)
        if (state is None or container.cri_state == state)
        and (is_selected or matches_labels(selector, container.labels))
    ]


def _is_selected(selector: Mapping[str, str], some_id: str) -> bool:
    """Whether all candidates have the labels: none are asked for, or the one label that they were found by."""
    return not selector or (len(selector) == 1 and not some_id)


def _by_both_ids(
    daemon: Daemon, container_id: str, sandbox_id: str, selector: Mapping[str, str]
) -> Iterable[Container]:
    found = _candidates(daemon.containers, container_id, selector)
    if not sandbox_id:
        return found
    if container_id and daemon.profile.containers.filter_by_both_ids == "pod-prefix":
        return [container for container in found if container.sandbox.id.startswith(sandbox_id)]
    sandbox, _ = daemon.sandboxes.find(sandbox_id)
    if sandbox is None:
        return ()
    if container_id:
        return [container for container in found if container.sandbox is sandbox]
    # A pod has a handful of containers; the node may have ten thousand.
    return daemon.containers.in_order(sandbox.containers)


def _candidates(store: ObjectStore[T], prefix: str, selector: Mapping[str, str]) -> Iterable[T]:
    if not prefix:
        # The first label of a selector leaves few objects to look at: a kubelet asks by the uid of a pod.
        return store if not selector else store.with_label(*next(iter(selector.items())))
    found, _ = store.find(prefix)
    return () if found is None else (found,)
