"""Sessions of PortForward on virtual time: connections from their beginnings to their ends."""

from __future__ import annotations

import struct

import pytest

from kubesim.runtime.port_forward import ForwardClient, forward
from kubesim.server.spdy.frames import FrameType, control_bytes
from kubesim.server.websocket.forward import WebSocketForward

from .forward_world import World, accepted
from .test_spdy_forward import data, reset
from .test_websocket_command import client_frame


@pytest.fixture
def world() -> World:
    return World()


def test_a_request_and_its_answer(world: World) -> None:
    stream = world.connected(world.listen())
    world.receive(data(3, b"GET /"))
    assert stream.read_now(100) == b"GET /"
    stream.write_now(b"200 OK")
    stream.release()
    world.receive(data(3, b"", is_last=True))
    assert world.got(3) == b"200 OK"
    assert world.ended() == [3, 1]
    assert not world.socket.is_closed  # the connection is the client's to close


def test_a_client_that_sends_nothing_more_still_hears_for_a_second(world: World) -> None:
    stream = world.connected(world.listen())
    world.receive(data(3, b"question", is_last=True), seconds=0.9)
    stream.write_now(b"answer")
    world.advance(0.05)
    assert (world.got(3), world.ended()) == (b"answer", [])
    world.advance(0.05)
    assert world.ended() == [3, 1]
    assert (stream.read_now(100), stream.read_now(100)) == (b"question", b"")


def test_a_pod_that_sends_nothing_more_still_hears_for_a_second(world: World) -> None:
    stream = world.connected(world.listen())
    stream.shut_down()
    world.advance(0.9)
    world.receive(data(3, b"still there"))
    assert (stream.read_now(100), world.ended()) == (b"still there", [])
    world.advance(0.1)
    assert world.ended() == [3, 1]


def test_a_refusal_is_said_and_others_go_on(world: World) -> None:
    stream = world.connected(world.listen())
    world.receive(world.client.pair(5, request="b", port="81"))
    assert world.got(5).startswith(f"error forwarding port 81 to pod {world.pod}, uid : ".encode())
    assert b"dial tcp4 127.0.0.1:81: connect: connection refused" in world.got(5)
    assert (world.ended(), world.resets()) == ([7], [5])
    world.receive(data(7, b"nobody"), data(3, b"x"))
    assert stream.read_now(10) == b"x"


def test_a_pod_that_is_gone_is_said_with_resets_of_both_streams(world: World) -> None:
    world.connect(lambda port, client: forward(world.daemon, "ffff", port, client))
    world.receive(world.client.pair(1, request="a"))
    assert (
        world.got(1) == b'error forwarding port 80 to pod ffff, uid : failed to find sandbox "ffff" in store: not found'
    )
    assert (world.ended(), world.resets()) == ([], [3, 1])


def test_a_client_that_gives_a_connection_up(world: World) -> None:
    stream = world.connected(world.listen())
    world.receive(reset(3))
    stream.write_now(b"lost")
    world.advance(1)
    assert (world.got(3), world.ended()) == (b"", [1])
    assert stream.read_now(10) == b""


def test_half_a_connection_is_given_up_after_thirty_seconds(world: World) -> None:
    world.receive(world.client.open(1, "error", request="a"), seconds=10)
    world.receive(world.client.open(3, "error", request="b"), seconds=19.9)
    assert world.got(1) == b""
    world.advance(0.1)
    assert world.got(1) == b"(conn=0xc000000000, request=a) timed out waiting for streams"
    assert world.got(3) == b""
    world.advance(10)
    assert world.got(3) == b"(conn=0xc000000000, request=b) timed out waiting for streams"
    assert world.kernel.next_event_ns() is None


def test_hundreds_of_connections_at_once(world: World) -> None:
    listener = world.listen(backlog=1000)
    numbers = range(1, 2001, 4)
    world.receive(b"".join(world.client.pair(number, request=f"r{number}") for number in numbers))
    streams = [accepted(listener) for _ in numbers]
    world.receive(b"".join(data(number + 2, b"%d" % number, is_last=True) for number in numbers))
    assert [stream.read_now(100) for stream in streams] == [b"%d" % number for number in numbers]
    for stream in streams:
        stream.write_now(b"bye")
        stream.release()
    world.advance(1)
    assert [world.got(number + 2) for number in numbers] == [b"bye"] * len(numbers)
    assert world.kernel.next_event_ns() is None


@pytest.mark.parametrize("how", ["lost", "goaway", "nonsense", "silent"])
def test_a_client_that_goes_away_ends_its_connections_within_a_second(world: World, how: str) -> None:
    listener = world.listen()
    silent, talking = world.connected(listener), world.connected(listener, 5)
    world.receive(data(3, b"last words"), world.client.open(9, "error", request="half"))
    if how == "lost":
        assert world.socket.link is not None
        world.socket.link.lost()
        world.session.gone()
    elif how == "goaway":
        world.receive(control_bytes(FrameType.GOAWAY, struct.pack(">II", 0, 0)))
    elif how == "nonsense":
        world.receive(bytes.fromhex("8002000100000000"))
    else:
        world.session.gone()
    world.session.gone()
    assert world.socket.is_closed == (how != "lost")
    frames = len(world.socket.frames)
    talking.write_now(b"lost")
    world.advance(0)
    assert talking.read_now(10) == b""
    assert silent.read_now(20) == b"last words"
    assert silent.read_now(20) is None
    world.advance(1)
    assert silent.read_now(20) == b""
    world.receive(data(3, b"too late"))
    assert len(world.socket.frames) == frames
    assert world.kernel.next_event_ns() is None


def test_what_shows_that_a_client_is_not_idle(world: World) -> None:
    ping = control_bytes(FrameType.PING, struct.pack(">I", 1))
    stream = world.connected(world.listen())
    for step in (lambda: world.receive(ping), lambda: world.receive(data(3, b"x")), lambda: stream.write_now(b"y")):
        before = world.moves
        step()
        world.advance(0)
        assert world.moves > before
    before = world.moves
    world.session.receive(b"")
    world.advance(1000)
    assert world.moves == before


def test_pings_of_a_websocket_show_nothing(world: World) -> None:
    listener = world.listen()
    world.connect(peer=WebSocketForward("", [80]))
    world.receive(b"")
    stream = accepted(listener)
    world.receive(client_frame(b"?", opcode=9))
    assert world.moves == 0
    world.receive(client_frame(b"\0x"))
    stream.write_now(b"y")
    world.advance(0)
    assert (world.moves, stream.read_now(10)) == (2, b"x")


def test_a_websocket_is_closed_with_its_last_connection(world: World) -> None:
    listener = world.listen()
    world.connect(peer=WebSocketForward("", [80, 81]))
    world.receive(b"")
    stream = accepted(listener)
    assert not world.socket.is_closed  # though nobody listens on 81
    stream.release()
    world.advance(1)
    assert world.socket.is_closed
    assert world.socket.sent.endswith(b"\x88\x02\x03\xe8")
    world.connect(peer=WebSocketForward("", []))
    world.receive(b"")
    assert world.socket.is_closed


def test_a_bug_does_not_leave_the_client_waiting(world: World) -> None:
    async def broken(_port: int, _client: ForwardClient) -> None:
        raise RuntimeError("a bug")

    world.connect(broken)
    with pytest.raises(RuntimeError, match="a bug"):
        world.receive(world.client.pair(1, request="a"))
    assert world.socket.is_closed
