"""ip: addresses, links and routes of the network namespace, as lists. Changing them is not emulated.

Mirrors busybox: networking/libiproute/ipaddress.c, print_linkinfo and print_addrinfo; iproute.c, print_route.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

from kubesim.userland.network.interfaces import (
    IFF_GATEWAY,
    SCOPE_HOST,
    SCOPE_LINK,
    Interface,
    InterfaceAddress,
    interfaces_of,
    ipv6_routes_of,
    routes_of,
)
from kubesim.userland.options import UsageError
from kubesim.userland.processes.process_life import Process

_OBJECTS = ("address", "route", "link")
_OTHER_OBJECTS = ("tunnel", "neigh", "rule")
_CHANGES = ("add", "delete", "flush", "set", "change", "append", "replace", "test", "get")
_LISTS = ("list", "show", "lst")
_FAMILIES = {"-4": 4, "-6": 6}
_FOREVER = "       valid_lft forever preferred_lft forever\n"
_NO_MAC, _ALL_MAC = "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"


async def run(process: Process) -> int:
    """Print the list that is asked for."""
    words = process.argv[1:]
    family = 0
    while words and words[0] in _FAMILIES:
        family = _FAMILIES[words[0]]
        words = words[1:]
    if not words:
        raise UsageError
    if words[0].startswith("-"):
        await process.complain(f"option {words[0]} is not emulated")
        return 1
    name = next((name for name in _OBJECTS if name.startswith(words[0])), "")
    rest = words[1:]
    is_list = not rest or any(verb.startswith(rest[0]) for verb in _LISTS)
    if not name and not any(other.startswith(words[0]) for other in _OTHER_OBJECTS):
        raise UsageError
    if not name or (not is_list and any(verb.startswith(rest[0]) for verb in _CHANGES)):
        await process.complain(f"{' '.join(words)} is not emulated")
        return 1
    if not is_list:
        await process.complain(f"invalid argument '{rest[0]}' to 'ip'")
        return 1
    if name == "route":
        return await _show_routes(process, rest[1:], family)
    return await _show_links(process, rest[1:], family, has_addresses=name == "address")


async def _show_links(process: Process, words: Sequence[str], family: int, *, has_addresses: bool) -> int:
    wanted = words[1:] if words[:1] == ["dev"] else words
    if len(wanted) > 1:
        await process.complain(f"a list by {' '.join(wanted)} is not emulated")
        return 1
    found = [interface for interface in interfaces_of(process.network) if not wanted or interface.name == wanted[0]]
    if not found:
        await process.complain(f"can't find device '{wanted[0]}'")
        return 1
    for interface in found:
        addresses = [
            address
            for address in sorted(interface.addresses, key=lambda address: address.is_ipv6)
            if not family or address.is_ipv6 == (family == 6)
        ]
        if has_addresses and family and not addresses:
            continue
        text = _link(interface, family if has_addresses else 0)
        await process.say(text + "".join(_address(interface, one) for one in addresses if has_addresses))
    return 0


def _link(interface: Interface, family: int) -> str:
    """The lines of a device; a list of one family's addresses leaves a part out."""
    kinds = ["LOOPBACK"] if interface.is_loopback else ["BROADCAST", "MULTICAST"]
    flags = ",".join([*kinds, "UP", "LOWER_UP"] if interface.is_up else kinds)
    discipline = "" if family == 6 else "qdisc noqueue " if interface.is_up else "qdisc noop "
    head = f"{interface.index}: {interface.name}: <{flags}> mtu {interface.mtu} {discipline}qlen 1000\n"
    if family:
        return head
    kind = "loopback" if interface.is_loopback else "ether"
    mac, broadcast = (_NO_MAC, _NO_MAC) if interface.is_loopback else (interface.mac, _ALL_MAC)
    return f"{head}    link/{kind} {mac} brd {broadcast}\n"


def _address(interface: Interface, address: InterfaceAddress) -> str:
    scope = {SCOPE_HOST: "host", SCOPE_LINK: "link"}.get(address.scope, "global")
    if address.is_ipv6:
        return f"    inet6 {address.ip}/{address.prefix_bits} scope {scope} \n{_FOREVER}"
    broadcast = "" if interface.is_loopback else f"brd {address.broadcast} "
    return f"    inet {address.ip}/{address.prefix_bits} {broadcast}scope {scope} {interface.name}\n{_FOREVER}"


async def _show_routes(process: Process, words: Sequence[str], family: int) -> int:
    if words:
        await process.complain(f"a list by {' '.join(words)} is not emulated")
        return 1
    if family == 6:
        for one in ipv6_routes_of(process.network):
            where = f"default via {one.gateway}" if one.gateway else str(one.network)
            # busybox leaves the type of a route out of its choice by table, but for local ones.
            kind = "multicast " if one.is_multicast else ""
            await process.say(f"{kind}{where} dev {one.interface}  metric {one.metric} \n")
        return 0
    for route in routes_of(process.network):
        if route.flags & IFF_GATEWAY:
            await process.say(f"default via {route.gateway} dev {route.interface} \n")
            continue
        network = IPv4Network(f"{route.network}/{route.mask}")
        await process.say(f"{network} dev {route.interface} scope link  src {route.source} \n")
    return 0
