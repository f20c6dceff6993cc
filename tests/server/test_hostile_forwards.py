"""Clients of PortForward that mean harm: they wait, or are refused, and nobody else is hurt."""

import struct
from collections.abc import Iterator

import pytest

from .spdy_client import SpdyClient
from .streaming_world import StreamingWorld, streaming_world
from .test_hostile_streams import works


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world() as found:
        yield found


def test_a_client_that_asks_and_does_not_listen_has_to_wait(world: StreamingWorld) -> None:
    client = SpdyClient(world.forward_url(world.run_pod()), protocols=["portforward.k8s.io"])
    client.socket.settimeout(0.3)
    pings = struct.pack(">HHII", 0x8003, 6, 4, 1) * 4096
    with pytest.raises(TimeoutError):
        for _ in range(10_000):
            client.socket.sendall(pings)

    assert works(world, world.run_container())
    client.close()


def test_halves_of_connections_are_bounded(world: StreamingWorld) -> None:
    client = SpdyClient(world.forward_url(world.run_pod()), protocols=["portforward.k8s.io"])
    count = 10_500
    for number in range(count):
        client.open({"streamType": "error", "port": "80", "requestID": str(number)})
        if number % 500 == 499:
            while len(client.replies) + len(client.resets) <= number:
                client.read_frame()

    assert (len(client.replies), len(client.resets)) == (10_000, 500)
    assert works(world, world.run_container())
    client.close()
