"""nc, ping, netstat, brctl, route: programs that use or show the network."""

from __future__ import annotations

import pytest

from kubesim.userland.files.credentials import Credentials
from kubesim.userland.network.address import SocketAddress, proc_form
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NodeNetwork
from kubesim.userland.processes.signals import SIGINT

from .conftest import SECOND, World

POD = "10.88.0.2"
OTHER = "10.88.0.3"
NET_RAW, NET_ADMIN = 1 << 13, 1 << 12


@pytest.fixture
def pod(world: World) -> NetworkNamespace:
    """A pod's network."""
    return world.table.network.add_pod(POD)


def test_nc_carries_text_between_two_pods(world: World, pod: NetworkNamespace) -> None:
    server = world.start("sh", "-c", "nc -l -p 8080; echo end", network=pod)
    world.advance(0.1)
    other = world.table.network.add_pod(OTHER)
    client = world.sh(f"echo hello | nc {POD} 8080", network=other)
    world.advance(1)
    assert (server.out, server.err, server.code) == ("hello\nend\n", "", 0)
    assert (client.out, client.err, client.code) == ("", "", 0)


def test_nc_serves_with_a_program_again_and_again(world: World, pod: NetworkNamespace) -> None:
    world.start("nc", "-ll", "-p", "8080", "-e", "cat", network=pod)
    world.advance(0.1)
    asked = world.sh(f"for i in 1 2 3; do echo $i | nc {POD} 8080; done", network=pod)
    assert (asked.out, asked.err, asked.code) == ("1\n2\n3\n", "", 0)


@pytest.mark.parametrize(
    ("command", "stderr", "seconds"),
    [
        (f"nc {POD} 1", f"nc: can't connect to remote host ({POD}): Connection refused\n", 0),
        (f"nc {OTHER} 80", f"nc: can't connect to remote host ({OTHER}): No route to host\n", 3),
        ("nc 198.51.100.1 80", "nc: can't connect to remote host (198.51.100.1): Connection timed out\n", 131),
        ("nc -w 4 198.51.100.1 80", "nc: timed out\n", 4),
        ("nc -w 2 -l -p 80", "nc: timed out\n", 2),
        ("nc 127.0.0.1 0", "nc: bad port '0'\n", 0),
        ("nc -l -p 65536", "nc: bad port '65536'\n", 0),
        ("nc nobody.example 80", "nc: bad address 'nobody.example'\n", 0),
        ("nc -w x 127.0.0.1 80", "nc: invalid number 'x'\n", 0),
    ],
)
def test_nc_says_why_there_is_no_connection(
    world: World, pod: NetworkNamespace, command: str, stderr: str, seconds: int
) -> None:
    began_ns = world.kernel.now_ns
    ended = world.sh(command, network=pod, seconds=300)
    assert (ended.out, ended.err, ended.code) == ("", stderr, 1)
    assert (world.kernel.now_ns - began_ns) // SECOND == seconds


def test_ping_counts_and_sums_up(world: World, pod: NetworkNamespace) -> None:
    world.table.network.add_pod(OTHER)
    began_ns = world.kernel.now_ns
    ended = world.sh(f"ping -c 3 {OTHER}", network=pod)
    assert ended.out == (
        f"PING {OTHER} ({OTHER}): 56 data bytes\n"
        f"64 bytes from {OTHER}: seq=0 ttl=64 time=0.000 ms\n"
        f"64 bytes from {OTHER}: seq=1 ttl=64 time=0.000 ms\n"
        f"64 bytes from {OTHER}: seq=2 ttl=64 time=0.000 ms\n"
        f"\n--- {OTHER} ping statistics ---\n"
        "3 packets transmitted, 3 packets received, 0% packet loss\n"
        "round-trip min/avg/max = 0.000/0.000/0.000 ms\n"
    )
    assert (ended.err, ended.code) == ("", 0)
    assert world.kernel.now_ns - began_ns == 2 * SECOND


@pytest.mark.parametrize(
    ("command", "transmitted", "seconds"),
    [
        ("ping -c 2 -W 1 10.88.9.9", 2, 2),
        ("ping -c 1 10.88.9.9", 1, 10),
        ("ping -w 5 10.88.9.9", 5, 5),
        ("ping -w 1 -i 0.5 10.88.9.9", 2, 1),
    ],
)
def test_ping_gives_up_on_an_address_nobody_has(
    world: World, pod: NetworkNamespace, command: str, transmitted: int, seconds: int
) -> None:
    began_ns = world.kernel.now_ns
    ended = world.sh(command, network=pod)
    assert ended.out == (
        "PING 10.88.9.9 (10.88.9.9): 56 data bytes\n\n--- 10.88.9.9 ping statistics ---\n"
        f"{transmitted} packets transmitted, 0 packets received, 100% packet loss\n"
    )
    assert ended.code == 1
    assert world.kernel.now_ns - began_ns == seconds * SECOND


def test_ping_runs_until_it_is_interrupted(world: World, pod: NetworkNamespace) -> None:
    ping = world.start("ping", "-q", "127.0.0.1", network=pod)
    world.advance(9.5)
    ping.process.signal(SIGINT)
    world.advance(0)
    assert ping.out.splitlines()[3] == "10 packets transmitted, 10 packets received, 0% packet loss"
    assert ping.code == 0


@pytest.mark.parametrize("who", [Credentials(uid=0, gid=0, capabilities=~NET_RAW), Credentials(uid=1000, gid=1000)])
def test_ping_without_the_capability_says_where_to_and_fails(
    world: World, pod: NetworkNamespace, who: Credentials
) -> None:
    ended = world.run("ping", "127.0.0.1", who=who, network=pod)
    assert ended.out == "PING 127.0.0.1 (127.0.0.1): 56 data bytes\n"
    assert ended.err == "ping: permission denied (are you root?)\n"
    assert ended.code == 1


def test_bridges_are_the_namespaces(world: World, pod: NetworkNamespace) -> None:
    made = world.sh(
        "brctl addbr a; brctl addbr a; brctl delbr nope; brctl show | tail -n +2; brctl delbr a", network=pod
    )
    assert made.out == "a\t\t8000.000000000001\tno\t\t\n"
    assert made.err == "brctl: bridge a: File exists\nbrctl: bridge nope: No such device or address\n"
    world.sh("brctl addbr b", network=pod)
    assert world.sh("brctl addbr b", network=world.table.network.add_pod(OTHER)).code == 0
    refused = world.run("brctl", "addbr", "c", who=Credentials(uid=0, gid=0, capabilities=~NET_ADMIN), network=pod)
    assert (refused.err, refused.code) == ("brctl: bridge c: Operation not permitted\n", 1)


def test_netstat_shows_the_sockets_of_its_namespace(world: World, pod: NetworkNamespace) -> None:
    world.start("nc", "-l", "-p", "8080", network=pod)
    world.start("nc", "-l", "-p", "9090", network=world.table.network.add_pod(OTHER))
    pod.bind_datagrams(SocketAddress("127.0.0.1", 53), uid=0, is_privileged=True).hold()
    world.advance(0.1)
    shown = world.sh("netstat -ln; netstat -lnp -t", network=pod).out
    assert shown == (
        "Active Internet connections (only servers)\n"
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       \n"
        "tcp        0      0 :::8080                 :::*                    LISTEN      \n"
        "udp        0      0 127.0.0.1:53            0.0.0.0:*                           \n"
        "Active UNIX domain sockets (only servers)\n"
        "Proto RefCnt Flags       Type       State         I-Node Path\n"
        "Active Internet connections (only servers)\n"
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    \n"
        "tcp        0      0 :::8080                 :::*                    LISTEN      1000/nc\n"
    )


def test_netstat_shows_connections(world: World, pod: NetworkNamespace) -> None:
    server = world.start("sh", "-c", "sleep 100 | nc -l -p 8080", network=pod)
    world.advance(0.1)
    client = world.start("sh", "-c", "sleep 100 | nc 127.0.0.1 8080", network=pod)
    world.advance(0.1)
    assert (server.code, client.code) == (None, None)
    assert world.sh("netstat -nt", network=pod).out.splitlines()[2:] == [
        "tcp        0      0 127.0.0.1:32768         127.0.0.1:8080          ESTABLISHED ",
        "tcp        0      0 127.0.0.1:8080          127.0.0.1:32768         ESTABLISHED ",
    ]


def test_the_nodes_namespace_shows_the_real_nodes_sockets_as_well(world: World, pod: NetworkNamespace) -> None:
    node = world.table.network
    line = (
        "0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 621 1 0 100 0 0 10 0"
    )
    node.host_table = lambda name: f"title\n   {line}\n".encode() if name == "tcp" else None
    world.start("nc", "-l", "-p", "8080")
    world.advance(0.1)
    assert [row.split()[3] for row in world.sh("netstat -lnt").out.splitlines()[2:]] == ["0.0.0.0:2024", ":::8080"]
    assert ":2024" not in world.sh("netstat -lnt", network=pod).out


def test_real_sockets_that_stand_for_emulated_ones_are_not_shown_beside_them(world: World) -> None:
    network = NodeNetwork(pod_subnet="127.99.0.0/16")
    world.table.network = network
    table = "title\n" + "".join(
        f"   {number}: {local} {remote} 0A 00000000:00000000 00:00000000 00000000 0 0 9 1 0 100 0 0 10 0\n"
        for number, (local, remote) in enumerate(
            [
                ("0200637F:0050", "00000000:0000"),  # 127.99.0.2:80, a pod's
                ("0100007F:1F90", "00000000:0000"),  # 127.0.0.1:8080, a host port
                ("0100007F:9C40", "0200637F:0050"),  # the client's end of a connection to the pod
                ("0100007F:0016", "00000000:0000"),  # 127.0.0.1:22, none of ours
            ]
        )
    )
    network.host_table = lambda name: table.encode() if name == "tcp" else b"title\n"
    network.host_stand_ins = lambda protocol: {SocketAddress("127.0.0.1", 8080)} if protocol == "tcp" else set()
    own = network.node.listen(SocketAddress("0.0.0.0", 8080), backlog=1, uid=0, is_privileged=True)
    shown = world.sh("cat /proc/net/tcp", network=network.node).out.splitlines()[1:]
    assert [line.split()[1:3] for line in shown] == [
        [proc_form(own.local), "00000000:0000"],
        ["0100007F:9C40", "0200637F:0050"],
        ["0100007F:0016", "00000000:0000"],
    ]


def test_routes_and_interfaces_follow_from_the_address(world: World, pod: NetworkNamespace) -> None:
    assert world.sh("route -n; netstat -r", network=pod).out == (
        "Kernel IP routing table\n"
        "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n"
        "0.0.0.0         10.88.0.1       0.0.0.0         UG    0      0        0 eth0\n"
        "10.88.0.0       0.0.0.0         255.255.0.0     U     0      0        0 eth0\n"
        "Kernel IP routing table\n"
        "Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n"
        "default         10.88.0.1       0.0.0.0         UG        0 0          0 eth0\n"
        "10.88.0.0       *               255.255.0.0     U         0 0          0 eth0\n"
    )
    shown = world.sh("cat /proc/net/if_inet6 /proc/self/net/route; ls /proc/net/", network=pod).out
    assert "00000000000000000000000000000001 01 80 10 80       lo\n" in shown
    assert "eth0\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0" in shown
    assert shown.endswith("arp\ndev\nif_inet6\nroute\ntcp\ntcp6\nudp\nudp6\nunix\n")
