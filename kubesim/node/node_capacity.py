"""The size of an emulated machine, as its user gives it.

Mirrors kubelet: pkg/kubelet/nodestatus/setters.go, MachineInfo: what cAdvisor measures becomes status.capacity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.kubelet.node_description import LINUX_CAPACITY, WINDOWS_CAPACITY
from kubesim.model.k8s_v1 import Quantity
from kubesim.model.quantity import NANO, parse_quantity, whole_units

PODS = "pods"
_HUGE_PAGES = re.compile(r"hugepages-(?P<size>\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCapacity:
    """All resources of the machine by name; `pods_max` None is what the kubelet's configuration says."""

    resources: Mapping[str, Quantity]
    pods_max: int | None

    @property
    def memory_bytes(self) -> int:
        """The memory of the machine."""
        return whole_units(self.resources["memory"])

    @property
    def disk_bytes(self) -> int:
        """The size of the file system that the kubelet, the runtime and its images share."""
        return whole_units(self.resources["ephemeral-storage"])


def node_capacity(given: object, where: str, *, os: str) -> NodeCapacity:
    """The machine with what is given, and as before where nothing is: `{"cpu": "2", "memory": "8Gi"}`.

    `pods` is maxPods of the kubelet's configuration. Raises InputError.
    """
    usual = WINDOWS_CAPACITY if os == "windows" else LINUX_CAPACITY
    if given is None:
        return NodeCapacity(resources=usual, pods_max=None)
    if not isinstance(given, Mapping):
        hint = 'give a dict of quantities, such as {"cpu": "2", "memory": "8Gi"}'
        raise InputError(f"{given!r} is of type {type(given).__name__}", where=where, hint=hint)
    resources = dict(usual)
    pods_max = None
    for name, amount in given.items():
        place = f"{where}[{name!r}]"
        units = _units(name, amount, place, usual=usual, os=os)
        if name == PODS:
            pods_max = units
        else:
            resources[name] = str(amount)
    return NodeCapacity(resources=resources, pods_max=pods_max)


def _units(name: object, amount: object, where: str, *, usual: Mapping[str, Quantity], os: str) -> int:
    """The amount in whole units, checked. Raises InputError."""
    huge = _HUGE_PAGES.fullmatch(name) if isinstance(name, str) and os == "linux" else None
    if name not in {*usual, PODS} and huge is None:
        more = ", hugepages-2Mi" if os == "linux" else ""
        hint = f"a machine has cpu, memory, ephemeral-storage{more}, and room for pods"
        raise InputError("there is no such resource of a machine", where=where, hint=hint)
    if not isinstance(amount, str | int | float) or isinstance(amount, bool):
        raise InputError(f"{amount!r} is of type {type(amount).__name__}", where=where, hint='give a quantity: "8Gi"')
    try:
        nano = parse_quantity(amount).nano
        page = 1 if huge is None else whole_units(huge["size"])
    except InputError as error:
        raise InputError(error.what, where=where, hint=error.hint or 'give a quantity: "8Gi"') from error
    least = 0 if huge is not None else 1
    if nano < least * NANO:
        raise InputError(f"{amount} is too little", where=where, hint=f"give at least {least}")
    if nano % (page * NANO):
        whole = "a multiple of the page size" if huge is not None else "a whole number"
        raise InputError(f"{amount} is a part of one", where=where, hint=f"give {whole}")
    return nano // NANO
