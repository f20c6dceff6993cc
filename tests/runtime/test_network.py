"""Addresses of pods."""

from __future__ import annotations

import pytest

from kubesim.runtime.network import AddressesExhausted, PodNetwork


def test_addresses_are_given_in_turn() -> None:
    network = PodNetwork()
    assert [network.allocate() for _ in range(3)] == ["10.88.0.2", "10.88.0.3", "10.88.0.4"]
    network.release("10.88.0.3")
    assert network.allocate() == "10.88.0.5"


def test_the_turn_comes_round() -> None:
    network = PodNetwork("10.0.0.0/29")
    given = [network.allocate() for _ in range(5)]
    assert given == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
    with pytest.raises(AddressesExhausted, match=r"no IP addresses available in range set: 10\.0\.0\.1-10\.0\.0\.6"):
        network.allocate()
    network.release("10.0.0.4")
    network.release("10.0.0.4")
    assert network.allocate() == "10.0.0.4"
