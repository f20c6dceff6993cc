"""Which addresses the machine has, of its own network namespace and as the kernel lists them.

A listener on the wildcard address would take its port away from every pod's 127.x.y.z, which is an address of this
machine too. Whoever means "every address of the node" listens on each of these instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_LOOPBACK_SCOPE, _GLOBAL_SCOPE = 0x10, 0x00
"""Mirrors linux: include/net/ipv6.h, IPV6_ADDR_LOOPBACK and what /proc/net/if_inet6 has for neither."""

_UNUSABLE_FLAGS = 0x40 | 0x08
"""Nobody can bind an address yet that may be another's. Mirrors linux: include/uapi/linux/if_addr.h, IFA_F_TENTATIVE
and IFA_F_DADFAILED."""


def machine_addresses(proc_net: Path = Path("/proc/net")) -> tuple[str, ...]:
    """127.0.0.1, the IPv4 addresses outside 127.0.0.0/8, ::1 where there is one, the global IPv6 addresses.

    Those of a link only (fe80::/10) are not among them: nobody can name one without its interface. Without a file, as
    on a machine without IPv6 or on another system, there are none of its family but 127.0.0.1.
    """
    ipv4 = sorted(_ipv4(_text(proc_net / "fib_trie")), key=int)
    ipv6 = sorted(_ipv6(_text(proc_net / "if_inet6")), key=int)
    return ("127.0.0.1", *(str(address) for address in (*ipv4, *ipv6)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def _ipv4(text: str) -> set[IPv4Address]:
    """Mirrors linux: net/ipv4/fib_trie.c, fib_trie_seq_show: a leaf, then a line for each of its routes."""
    found = set()
    leaf = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[1]
        elif words == ["/32", "host", "LOCAL"]:
            found.add(IPv4Address(leaf))
    return {address for address in found if not address.is_loopback}


def _ipv6(text: str) -> Iterator[IPv6Address]:
    """Mirrors linux: net/ipv6/addrconf.c, if6_seq_show: address, index, prefix, scope, flags, name."""
    for line in text.splitlines():
        packed, _, _, scope, flags, _ = line.split()
        if int(scope, 16) in (_LOOPBACK_SCOPE, _GLOBAL_SCOPE) and not int(flags, 16) & _UNUSABLE_FLAGS:
            yield IPv6Address(int(packed, 16))
