"""The disk of the machine: images take what they take, and other files as much as somebody says."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.errors import InputError
from kubesim.model.quantity import whole_units


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
        number, percent, rest = amount.partition("%")
        if percent:
            if rest or not number.isdecimal():
                raise InputError(f"{amount!r} is no part of a disk", hint='give whole per cent, such as "70%"')
            wanted_bytes = self.capacity_bytes * int(number) // 100
        else:
            wanted_bytes = _bytes(amount)
        if not 0 <= wanted_bytes <= self.capacity_bytes:
            raise InputError(f"{amount} do not fit", hint=f"the disk has {self.capacity_bytes} bytes")
        self.other_bytes = wanted_bytes

    def usage(self, path: str) -> tuple[int, int]:
        """Capacity and available bytes of the file system that `path` is on; there is only one."""
        del path
        taken_bytes = self.other_bytes + self._images_bytes()
        return self.capacity_bytes, max(0, self.capacity_bytes - taken_bytes)


def _bytes(amount: str) -> int:
    try:
        return whole_units(amount)
    except InputError as error:
        raise InputError(f"{amount!r} is no amount: {error.what}", hint='say "70Gi" or "70%"') from error
