"""ifconfig: the interfaces of the network namespace. Changing them is not emulated, and traffic is not counted.

Mirrors busybox: networking/interface.c, ife_print.
"""

from __future__ import annotations

from kubesim.userland.network.interfaces import (
    SCOPE_GLOBAL,
    SCOPE_HOST,
    SCOPE_LINK,
    Interface,
    InterfaceAddress,
    interfaces_of,
)
from kubesim.userland.processes.process_life import Process

_SCOPES = {SCOPE_GLOBAL: "Global", SCOPE_LINK: "Link", SCOPE_HOST: "Host"}
_INDENT = " " * 10


async def run(process: Process) -> int:
    """Print those that are up, all of them with -a, or the one that is named."""
    words = process.argv[1:]
    is_all = words[:1] == ["-a"]
    words = words[is_all:]
    if len(words) > 1:
        await process.complain(f"changing an interface ({' '.join(words)}) is not emulated")
        return 1
    found = sorted(interfaces_of(process.network), key=lambda interface: interface.name)
    if words:
        found = [interface for interface in found if interface.name == words[0]]
        if not found:
            await process.complain(f"{words[0]}: error fetching interface information: Device not found")
            return 1
    for interface in found:
        if words or is_all or interface.is_up:
            await process.say("".join(f"{line}\n" for line in _lines(interface)))
    return 0


def _lines(interface: Interface) -> list[str]:
    """The lines of one interface, an empty one at the end."""
    if interface.is_loopback:
        kind, kind_flags, more_flags = "Local Loopback  ", "LOOPBACK ", ""
    else:
        kind, kind_flags, more_flags = f"Ethernet  HWaddr {interface.mac.upper()}  ", "BROADCAST ", "MULTICAST "
    state = (f"UP {kind_flags}RUNNING " if interface.is_up else kind_flags) + more_flags
    return [
        f"{interface.name:<9} Link encap:{kind}",
        *(_INDENT + _address(interface, one) for one in interface.addresses if not one.is_ipv6),
        *(_INDENT + _address(interface, one) for one in interface.addresses if one.is_ipv6),
        f"{_INDENT}{state} MTU:{interface.mtu}  Metric:1",
        f"{_INDENT}RX packets:0 errors:0 dropped:0 overruns:0 frame:0",
        f"{_INDENT}TX packets:0 errors:0 dropped:0 overruns:0 carrier:0",
        f"{_INDENT}collisions:0 txqueuelen:1000 ",
        f"{_INDENT}RX bytes:0 (0.0 B)  TX bytes:0 (0.0 B)",
        "",
    ]


def _address(interface: Interface, address: InterfaceAddress) -> str:
    if address.is_ipv6:
        return f"inet6 addr: {address.ip}/{address.prefix_bits} Scope:{_SCOPES[address.scope]}"
    broadcast = "" if interface.is_loopback else f"Bcast:{address.broadcast}  "
    return f"inet addr:{address.ip}  {broadcast}Mask:{address.mask}"
