"""ip: lists as Debian's busybox 1.35 lays them out, with a pod's values."""

from __future__ import annotations

from ipaddress import IPv6Network

import pytest

from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NodeNetwork

from .conftest import World

LO = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\n"
LO_MAC = "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
ETH0 = "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue qlen 1000\n"
ETH0_MAC = "    link/ether 0a:58:0a:58:00:02 brd ff:ff:ff:ff:ff:ff\n"
FOREVER = "       valid_lft forever preferred_lft forever\n"
LO_IPV4 = f"    inet 127.0.0.1/8 scope host lo\n{FOREVER}"
LO_IPV6 = f"    inet6 ::1/128 scope host \n{FOREVER}"
ETH0_IPV4 = f"    inet 10.88.0.2/16 brd 10.88.255.255 scope global eth0\n{FOREVER}"
ETH0_IPV6 = f"    inet6 fe80::858:aff:fe58:2/64 scope link \n{FOREVER}"
ROUTES = "default via 10.88.0.1 dev eth0 \n10.88.0.0/16 dev eth0 scope link  src 10.88.0.2 \n"
LINK_ROUTE = "fe80::/64 dev eth0  metric 256 \n"
MULTICAST_ROUTE = "multicast ff00::/8 dev eth0  metric 256 \n"


@pytest.fixture
def pod(world: World) -> NetworkNamespace:
    return world.table.network.add_pod("10.88.0.2")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("a", LO + LO_MAC + LO_IPV4 + LO_IPV6 + ETH0 + ETH0_MAC + ETH0_IPV4 + ETH0_IPV6),
        ("addr show dev lo", LO + LO_MAC + LO_IPV4 + LO_IPV6),
        ("-4 address list eth0", ETH0 + ETH0_IPV4),
        ("-6 addr s lo", LO.replace("qdisc noqueue ", "") + LO_IPV6),
        ("link", LO + LO_MAC + ETH0 + ETH0_MAC),
        ("-4 link show eth0", ETH0 + ETH0_MAC),
        ("route", ROUTES),
        ("-4 r list", ROUTES),
        ("-6 route", f"{LINK_ROUTE}{MULTICAST_ROUTE}"),
    ],
)
def test_lists(world: World, pod: NetworkNamespace, words: str, text: str) -> None:
    ended = world.sh(f"ip {words}", network=pod)
    assert (ended.out, ended.err, ended.code) == (text, "", 0)


@pytest.fixture
def dual_stack() -> NodeNetwork:
    return NodeNetwork(ipv6_subnet=IPv6Network("fd00:88::/80"))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "ip a s eth0",
            f"{ETH0}{ETH0_MAC}{ETH0_IPV4}    inet6 fd00:88::2/80 scope global \n{FOREVER}{ETH0_IPV6}",
        ),
        ("ip route", ROUTES),
        (
            "ip -6 route",
            (
                f"fd00:88::/80 dev eth0  metric 256 \n{LINK_ROUTE}default via fd00:88::1 dev eth0  metric 1024 \n"
                f"{MULTICAST_ROUTE}"
            ),
        ),
        (
            "cat /proc/net/if_inet6",
            (
                "00000000000000000000000000000001 01 80 10 80       lo\n"
                "fd000088000000000000000000000002 02 50 00 80     eth0\n"
                "fe8000000000000008580afffe580002 02 40 20 80     eth0\n"
            ),
        ),
    ],
)
def test_a_pod_with_two_families(world: World, dual_stack: NodeNetwork, line: str, text: str) -> None:
    ended = world.sh(line, network=dual_stack.add_pod("10.88.0.2", "fd00:88::2"))
    assert (ended.out, ended.err, ended.code) == (text, "", 0)


def test_the_node_of_pods_with_two_families(world: World, dual_stack: NodeNetwork) -> None:
    ended = world.sh("ip -6 addr show cni0; ip -6 route", network=dual_stack.node)
    assert ended.out.splitlines()[1::2][:1] == ["    inet6 fd00:88::1/80 scope global "]
    assert [line for line in ended.out.splitlines() if "metric" in line] == [
        "fd00:88::/80 dev cni0  metric 256 ",
        "fe80::/64 dev eth0  metric 256 ",
        "fe80::/64 dev cni0  metric 256 ",
        "multicast ff00::/8 dev eth0  metric 256 ",
        "multicast ff00::/8 dev cni0  metric 256 ",
    ]


def test_a_bridge_that_was_made_is_down(world: World, pod: NetworkNamespace) -> None:
    ended = world.sh("brctl addbr br0; ip link show br0", network=pod)
    assert ended.out == (
        "3: br0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop qlen 1000\n"
        "    link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff\n"
    )


@pytest.mark.parametrize(
    ("words", "stderr"),
    [
        ("addr show nosuch", "can't find device 'nosuch'"),
        ("addr foo", "invalid argument 'foo' to 'ip'"),
        ("link lo", "invalid argument 'lo' to 'ip'"),
        ("addr add 10.0.0.1/8 dev lo", "addr add 10.0.0.1/8 dev lo is not emulated"),
        ("neigh", "neigh is not emulated"),
        ("-o addr", "option -o is not emulated"),
        ("addr show lo up", "a list by lo up is not emulated"),
        ("route list dev eth0", "a list by dev eth0 is not emulated"),
    ],
)
def test_what_is_not_there_is_told(world: World, pod: NetworkNamespace, words: str, stderr: str) -> None:
    ended = world.sh(f"ip {words}", network=pod)
    assert (ended.out, ended.err, ended.code) == ("", f"ip: {stderr}\n", 1)


@pytest.mark.parametrize("words", ["", "foo"])
def test_another_object_prints_the_usage(world: World, pod: NetworkNamespace, words: str) -> None:
    ended = world.sh(f"ip {words}", network=pod)
    assert "Usage: ip " in ended.err
    assert (ended.out, ended.code) == ("", 1)
