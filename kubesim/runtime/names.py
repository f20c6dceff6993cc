"""Names of sandboxes and containers: each is reserved for one id until that is removed.

Mirrors containerd: internal/registrar/registrar.go and internal/cri/server/helpers.go, makeSandboxName and
makeContainerName; CRI-O: internal/lib/sandbox/builder.go and internal/factory/container/container.go, SetNameAndID.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kubesim.kernel import Event, Timer


@dataclass(slots=True, kw_only=True, eq=False)
class Unclaimed:
    """An object that was finished after its client had gone."""

    publish: Callable[[], None]
    """Makes it visible, for the retry that claims it."""
    is_stale: Callable[[], bool]
    """Whether what it belongs to is gone meanwhile."""
    discard: Callable[[], None]
    """Takes it away, with its name."""
    timer: Timer
    """Discards it when no retry comes."""


@dataclass(slots=True, kw_only=True, eq=False)
class Reservation:
    """A name that is taken."""

    name: str
    id: str
    is_created: bool = False
    """Whether the object exists and is listed."""
    stage: str = "unknown"
    """How far its creation is, in the runtime's words."""
    unclaimed: Unclaimed | None = None
    _unclaimed_there: Event | None = None

    @property
    def unclaimed_there(self) -> Event:
        """Raised when there is something to claim."""
        if self._unclaimed_there is None:
            self._unclaimed_there = Event()
        return self._unclaimed_there


class NameRegistry:
    """Which name is reserved for which id."""

    __slots__ = ("_by_name",)

    def __init__(self) -> None:
        self._by_name: dict[str, Reservation] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def holder(self, name: str) -> Reservation | None:
        """The reservation of a name that is taken."""
        return self._by_name.get(name)

    def reserve(self, name: str, for_id: str) -> Reservation:
        """Take a free name."""
        if name in self._by_name:
            raise KeyError(f"{name} is reserved for {self._by_name[name].id}")
        reservation = Reservation(name=name, id=for_id)
        self._by_name[name] = reservation
        return reservation

    def release(self, name: str) -> None:
        """Give a name back."""
        self._by_name.pop(name, None)


def sandbox_name(*, name: str, namespace: str, uid: str, attempt: int, prefix: str) -> str:
    """The name a sandbox is reserved under; `prefix` is the dialect's: nothing, or `k8s_`."""
    return f"{prefix}{name}_{namespace}_{uid}_{attempt}"


def container_name(*, name: str, pod_name: str, pod_namespace: str, pod_uid: str, attempt: int, prefix: str) -> str:
    """The name a container is reserved under."""
    return f"{prefix}{name}_{pod_name}_{pod_namespace}_{pod_uid}_{attempt}"
