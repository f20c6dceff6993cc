"""The memory of the machine: containers take what they use, and other processes as much as somebody says."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.host.amount import bytes_of

SYSTEM_BYTES = 512 * 1024**2
"""The working set of an idle machine: its kernel, its daemons, the kubelet and the runtime."""


class Memory:
    """All memory of one machine. `containers_bytes` tells the working set of all containers at present."""

    def __init__(self, *, capacity_bytes: int, containers_bytes: Callable[[], int]) -> None:
        self.capacity_bytes = capacity_bytes
        self.other_bytes = SYSTEM_BYTES
        """What processes take that run in no container."""
        self._containers_bytes = containers_bytes

    def fill(self, amount: str) -> None:
        """From now on processes outside of containers take this much: a quantity ("15Gi"), or a part ("95%").

        Raises InputError for what is neither, and for more than the machine has.
        """
        self.other_bytes = bytes_of(amount, capacity_bytes=self.capacity_bytes, what="the memory")

    def usage(self) -> tuple[int, int]:
        """Bytes that are available on the machine, and the working set of all containers."""
        containers_bytes = self._containers_bytes()
        return max(0, self.capacity_bytes - self.other_bytes - containers_bytes), containers_bytes
