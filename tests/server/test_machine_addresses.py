"""The machine's addresses, from the tables of the kernel."""

import socket
from pathlib import Path

import pytest

from kubesim.server.machine_addresses import machine_addresses

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.10
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     |-- 198.51.100.7
        /32 universe UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.0.53.53
           /32 host LOCAL
     |-- 192.0.2.9
        /32 universe UNICAST
        /32 host LOCAL
     |-- 192.0.2.10
        /32 host LOCAL
"""

IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
20010db8000000000000000000000002 04 40 00 82     eth0
20010db8000000000000000000000003 04 40 00 c0     eth0
20010db8000000000000000000000004 04 40 00 88     eth0
"""


def test_each_address_once_and_none_that_nobody_can_bind(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    (tmp_path / "if_inet6").write_text(IF_INET6)
    assert machine_addresses(tmp_path) == ("127.0.0.1", "192.0.2.9", "192.0.2.10", "::1", "2001:db8::2")


def test_a_machine_without_tables_has_its_loopback_address(tmp_path: Path) -> None:
    assert machine_addresses(tmp_path) == ("127.0.0.1",)


@pytest.mark.parametrize("address", machine_addresses())
def test_every_address_of_this_machine_can_be_listened_on(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        assert listener.getsockname()[0] == address
