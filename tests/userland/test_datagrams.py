"""Datagram sockets: what their queues hold."""

from kubesim.userland.network.address import SocketAddress

from .conftest import World

POD = "10.88.0.2"


def test_a_flood_of_small_datagrams_is_a_few_hundred_in_the_queue(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    taker = pod.bind_datagrams(SocketAddress("0.0.0.0", 53), uid=0, is_privileged=True)
    sender = pod.connect_datagrams(SocketAddress(POD, 53), uid=0)
    for _ in range(10_000):
        sender.write_now(b"x")
    assert taker.queued_bytes == 276 * (768 + 1)  # as one more does not fit in net.core.rmem_default
    while taker.receive_now() is not None:
        pass
    assert taker.queued_bytes == 0
