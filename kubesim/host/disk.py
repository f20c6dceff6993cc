"""The disk of the machine: images take what they take, and other files as much as somebody says."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.host.amount import bytes_of


class Disk:
    """One disk for everything. `images_bytes` tells what images and containers take of it at present."""

    def __init__(self, *, capacity_bytes: int, images_bytes: Callable[[], int]) -> None:
        self.capacity_bytes = capacity_bytes
        self.other_bytes = 0
        """What files take that belong to no image."""
        self._images_bytes = images_bytes

    def fill(self, amount: str) -> None:
        """From now on other files take this much: a quantity ("70Gi"), or a part of the disk ("70%").

        Raises InputError for what is neither, and for more than the disk holds.
        """
        self.other_bytes = bytes_of(amount, capacity_bytes=self.capacity_bytes, what="the disk")

    def usage(self, path: str) -> tuple[int, int]:
        """Capacity and available bytes of the file system that `path` is on; there is only one."""
        del path
        taken_bytes = self.other_bytes + self._images_bytes()
        return self.capacity_bytes, max(0, self.capacity_bytes - taken_bytes)
