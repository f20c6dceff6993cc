"""How much of a node may pods use? What is left of its capacity beside the reservations and the hard evictions.

Mirrors kubelet: pkg/kubelet/cm/node_container_manager_linux.go (GetNodeAllocatableReservation,
validateNodeAllocatable), pkg/kubelet/cm/helpers.go (hardEvictionReservation) and pkg/kubelet/nodestatus/setters.go
(MachineInfo).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from kubesim.model.k8s_v1 import Quantity
from kubesim.model.quantity import NANO, Amount, QuantityFormat, parse_quantity
from kubesim.policy.eviction_thresholds import MEMORY, NODE_FS, EvictionSettings, Limit, eviction_thresholds
from kubesim.policy.go_quantity import ZERO, GoQuantity, go_milli, go_quantity, go_whole
from kubesim.policy.go_quote import go_quote

_Items: TypeAlias = tuple[tuple[str, Quantity], ...]
_EVICTION_RESOURCES = {MEMORY: "memory", NODE_FS: "ephemeral-storage"}


def allocatable(
    capacity: Mapping[str, Quantity],
    *,
    reserved: Sequence[Mapping[str, Quantity]] = (),
    eviction_hard: Mapping[str, str] | None = None,
) -> dict[str, Quantity]:
    """What pods may use: capacity minus reservations and hard eviction thresholds, never below 0.

    Huge pages are taken off the memory. Raises InputError for a quantity or a threshold that is none.
    """
    kept_back = tuple(tuple(one.items()) for one in reserved)
    return dict(_allocatable(tuple(capacity.items()), kept_back, tuple((eviction_hard or {}).items())))


@lru_cache(maxsize=64)
def _allocatable(capacity: _Items, reserved: tuple[_Items, ...], eviction_hard: tuple[tuple[str, str], ...]) -> _Items:
    """A node asks with each of its statuses, and gets the same answer for ever."""
    left = {name: parse_quantity(amount) for name, amount in capacity}
    reservations = _reservations(left, [dict(one) for one in reserved], dict(eviction_hard))
    taken = {name: amount.amount.nano for name, amount in reservations.items()}
    if "memory" in left:
        taken["memory"] += sum(amount.nano for name, amount in left.items() if name.startswith("hugepages-"))
    return tuple(
        (name, str(Amount(nano=max(amount.nano - taken[name], 0), format=amount.format)))
        for name, amount in left.items()
    )


def node_allocatable_problem(
    capacity: Mapping[str, Quantity],
    *,
    reserved: Sequence[Mapping[str, Quantity]],
    eviction_hard: Mapping[str, str],
) -> str:
    """What the kubelet says of reservations that are more than there is; empty when there is enough.

    `capacity` is without pods. Every resource that lacks is named: a real kubelet names them in no order.
    """
    amounts = {name: parse_quantity(amount) for name, amount in capacity.items()}
    lacks = [
        f"Resource {go_quote(name)} has a reservation of {reservation} but capacity of"
        f" {_measured(name, amounts[name])}. Expected capacity >= reservation."
        for name, reservation in _reservations(amounts, reserved, eviction_hard).items()
        if reservation.amount.nano > amounts[name].nano
    ]
    return f"invalid Node Allocatable configuration. {' '.join(lacks)}" if lacks else ""


def _reservations(
    capacity: Mapping[str, Amount], reserved: Sequence[Mapping[str, Quantity]], eviction_hard: Mapping[str, str]
) -> dict[str, GoQuantity]:
    """What is kept back of each resource of the machine; what it has not is not kept back either."""
    found = dict.fromkeys(capacity, ZERO)
    for one in (*reserved, _hard_evictions(capacity, eviction_hard)):
        for name, amount in one.items():
            if name in found:
                found[name] = found[name].plus(amount if isinstance(amount, GoQuantity) else go_quantity(str(amount)))
    return found


def _hard_evictions(capacity: Mapping[str, Amount], eviction_hard: Mapping[str, str]) -> dict[str, GoQuantity]:
    thresholds = eviction_thresholds(EvictionSettings(hard=eviction_hard, enforces_pods=False))
    return {
        resource: _reservation(one.limit, eviction_hard[one.signal], capacity[resource])
        for one in thresholds
        if (resource := _EVICTION_RESOURCES.get(one.signal, "")) in capacity
    }


def _reservation(limit: Limit, text: str, capacity: Amount) -> GoQuantity:
    if limit.amount is not None:
        return go_quantity(text)
    return go_whole(Amount(nano=limit.of(capacity.value) * NANO, format=QuantityFormat.BINARY_SI))


def _measured(name: str, amount: Amount) -> GoQuantity:
    """A resource as cAdvisor measures it: processors in thousandths, all else in bytes."""
    if name == "cpu":
        return go_milli(Amount(nano=amount.nano))
    return go_whole(Amount(nano=amount.nano, format=QuantityFormat.BINARY_SI))
