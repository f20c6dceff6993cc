"""A /16 of the loopback network for the pods of one node.

It is taken by binding an abstract unix socket of its name: such a name belongs to one network namespace, as loopback
addresses do, and is free again when its owner ends, however it does.
"""

from __future__ import annotations

import logging
import socket
import sys
import zlib
from collections.abc import Iterable

from kubesim.errors import InputError

NUMBERS = range(64, 254)
"""127.N.0.0/16. The lower ones are left to people, who use 127.0.x.y and 127.1.x.y by hand."""


_log = logging.getLogger(__name__)


class PodSubnet:
    """A subnet that this process holds until `release`."""

    def __init__(self, holder: socket.socket, number: int) -> None:
        self._holder = holder
        self.cidr = f"127.{number}.0.0/16"

    def release(self) -> None:
        """Let others have it."""
        self._holder.close()


def take_subnet(key: str, used_addresses: Iterable[str] = ()) -> PodSubnet:
    """A free subnet: the one in which pods have addresses from before, else one that follows from `key`, or the next.

    Raises InputError when there is none.
    """
    if sys.platform != "linux":
        hint = "use --pod-network virtual"
        raise InputError("only Linux lets pods have loopback addresses of their own", where="--pod-network", hint=hint)
    used = sorted({int(ip.split(".")[1]) for ip in used_addresses if ip.startswith("127.")})
    first = zlib.crc32(key.encode()) % len(NUMBERS)
    for number in (*used, *NUMBERS[first:], *NUMBERS[:first]):
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            holder.bind(f"\0kubesim/pod-network/127.{number}")
        except OSError:
            holder.close()
            continue
        if used and number not in used:
            _log.warning(
                "pods of the saved state have addresses of 127.%d.0.0/16, which another kubesim holds: nobody reaches "
                "them; new ones get addresses of 127.%d.0.0/16", used[0], number,
            )  # fmt: skip
        return PodSubnet(holder, number)
    hint = "stop some, or use --pod-network virtual"
    raise InputError(f"{len(NUMBERS)} nodes on this machine have a pod network", where="--pod-network", hint=hint)
