"""Namespaces, streams and datagrams: who reaches whom, and what Linux says when nobody is there."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from ipaddress import IPv6Network

import pytest

from kubesim.kernel import Task
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NodeNetwork, PortMapping
from kubesim.userland.network.stream import QUEUE_BYTES_MAX, Listener, Stream

from .conftest import SECOND, World

POD = "10.88.0.2"
OTHER = "10.88.0.3"
EVERYWHERE = "0.0.0.0"


def listen(namespace: NetworkNamespace, ip: str, port: int, backlog: int = 5) -> Listener:
    listener = namespace.listen(SocketAddress(ip, port), backlog=backlog, uid=0, is_privileged=True)
    listener.hold()
    return listener


def attempt(world: World, namespace: NetworkNamespace, ip: str, port: int) -> Task[Stream]:
    return world.kernel.spawn(namespace.connect(SocketAddress(ip, port), uid=0), name="connect")


def connected(world: World, namespace: NetworkNamespace, ip: str, port: int) -> Stream:
    task = attempt(world, namespace, ip, port)
    world.advance(0)
    return task.result()


def failure(world: World, work: Awaitable[object]) -> tuple[str, float]:
    """The errno's name, and after how many seconds."""
    began_ns = world.kernel.now_ns
    found: list[tuple[str, float]] = []

    async def run() -> None:
        try:
            await work
        except FsError as error:
            found.append((error.errno_name, (world.kernel.now_ns - began_ns) / SECOND))

    world.kernel.spawn(run(), name="attempt")
    world.advance(300)
    (only,) = found
    return only


def test_a_pod_reaches_another_by_its_address_and_bytes_go_both_ways(world: World) -> None:
    network = world.table.network
    pod, other = network.add_pod(POD), network.add_pod(OTHER)
    listener = listen(pod, EVERYWHERE, 80)
    near = connected(world, other, POD, 80)
    far = listener.accept_now()
    assert far is not None
    far.hold()
    assert near.write_now(b"question") is None
    assert far.read_now(100) == b"question"
    assert far.write_now(b"answer") is None
    assert near.read_now(3) == b"ans"
    assert near.read_now(100) == b"wer"
    assert near.read_now(100) is None
    assert (far.peer, near.local.ip, far.local) == (near.local, OTHER, SocketAddress(POD, 80))


def test_loopback_is_each_pods_own(world: World) -> None:
    network = world.table.network
    pod, other = network.add_pod(POD), network.add_pod(OTHER)
    listen(pod, "127.0.0.1", 8080)
    assert connected(world, pod, "127.0.0.1", 8080).peer == SocketAddress("127.0.0.1", 8080)
    assert failure(world, other.connect(SocketAddress("127.0.0.1", 8080), uid=0)) == ("ECONNREFUSED", 0)
    assert failure(world, other.connect(SocketAddress(POD, 8080), uid=0)) == ("ECONNREFUSED", 0)


@pytest.mark.parametrize(
    ("ip", "errno_name", "seconds"),
    [
        (OTHER, "EHOSTUNREACH", 3),
        ("192.0.2.77", "EHOSTUNREACH", 3),
        ("198.51.100.1", "ETIMEDOUT", 131),
        ("2001:db8::1", "ENETUNREACH", 0),
        (EVERYWHERE, "ECONNREFUSED", 0),
        (POD, "ECONNREFUSED", 0),
        ("192.0.2.2", "ECONNREFUSED", 0),
    ],
)
def test_a_connection_to_nobody_fails_as_linux_words_it_and_when(
    world: World, ip: str, errno_name: str, seconds: int
) -> None:
    pod = world.table.network.add_pod(POD)
    assert failure(world, pod.connect(SocketAddress(ip, 80), uid=0)) == (errno_name, seconds)


def test_a_connect_that_waits_succeeds_once_somebody_has_the_address(world: World) -> None:
    network = world.table.network
    pod = network.add_pod(POD)
    task = attempt(world, pod, OTHER, 80)
    world.advance(1.5)
    assert not task.is_done
    listen(network.add_pod(OTHER), EVERYWHERE, 80)
    world.advance(1)
    assert task.result().peer == SocketAddress(OTHER, 80)


def test_a_full_backlog_answers_nobody_until_there_is_room(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    listener = listen(pod, EVERYWHERE, 80, backlog=1)
    assert [connected(world, pod, POD, 80).peer for _ in range(2)] == [SocketAddress(POD, 80)] * 2
    third = attempt(world, pod, POD, 80)
    world.advance(2.5)
    assert not third.is_done
    assert listener.accept_now() is not None
    world.advance(1)
    assert third.is_done


@pytest.mark.parametrize(
    ("first", "second", "is_free"),
    [
        (EVERYWHERE, EVERYWHERE, False),
        (EVERYWHERE, POD, False),
        ("::", "127.0.0.1", False),
        ("127.0.0.1", EVERYWHERE, False),
        ("127.0.0.1", POD, True),
        ("127.0.0.1", "::1", True),
        (EVERYWHERE, "::1", True),
    ],
)
def test_a_port_is_bound_once_for_each_address(world: World, first: str, second: str, is_free: bool) -> None:
    pod = world.table.network.add_pod(POD)
    holder = listen(pod, first, 80)
    if is_free:
        assert listen(pod, second, 80).local == SocketAddress(second, 80)
    else:
        with pytest.raises(FsError, match="Address already in use"):
            listen(pod, second, 80)
        holder.release()
        assert listen(pod, second, 80).local.port == 80


def test_an_address_of_somebody_else_cannot_be_bound(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    with pytest.raises(FsError, match="Cannot assign requested address"):
        listen(pod, OTHER, 80)


@pytest.mark.parametrize(("first_port", "errno_name"), [(1024, "EACCES"), (0, None), (80, None), (81, "EACCES")])
def test_low_ports_need_the_capability_or_the_sysctl(world: World, first_port: int, errno_name: str | None) -> None:
    pod = world.table.network.add_pod(POD, unprivileged_port_start=first_port)
    if errno_name is None:
        assert pod.listen(SocketAddress("::", 80), backlog=1, uid=1000, is_privileged=False).uid == 1000
    else:
        with pytest.raises(FsError) as caught:
            pod.listen(SocketAddress("::", 80), backlog=1, uid=1000, is_privileged=False)
        assert caught.value.errno_name == errno_name
    assert pod.listen(SocketAddress("127.0.0.2", 79), backlog=1, uid=0, is_privileged=True).local.port == 79


def test_one_bound_to_an_address_is_preferred_to_one_bound_to_all(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    udp = [pod.bind_datagrams(SocketAddress(ip, 53), uid=0, is_privileged=True) for ip in ("127.0.0.1", POD)]
    sender = pod.connect_datagrams(SocketAddress(POD, 53), uid=0)
    sender.write_now(b"hello")
    assert udp[0].receive_now() is None
    assert udp[1].receive_now() == (b"hello", sender.local)


def pair(world: World) -> tuple[Stream, Stream]:
    pod = world.table.network.add_pod(POD)
    listener = listen(pod, EVERYWHERE, 80)
    near = connected(world, pod, POD, 80)
    far = listener.accept_now()
    assert far is not None
    far.hold()
    return near, far


def test_a_half_closed_stream_still_carries_the_other_way(world: World) -> None:
    near, far = pair(world)
    near.write_now(b"last")
    near.shut_down()
    assert (far.read_now(10), far.read_now(10)) == (b"last", b"")
    far.write_now(b"reply")
    assert near.read_now(10) == b"reply"
    with pytest.raises(FsError, match="Broken pipe"):
        near.write_now(b"more")


def test_a_stream_is_bounded(world: World) -> None:
    near, far = pair(world)
    rest = near.write_now(bytes(QUEUE_BYTES_MAX + 5))
    assert rest == bytes(5)
    assert near.write_now(b"x") == b"x"
    far.read_now(1)
    assert near.write_now(b"xy") == b"y"


def test_unread_bytes_at_the_close_are_a_reset_for_the_sender(world: World) -> None:
    near, far = pair(world)
    near.write_now(b"never read")
    far.release()
    with pytest.raises(FsError, match="Connection reset by peer"):
        near.read_now(10)
    assert near.read_now(10) == b""


def test_writing_to_a_closed_end_fails_at_the_second_write(world: World) -> None:
    near, far = pair(world)
    far.release()
    assert near.write_now(b"one") is None
    with pytest.raises(FsError, match="Broken pipe"):
        near.write_now(b"two")


def test_connections_that_nobody_accepted_are_reset_with_the_listener(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    listener = listen(pod, EVERYWHERE, 80)
    near = connected(world, pod, POD, 80)
    listener.release()
    with pytest.raises(FsError, match="Connection reset by peer"):
        near.read_now(10)
    near.release()
    assert list(pod.sockets()) == []


def test_a_connected_datagram_socket_learns_of_a_closed_port_and_others_do_not(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    sender = pod.connect_datagrams(SocketAddress(POD, 53), uid=0)
    assert sender.write_now(b"anyone?") is None
    with pytest.raises(FsError, match="Connection refused"):
        sender.read_now(10)
    assert sender.read_now(10) is None
    loose = pod.bind_datagrams(SocketAddress(EVERYWHERE, 0), uid=0, is_privileged=False)
    loose.send_to(b"anyone?", SocketAddress(POD, 53))
    loose.send_to(b"anyone?", SocketAddress("198.51.100.1", 53))
    assert loose.receive_now() is None


def test_a_mapped_port_of_the_node_leads_to_the_pod_until_it_is_gone(world: World) -> None:
    network = world.table.network
    pod, other = network.add_pod(POD), network.add_pod(OTHER)
    network.map_port(PortMapping(protocol="tcp", host_ip="", host_port=12000, namespace=pod, port=80))
    listener = listen(pod, EVERYWHERE, 80)
    for namespace, ip in ((network.node, "127.0.0.1"), (other, "192.0.2.2"), (other, network.gateway)):
        assert connected(world, namespace, ip, 12000).peer == SocketAddress(ip, 12000)
        far = listener.accept_now()
        assert far is not None
        assert far.local == SocketAddress(POD, 80)
    assert failure(world, other.connect(SocketAddress("127.0.0.1", 12000), uid=0)) == ("ECONNREFUSED", 0)
    network.remove_pod(pod)
    assert failure(world, other.connect(SocketAddress("192.0.2.2", 12000), uid=0)) == ("ECONNREFUSED", 0)
    assert failure(world, other.connect(SocketAddress(POD, 80), uid=0)) == ("EHOSTUNREACH", 3)


class Observer:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, SocketAddress]] = []

    def opened(self, socket: Listener | DatagramSocket) -> None:
        self.said.append(("opened", socket.local))

    def closed(self, socket: Listener | DatagramSocket) -> None:
        self.said.append(("closed", socket.local))


def test_an_observer_hears_of_listeners_and_brings_connections_from_outside(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    early = listen(pod, EVERYWHERE, 80)
    observer = Observer()
    pod.watch(observer)
    pod.bind_datagrams(SocketAddress("::", 53), uid=0, is_privileged=True)
    assert observer.said == [("opened", SocketAddress(EVERYWHERE, 80)), ("opened", SocketAddress("::", 53))]
    client = SocketAddress("203.0.113.9", 40000)
    outside = pod.inject(SocketAddress(POD, 80), client)
    far = early.accept_now()
    assert far is not None
    assert far.peer == client
    far.write_now(b"hello")
    assert outside.read_now(10) == b"hello"
    early.release()
    assert observer.said[2:] == [("closed", SocketAddress(EVERYWHERE, 80))]
    with pytest.raises(FsError, match="Connection refused"):
        pod.inject(SocketAddress(POD, 80), client)
    pod.unwatch(observer)
    listen(pod, EVERYWHERE, 81)
    assert len(observer.said) == 3


def test_pods_may_have_addresses_of_the_loopback_network() -> None:
    network = NodeNetwork(pod_subnet="127.99.0.0/16")
    pod, other = network.add_pod("127.99.0.2"), network.add_pod("127.99.0.3")
    from_before = network.add_pod("127.98.0.2")
    assert [network.is_loopback(ip) for ip in ("127.99.0.2", "127.99.7.7", network.gateway, "127.98.0.2")] == [
        False
    ] * 4
    assert [network.is_loopback(ip) for ip in ("127.0.0.1", "127.1.2.3", "::1")] == [True] * 3
    for target in (other, from_before, network.node):
        (ip,) = target.addresses[-1:]
        assert not pod.owns(ip)
        assert pod.source_ip(ip) == "127.99.0.2"
        assert network.route(pod, SocketAddress(ip, 80), "tcp") == (target, SocketAddress(ip, 80))
    assert network.route(pod, SocketAddress("127.0.0.1", 80), "tcp") == (pod, SocketAddress("127.0.0.1", 80))
    assert network.route(pod, SocketAddress("127.99.7.7", 80), "tcp") == "no-neighbour"
    assert listen(pod, EVERYWHERE, 80)
    with pytest.raises(FsError, match="Cannot assign requested address"):
        listen(pod, "127.99.0.3", 80)


def test_ipv6_leads_to_those_who_have_it(world: World) -> None:
    network = NodeNetwork(ipv6_subnet=IPv6Network("fd00:88::/64"))
    pod, other = network.add_pod(POD, "fd00:88::2"), network.add_pod(OTHER, "fd00:88::3")
    from_before = network.add_pod("10.88.0.9")
    here = SocketAddress("fd00:88::2", 80)
    for source in (pod, other, network.node):
        assert network.route(source, here, "tcp") == (pod, here)
    bridge = SocketAddress("fd00:88::1", 80)
    assert network.route(pod, bridge, "icmp") == (network.node, bridge)
    silences = [
        (other, "fd00:88::7", "no-neighbour"),
        (network.node, "fd00:88::7", "no-neighbour"),
        (other, "2001:db8::1", "no-answer"),
        (network.node, "2001:db8::1", "no-network"),
        (from_before, "fd00:88::2", "no-network"),
        (network.outside, "fd00:88::2", "no-network"),
    ]
    for source, ip, silence in silences:
        assert network.route(source, SocketAddress(ip, 80), "tcp") == silence
    assert network.route(from_before, SocketAddress("::1", 80), "tcp") == (from_before, SocketAddress("::1", 80))
    listen(pod, "fd00:88::2", 80)
    assert connected(world, other, "fd00:88::2", 80).local.ip == "fd00:88::3"
    assert failure(world, other.connect(SocketAddress(POD, 80), uid=0)) == ("ECONNREFUSED", 0)
    listen(pod, EVERYWHERE, 81)
    assert failure(world, other.connect(SocketAddress("fd00:88::2", 81), uid=0)) == ("ECONNREFUSED", 0)
    asker = other.connect_datagrams(SocketAddress("fd00:88::2", 53), uid=0)
    pod.bind_datagrams(SocketAddress("::", 53), uid=0, is_privileged=True).send_to(b"hello", asker.local)
    assert asker.receive_now() == (b"hello", SocketAddress("fd00:88::2", 53))
    network.remove_pod(pod)
    assert [network.namespace_at(ip) for ip in (POD, "fd00:88::2")] == [None, None]


def test_datagrams_come_from_outside_and_go_back(world: World) -> None:
    network = world.table.network
    pod, other = network.add_pod(POD), network.add_pod(OTHER)
    client = SocketAddress("203.0.113.9", 40000)
    came: list[tuple[str, bytes]] = []
    servers, takers = {}, {}
    for name, namespace in (("pod", pod), ("other", other)):
        servers[name] = namespace.bind_datagrams(SocketAddress(EVERYWHERE, 53), uid=0, is_privileged=True)
        takers[name] = partial(lambda name, data: came.append((name, data)), name)
        network.attach_outside(client, SocketAddress(namespace.addresses[0], 53), takers[name])
    servers["pod"].take(b"ask", client)
    assert servers["pod"].receive_now() == (b"ask", client)
    servers["pod"].send_to(b"tell", client)
    servers["other"].send_to(b"tell, too", client)
    assert came == [("pod", b"tell"), ("other", b"tell, too")]
    network.detach_outside(client, SocketAddress(POD, 53), takers["other"])
    servers["pod"].send_to(b"another has taken over", client)
    network.detach_outside(client, SocketAddress(POD, 53), takers["pod"])
    network.detach_outside(client, SocketAddress(POD, 53), takers["pod"])
    servers["pod"].send_to(b"lost", client)
    assert came[2:] == [("pod", b"another has taken over")]


def test_a_namespace_that_nobody_uses_holds_nothing(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    assert pod.listener_at(SocketAddress(POD, 80)) is None
    assert (list(pod.sockets()), pod.bridges()) == ([], [])
    assert pod._sockets is None


def test_a_killed_process_lets_go_of_its_ports(world: World) -> None:
    pod = world.table.network.add_pod(POD)
    server = world.table
    command = world.start("nc", "-l", "-p", "8080", network=pod)
    world.advance(0.1)
    assert pod.listener_at(SocketAddress(POD, 8080)) is not None
    command.process.kill_tree()
    world.advance(0)
    assert pod.listener_at(SocketAddress(POD, 8080)) is None
    assert server.processes() == []
