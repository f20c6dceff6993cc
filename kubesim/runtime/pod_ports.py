"""Ports of a real machine that lead to pods, as a runtime asks for them; a server has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import PortMapping


class PortRefused(Exception):
    """The machine does not give a port. `reason` is the text of its errno, in lower case as Go has it."""

    def __init__(
        self, *, protocol: Literal["tcp", "udp"], address: str, port: int, is_of_host: bool, reason: str
    ) -> None:
        super().__init__(f"{protocol} {address}: {reason}")
        self.protocol = protocol
        self.address = address
        self.port = port
        self.is_of_host = is_of_host
        self.reason = reason


class PodPorts(Protocol):
    """Real sockets for the ports of pods."""

    @property
    def cidr(self) -> str:
        """The network in which the machine has the addresses of pods."""

    @property
    def node_ip(self) -> str:
        """The address of the machine that pods, and programs with its network, know as the node's."""

    def open(self, namespace: NetworkNamespace, mappings: Sequence[PortMapping]) -> None:
        """Take ports of a pod, besides those that it has. Raises PortRefused, and has none of the new ones then."""

    def close(self, namespace: NetworkNamespace) -> None:
        """Give the ports of a pod back; fine when it has none."""
