"""A sandbox's network namespace in the userland: made with its address, gone with it.

Mirrors containerd: internal/cri/server/sandbox_run.go, setupPodNetwork and toCNIPortMappings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kubesim.cri import api
from kubesim.runtime.container_privileges import sysctls_of
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Sandbox
from kubesim.userland.network.node_network import PortMapping

_PROTOCOLS: Mapping[int, Literal["tcp", "udp"]] = {api.TCP: "tcp", api.UDP: "udp"}
"""SCTP is not emulated: nobody could connect."""

_PORT_START = "net.ipv4.ip_unprivileged_port_start"


def open_network(daemon: Daemon, sandbox: Sandbox) -> None:
    """Give a sandbox with an address its namespace, and let the node's ports that it asks for lead there."""
    if not sandbox.ip:
        return
    node = daemon.processes.network
    first_port = int(sysctls_of(daemon, sandbox).get(_PORT_START, "1024"))
    sandbox.network = namespace = node.add_pod(sandbox.ip, unprivileged_port_start=first_port)
    for mapping in sandbox.config.port_mappings:
        protocol = _PROTOCOLS.get(mapping.protocol)
        if protocol is not None and mapping.host_port > 0:
            node.map_port(
                PortMapping(
                    protocol=protocol,
                    host_ip=mapping.host_ip if mapping.host_ip not in ("0.0.0.0", "::") else "",  # noqa: S104
                    host_port=mapping.host_port,
                    namespace=namespace,
                    port=mapping.container_port,
                )
            )


def close_network(daemon: Daemon, sandbox: Sandbox) -> None:
    """Nobody reaches the pod any more. Fine when it has no network."""
    if sandbox.network is not None:
        daemon.processes.network.remove_pod(sandbox.network)
