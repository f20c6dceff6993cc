"""In which order Windows stops services before a shutdown, so that the kubelet comes before what it depends on.

Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager_windows.go, addToExistingOrder.
"""

from __future__ import annotations

from collections.abc import Sequence


def preshutdown_order(existing: Sequence[str], dependencies: Sequence[str], service: str = "kubelet") -> list[str]:
    """The new value of PreshutdownOrder.

    Args:
        existing: the present value of the registry's PreshutdownOrder.
        dependencies: the services that `service` depends on, in the order the service manager lists them.
        service: the service that must be told first.

    Returns:
        `existing` unchanged when there are no dependencies. Else: `service` is taken out (whatever its case),
        dependencies that are missing are appended, and `service` goes before the first dependency in the list.
    """
    if not dependencies:
        return list(existing)
    order = [name for name in existing if name.lower() != service.lower()]
    for dependency in dependencies:
        if dependency not in order:
            order.append(dependency)
    first = min(order.index(dependency) for dependency in dependencies)
    order.insert(first, service)
    return order
