"""ifconfig: lists as Debian's busybox 1.35 lays them out, with a pod's values."""

from __future__ import annotations

import pytest

from kubesim.userland.network.namespace import NetworkNamespace

from .conftest import World

_NO_TRAFFIC = """\
          RX packets:0 errors:0 dropped:0 overruns:0 frame:0
          TX packets:0 errors:0 dropped:0 overruns:0 carrier:0
          collisions:0 txqueuelen:1000 \n\
          RX bytes:0 (0.0 B)  TX bytes:0 (0.0 B)

"""
ETH0 = f"""\
eth0      Link encap:Ethernet  HWaddr 0A:58:0A:58:00:02  \n\
          inet addr:10.88.0.2  Bcast:10.88.255.255  Mask:255.255.0.0
          inet6 addr: fe80::858:aff:fe58:2/64 Scope:Link
          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1
{_NO_TRAFFIC}"""
LO = f"""\
lo        Link encap:Local Loopback  \n\
          inet addr:127.0.0.1  Mask:255.0.0.0
          inet6 addr: ::1/128 Scope:Host
          UP LOOPBACK RUNNING  MTU:65536  Metric:1
{_NO_TRAFFIC}"""
BR0 = f"""\
br0       Link encap:Ethernet  HWaddr 02:00:00:00:00:03  \n\
          BROADCAST MULTICAST  MTU:1500  Metric:1
{_NO_TRAFFIC}"""


@pytest.fixture
def pod(world: World) -> NetworkNamespace:
    return world.table.network.add_pod("10.88.0.2")


@pytest.mark.parametrize(
    ("words", "text"), [("", ETH0 + LO), ("-a", BR0 + ETH0 + LO), ("lo", LO), ("br0", BR0), ("-a eth0", ETH0)]
)
def test_lists(world: World, pod: NetworkNamespace, words: str, text: str) -> None:
    ended = world.sh(f"brctl addbr br0; ifconfig {words}", network=pod)
    assert (ended.out, ended.err, ended.code) == (text, "", 0)


@pytest.mark.parametrize(
    ("words", "stderr"),
    [
        ("nosuch", "nosuch: error fetching interface information: Device not found"),
        ("-x", "-x: error fetching interface information: Device not found"),
        ("lo up", "changing an interface (lo up) is not emulated"),
    ],
)
def test_what_is_not_there_is_told(world: World, pod: NetworkNamespace, words: str, stderr: str) -> None:
    ended = world.sh(f"ifconfig {words}", network=pod)
    assert (ended.out, ended.err, ended.code) == ("", f"ifconfig: {stderr}\n", 1)
