"""Which processors does reservedSystemCPUs keep from pods? As many as are named, whatever the reservations say.

Mirrors kubelet: cmd/kubelet/app/server.go (run, getReservedCPUs).
"""

from __future__ import annotations

from msgspec.structs import replace

from kubesim.model.kubelet_configuration import KubeletConfiguration


def with_reserved_cpus(config: KubeletConfiguration) -> KubeletConfiguration:
    """The configuration in force: the named processors are all that is reserved of them."""
    cpus = _numbers(config.reserved_system_cpus)
    if not cpus:
        return config
    return replace(
        config,
        system_reserved={**config.system_reserved, "cpu": str(len(cpus))},
        kube_reserved={name: amount for name, amount in config.kube_reserved.items() if name != "cpu"},
    )


def reserved_cpus_problem(config: KubeletConfiguration, *, processors: int) -> str:
    """What the kubelet says of processors that the machine has not; empty when it has all of them."""
    online = set(range(processors))
    if _numbers(config.reserved_system_cpus) <= online:
        return ""
    shown = f"0-{processors - 1}" if processors > 1 else "0"
    return f"reserved-cpus: {config.reserved_system_cpus} is not a subset of online-cpus: {shown}"


def _numbers(text: str) -> set[int]:
    """`0-2,5` of a configuration that was checked."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found
