"""PortForward over WebSockets, by a client library: channels where the runtimes take them, tunnels in the ideal one."""

from collections.abc import Iterator

import pytest
import websocket

from .spdy_client import answer_of, connect, head
from .streaming_world import StreamingWorld, streaming_world
from .test_spdy_forward import Client, data
from .test_spdy_port_forward import GET, nginx_pod
from .test_websocket_exec import channels, opened

TUNNEL = "SPDY/3.1+portforward.k8s.io"


@pytest.fixture(scope="module")
def world() -> Iterator[StreamingWorld]:
    with streaming_world() as found:
        yield found


def test_a_web_server_and_a_port_where_nobody_listens(world: StreamingWorld) -> None:
    pod = nginx_pod(world)
    with opened(world.forward_url(pod, 80, 81), "v4.channel.k8s.io") as client:
        client.send_binary(b"\0" + GET)
        got = channels(client)

    assert client.getsubprotocol() == "v4.channel.k8s.io"
    assert got[0].startswith(b"\x50\0HTTP/1.1 200 OK\r\n")
    assert b"Welcome to nginx!" in got[0]
    assert (got[1], got[2]) == (b"\x50\0", b"\x51\0")
    assert got[3].startswith(b"\x51\0" + f"error forwarding port 81 to pod {pod}, uid : failed to execute".encode())
    assert got[-1] == b"\x03\xe8"


def test_without_ports_there_is_nothing_to_forward(world: StreamingWorld) -> None:
    with opened(world.forward_url(world.run_pod())) as client:
        assert channels(client) == {-1: b"\x03\xe8"}


def test_a_runtime_takes_no_tunnel(world: StreamingWorld) -> None:
    url = world.forward_url(world.run_pod())
    connection = connect(url)
    wanted = [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "a2V5"), ("Sec-WebSocket-Protocol", TUNNEL)]
    connection.sendall(head(url, method="GET", headers=[("Connection", "Upgrade"), ("Upgrade", "websocket"), *wanted]))
    assert answer_of(connection)[0] == 403
    connection.close()


def test_a_tunnel_to_the_ideal_runtime() -> None:
    with streaming_world("ideal") as world, opened(world.forward_url(nginx_pod(world)), TUNNEL) as client:
        assert client.getsubprotocol() == TUNNEL.lower()  # as the library tells it
        client.send_binary(Client().pair(1, request="0") + data(3, GET))
        got = b""
        while b"</html>" not in got:
            opcode, payload = client.recv_data()
            assert opcode == websocket.ABNF.OPCODE_BINARY
            got += payload
        assert b"HTTP/1.1 200 OK\r\n" in got
