"""Socket addresses: an IP address and a port, and the forms in which programs and /proc write them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from kubesim.userland.files.fs_error import FsError

PORT_MAX = 65535

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - a text of the emulated world
ANY_IPV6 = "::"


class SocketAddress(NamedTuple):
    """An IP address as text in its shortest form, and a port."""

    ip: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        """Whether it is of the IPv6 family."""
        return ":" in self.ip

    @property
    def is_any(self) -> bool:
        """Whether it stands for every address of its namespace."""
        return self.ip in (ANY_IPV4, ANY_IPV6)

    def text(self) -> str:
        """`IP:PORT`, with brackets around an IPv6 address.

        >>> SocketAddress("::1", 80).text()
        '[::1]:80'
        """
        return f"[{self.ip}]:{self.port}" if self.is_ipv6 else f"{self.ip}:{self.port}"


def canonical_ip(text: str) -> str | None:
    """The shortest form of an IP address, None for what is none. An IPv4 address within IPv6 is the IPv4 address.

    >>> canonical_ip("::ffff:10.0.0.1"), canonical_ip("0:0::1"), canonical_ip("localhost")
    ('10.0.0.1', '::1', None)
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def is_loopback(ip: str) -> bool:
    """Whether an address never leaves its namespace."""
    return ip == "::1" or ip.startswith("127.")


def parse_port(text: str) -> int:
    """A port as a decimal number from 1 on. Raises FsError EINVAL."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or not 0 < int(text) <= PORT_MAX:
        raise FsError("EINVAL")
    return int(text)


def proc_form(address: SocketAddress) -> str:
    """As /proc/net/tcp writes it: 32-bit words in the machine's order.

    Mirrors linux: net/ipv4/tcp_ipv4.c, get_tcp4_sock.

    >>> proc_form(SocketAddress("127.0.0.1", 8080))
    '0100007F:1F90'
    """
    packed = (IPv6Address if address.is_ipv6 else IPv4Address)(address.ip).packed
    words = (packed[start : start + 4][::-1] for start in range(0, len(packed), 4))
    return f"{b''.join(words).hex().upper()}:{address.port:04X}"


def from_proc_form(text: str) -> SocketAddress:
    """The address behind a field of /proc/net/tcp. Raises ValueError for anything else.

    >>> from_proc_form("0100007F:1F90")
    SocketAddress(ip='127.0.0.1', port=8080)
    """
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    packed = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return SocketAddress(str(ip_address(packed)), int(port, 16))
