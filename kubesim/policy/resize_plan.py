"""What a running container needs to get the resources that were allocated to it: an update in place, or a restart.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodResizeAction, doPodResizeAction).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from msgspec import Struct

RESTART_CONTAINER = "RestartContainer"
"""The restartPolicy of a resizePolicy that asks for a restart; NotRequired, the default, asks for none."""


class Resizable(StrEnum):
    """A resource that can change while a container runs. Memory is changed first."""

    MEMORY = "memory"
    CPU = "cpu"


class ResourceAmounts(Struct, frozen=True, kw_only=True, gc=False):
    """The resources of one container, or of a pod, that can change; 0 is not set."""

    cpu_request_milli: int = 0
    cpu_limit_milli: int = 0
    memory_request_bytes: int = 0
    memory_limit_bytes: int = 0

    def request(self, resource: Resizable) -> int:
        """The request, in millicores or bytes."""
        return self.cpu_request_milli if resource is Resizable.CPU else self.memory_request_bytes

    def limit(self, resource: Resizable) -> int:
        """The limit, in millicores or bytes."""
        return self.cpu_limit_milli if resource is Resizable.CPU else self.memory_limit_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerResize:
    """What changes in a running container. `restarts`: its resize policy wants it to start anew for that."""

    current: ResourceAmounts
    desired: ResourceAmounts
    restarts: bool = False

    def growth(self, resource: Resizable) -> int:
        """Positive when the resource grows, negative when it shrinks, 0 when nothing of it changes.

        The limit decides; the request only where the limit stays.
        """
        by_limit = self.desired.limit(resource) - self.current.limit(resource)
        return by_limit or self.desired.request(resource) - self.current.request(resource)


def container_resize(
    *, current: ResourceAmounts, desired: ResourceAmounts, policies: Mapping[str, str]
) -> ContainerResize | None:
    """The resize of a running container; None when it has what it should have.

    `current` is what the kubelet last told the runtime, `desired` what is allocated; `policies` is resizePolicy, by
    the name of the resource.
    """
    if current == desired:
        return None
    restarts = any(
        policies.get(resource) == RESTART_CONTAINER
        for resource in Resizable
        if current.limit(resource) != desired.limit(resource) or current.request(resource) != desired.request(resource)
    )
    return ContainerResize(current=current, desired=desired, restarts=restarts)


def update_order(resizes: Iterable[tuple[str, ContainerResize]], resource: Resizable) -> tuple[str, ...]:
    """The containers whose resource is updated in place, in the order of the calls: what shrinks goes first.

    `resizes` are in the order in which the containers were looked at.
    """
    order: list[str] = []
    for name, resize in resizes:
        growth = resize.growth(resource)
        if growth > 0:
            order.append(name)
        elif growth < 0:
            order.insert(0, name)
    return tuple(order)


def resize_operations(old: ResourceAmounts, new: ResourceAmounts) -> tuple[tuple[str, str, str], ...]:
    """What a change of a container's spec asks for: resource, requests or limits, and what is done to them.

    That is add, remove, increase or decrease.

    Mirrors kubelet: pkg/kubelet/kubelet.go, recordContainerResizeOperations and resizeOperationForResources.
    """
    return tuple(
        (resource.value, requirement, _operation(before, after))
        for resource in Resizable
        for requirement, before, after in (
            ("requests", old.request(resource), new.request(resource)),
            ("limits", old.limit(resource), new.limit(resource)),
        )
        if before != after
    )


def _operation(before: int, after: int) -> str:
    if not after:
        return "remove"
    if not before:
        return "add"
    return "decrease" if after < before else "increase"


ResizeStep = Literal["pod limit", "pod request", "containers"]


def resize_steps(*, limit_growth: int, request_growth: int) -> tuple[ResizeStep, ...]:
    """In which order one resource of the pod's cgroup and of its containers changes.

    What grows at the pod grows before the containers, and what shrinks after them; a request is never above its limit.
    """
    steps: list[ResizeStep] = []
    if limit_growth > 0:
        steps.append("pod limit")
    if request_growth > 0:
        steps.append("pod request")
    steps.append("containers")
    if request_growth < 0:
        steps.append("pod request")
    if limit_growth < 0:
        steps.append("pod limit")
    return tuple(steps)
