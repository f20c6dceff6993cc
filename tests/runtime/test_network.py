"""Addresses of pods."""

from __future__ import annotations

from ipaddress import IPv6Network

import pytest

from kubesim.errors import InputError
from kubesim.runtime.network import AddressesExhausted, PodNetwork, parse_pod_ipv6_cidr

IPV6 = IPv6Network("fd00:88::/64")


def test_addresses_are_given_in_turn() -> None:
    network = PodNetwork()
    assert [network.allocate() for _ in range(3)] == [("10.88.0.2",), ("10.88.0.3",), ("10.88.0.4",)]
    network.release(["10.88.0.3"])
    assert network.allocate() == ("10.88.0.5",)


def test_the_turn_comes_round() -> None:
    network = PodNetwork("10.0.0.0/29")
    given = [network.allocate() for _ in range(5)]
    assert given == [("10.0.0.2",), ("10.0.0.3",), ("10.0.0.4",), ("10.0.0.5",), ("10.0.0.6",)]
    with pytest.raises(AddressesExhausted, match=r"no IP addresses available in range set: 10\.0\.0\.1-10\.0\.0\.6"):
        network.allocate()
    network.release(["10.0.0.4"])
    network.release(["10.0.0.4"])
    assert network.allocate() == ("10.0.0.4",)


def test_each_family_has_its_turn() -> None:
    network = PodNetwork(ipv6_subnet=IPV6)
    first = network.allocate()
    assert first == ("10.88.0.2", "fd00:88::2")
    network.claim(("10.88.0.9", "fd00:88::7"))
    network.release(first)
    assert [network.allocate() for _ in range(2)] == [("10.88.0.10", "fd00:88::8"), ("10.88.0.11", "fd00:88::9")]


def test_a_family_without_an_address_takes_none_of_the_other() -> None:
    # IPv6 has no broadcast address: the last one is a pod's.
    network = PodNetwork("10.0.0.0/29", ipv6_subnet=IPv6Network("fd00::/126"))
    assert [network.allocate() for _ in range(2)] == [("10.0.0.2", "fd00::2"), ("10.0.0.3", "fd00::3")]
    with pytest.raises(AddressesExhausted, match="no IP addresses available in range set: fd00::1-fd00::3"):
        network.allocate()
    network.release(["fd00::3"])
    assert network.allocate() == ("10.0.0.5", "fd00::3")
    network.release(["10.0.0.3", "10.0.0.5", "fd00::2", "fd00::3"])
    assert {network.allocate()[0] for _ in range(2)} <= {"10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"}


def test_addresses_of_another_network_stand_in_nobodys_way() -> None:
    network = PodNetwork(ipv6_subnet=IPV6)
    network.claim(("127.98.0.2", "fd00:99::2"))
    assert network.allocate() == ("10.88.0.2", "fd00:88::2")
    network.release(("127.98.0.2", "fd00:99::2"))
    assert network.allocate() == ("10.88.0.3", "fd00:88::3")


def test_the_gateway_is_of_the_familys_network() -> None:
    network = PodNetwork(ipv6_subnet=IPV6)
    assert [network.gateway_for(ip) for ip in ("10.88.0.7", "fd00:88::7")] == ["10.88.0.1", "fd00:88::1"]
    assert PodNetwork().gateway_for("fd00:88::7") == ""


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("fd00:88::/64", "fd00:88::/64"),
        ("FD00:0:0:1::/112", "fd00:0:0:1::/112"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_networks_for_pods(text: str, network: str) -> None:
    assert parse_pod_ipv6_cidr(text, where="x") == IPv6Network(network)


EXAMPLE = "name an IPv6 network for pods, such as fd00:88::/64"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", f'"" is no IPv6 network; {EXAMPLE}'),
        ("10.89.0.0/16", f'"10.89.0.0/16" is IPv4, which pods have anyway; {EXAMPLE}'),
        ("10.89.0.7", f'"10.89.0.7" is IPv4, which pods have anyway; {EXAMPLE}'),
        ("fd00:88::/129", f'"fd00:88::/129" is no IPv6 network; {EXAMPLE}'),
        ("fd00:88::/64/64", f'"fd00:88::/64/64" is no IPv6 network; {EXAMPLE}'),
        ("fd00:88::/ffff::", f'"fd00:88::/ffff::" is no IPv6 network; {EXAMPLE}'),
        ("fd00:88::%eth0/64", f'"fd00:88::%eth0/64" has a zone, which a network has not; {EXAMPLE}'),
        ("fd00:88::", '"fd00:88::" has no prefix length; fd00:88::/64, if that is the network'),
        ("fd00:88::1/64", '"fd00:88::1/64" has bits set after its prefix; fd00:88::/64 is the network'),
        (
            "fd00:88::/120",
            (
                "/120 has 255 addresses for pods and their gateway, fewer than their IPv4 network; "
                "a prefix of at most 112 bits, such as fd00:88::/64"
            ),
        ),
        (
            "fd00:88::1/128",
            (
                "/128 has 0 addresses for pods and their gateway, fewer than their IPv4 network; "
                "a prefix of at most 112 bits, such as fd00:88::/64"
            ),
        ),
        ("::/0", f'"::/0" overlaps ::/8, where no pod can be; {EXAMPLE}'),
        ("::ffff:0:0/96", f'"::ffff:0:0/96" overlaps ::/8, where no pod can be; {EXAMPLE}'),
        ("fe80::/64", f'"fe80::/64" overlaps fe80::/10, where no pod can be; {EXAMPLE}'),
        ("ff05::/64", f'"ff05::/64" overlaps ff00::/8, where no pod can be; {EXAMPLE}'),
    ],
)
def test_what_is_no_network_for_pods(text: str, what: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_pod_ipv6_cidr(text, where="--pod-ipv6-cidr")
    assert str(raised.value) == f"--pod-ipv6-cidr: {what}"
