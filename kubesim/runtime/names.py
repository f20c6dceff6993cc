"""Names of sandboxes and containers: each is reserved for one id until that is removed.

Mirrors containerd: internal/registrar/registrar.go and internal/cri/server/helpers.go, makeSandboxName and
makeContainerName; CRI-O: internal/lib/sandbox/builder.go and internal/factory/container/container.go, SetNameAndID.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kubesim.kernel import Event


@dataclass(slots=True, kw_only=True, eq=False)
class Reservation:
    """A name that is taken. `settled` is raised once the object exists, or its creation failed."""

    name: str
    id: str
    settled: Event = field(default_factory=Event)


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

    def settle(self, name: str) -> None:
        """The object that has the name exists: wake who waits for its creation."""
        self._by_name[name].settled.set()

    def release(self, name: str) -> None:
        """Give a name back, and wake who waits for its creation."""
        reservation = self._by_name.pop(name, None)
        if reservation is not None:
            reservation.settled.set()


def sandbox_name(*, name: str, namespace: str, uid: str, attempt: int, prefix: str) -> str:
    """The name a sandbox is reserved under; `prefix` is the dialect's: nothing, or `k8s_`."""
    return f"{prefix}{name}_{namespace}_{uid}_{attempt}"


def container_name(*, name: str, pod_name: str, pod_namespace: str, pod_uid: str, attempt: int, prefix: str) -> str:
    """The name a container is reserved under."""
    return f"{prefix}{name}_{pod_name}_{pod_namespace}_{pod_uid}_{attempt}"
