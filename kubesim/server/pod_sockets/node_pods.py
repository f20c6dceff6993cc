"""The outside of one node's pods: their part of the loopback network, and the real sockets in it.

A server answers before userland is imported, so the sockets come with the runtime; the addresses are taken at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kubesim.kernel import Kernel, RealTimePump
from kubesim.server.pod_sockets.subnet import take_subnet

if TYPE_CHECKING:
    from kubesim.server.pod_sockets.ports import PodSockets
    from kubesim.userland.network.node_network import NodeNetwork


class NodePods:
    """`key` is what is the node's own, such as its socket. Raises InputError when there are no addresses to be had."""

    def __init__(self, key: str, used_addresses: Iterable[str] = ()) -> None:
        self._subnet = take_subnet(key, used_addresses)
        self._sockets: PodSockets | None = None
        self._started: tuple[RealTimePump, asyncio.AbstractEventLoop] | None = None

    def sockets(self, kernel: Kernel) -> PodSockets:
        """What a runtime takes ports from; made once."""
        from kubesim.server.pod_sockets.ports import PodSockets

        self._sockets = PodSockets(kernel, self._subnet.cidr)
        return self._sockets

    def observe(self, network: NodeNetwork) -> None:
        """Stand for what programs bind in the network of the runtime that was made."""
        if self._sockets is not None:
            self._sockets.observe(network)
            if self._started is not None:
                self._sockets.start(*self._started)

    def start(self, pump: RealTimePump, loop: asyncio.AbstractEventLoop) -> None:
        """Take connections, now or as soon as there is a runtime."""
        self._started = (pump, loop)
        if self._sockets is not None:
            self._sockets.start(pump, loop)

    def stop(self) -> None:
        """Close all sockets."""
        if self._sockets is not None:
            self._sockets.stop()

    def release(self) -> None:
        """Let others have the addresses."""
        self._subnet.release()
