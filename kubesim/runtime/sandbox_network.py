"""A sandbox's network namespace in the userland: made with its addresses, gone with them.

Mirrors containerd: internal/cri/server/sandbox_run.go, setupPodNetwork and toCNIPortMappings.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal

from kubesim.cri import api
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.container_privileges import sysctls_of
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.pod_ports import PortRefused
from kubesim.userland.network.address import ANY_IPV4, ANY_IPV6, canonical_ip
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import PortMapping

_PROTOCOLS: Mapping[int, Literal["tcp", "udp"]] = {api.TCP: "tcp", api.UDP: "udp"}
"""SCTP is not emulated: nobody could connect, and a warning says so."""

_log = logging.getLogger(__name__)

_PORT_START = "net.ipv4.ip_unprivileged_port_start"


def open_network(daemon: Daemon, sandbox: Sandbox) -> None:
    """Give a sandbox with addresses its namespace, and let the node's ports that it asks for lead there."""
    if not sandbox.ip:
        return
    node = daemon.processes.network
    first_port = int(sysctls_of(daemon, sandbox).get(_PORT_START, "1024"))
    sandbox.network = namespace = node.add_pod(*sandbox.ips, unprivileged_port_start=first_port)
    config = sandbox.config
    for mapping in _mappings(config, namespace):
        if mapping.host_port > 0:
            node.map_port(mapping)
    for left_out in config.port_mappings:
        if left_out.protocol == api.SCTP:
            metadata = config.metadata
            _log.warning(
                "nobody reaches port %d/SCTP of pod %s/%s: SCTP is not emulated",
                left_out.container_port, metadata.namespace, metadata.name,
            )  # fmt: skip


def open_ports(daemon: Daemon, sandbox: Sandbox) -> None:
    """Take the ports of the real machine that lead to a sandbox. Raises CriError when it does not give one of them."""
    if daemon.pod_ports is None or sandbox.network is None:
        return
    try:
        daemon.pod_ports.open(sandbox.network, _mappings(sandbox.config, sandbox.network))
    except PortRefused as refused:
        raise daemon.refuse(
            say.HOST_PORT if refused.is_of_host else say.CONTAINER_PORT,
            id=sandbox.id,
            name=sandbox.name,
            protocol=refused.protocol,
            network=refused.protocol + ("6" if refused.address.startswith("[") else "4"),
            address=refused.address,
            port=refused.port,
            reason=refused.reason,
        ) from None


def reopen_ports(daemon: Daemon, sandbox: Sandbox) -> None:
    """Take the ports of a sandbox from before; without one of them it is there all the same, and a warning says so."""
    if daemon.pod_ports is None or sandbox.network is None:
        return
    config = sandbox.config
    for mapping in _mappings(config, sandbox.network):
        try:
            daemon.pod_ports.open(sandbox.network, [mapping])
        except PortRefused as refused:
            metadata = config.metadata
            _log.warning(
                "pod %s/%s is back, but nobody reaches it at %s %s: %s",
                metadata.namespace, metadata.name, refused.protocol, refused.address, refused.reason,
            )  # fmt: skip


def close_network(daemon: Daemon, sandbox: Sandbox) -> None:
    """Nobody reaches the pod any more. Fine when it has no network."""
    if sandbox.network is not None:
        if daemon.pod_ports is not None:
            daemon.pod_ports.close(sandbox.network)
        daemon.processes.network.remove_pod(sandbox.network)


def _mappings(config: api.PodSandboxConfig, namespace: NetworkNamespace) -> list[PortMapping]:
    return [
        PortMapping(
            protocol=protocol,
            host_ip=_host_ip(mapping.host_ip),
            host_port=mapping.host_port,
            namespace=namespace,
            port=mapping.container_port,
        )
        for mapping in config.port_mappings
        if (protocol := _PROTOCOLS.get(mapping.protocol)) is not None
    ]


def _host_ip(text: str) -> str:
    """The address in its shortest form, empty for every one; a text that is none stays, and is refused by its name."""
    ip = canonical_ip(text) or text
    return "" if ip in (ANY_IPV4, ANY_IPV6) else ip
