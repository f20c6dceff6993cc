"""Sessions of PortForward on virtual time: who waits for whom, and what is held meanwhile."""

from __future__ import annotations

import struct

import pytest

from kubesim.server.spdy.frames import Data, FrameType, control_bytes
from kubesim.server.streaming.forward_session import CONNECTIONS_MAX, HELD_BYTES_MAX
from kubesim.userland.network.stream import QUEUE_BYTES_MAX

from .forward_world import SOCKET_BYTES_MAX, World
from .test_spdy_forward import data


@pytest.fixture
def world() -> World:
    return World()


def test_a_program_that_does_not_read_makes_the_client_wait(world: World) -> None:
    stream = world.connected(world.listen())
    sent = 0
    while world.socket.is_reading:
        world.receive(data(3, bytes(50_000)))
        sent += 50_000
        assert sent < 10_000_000
    world.advance(3600)
    assert not world.socket.is_reading
    assert sent < QUEUE_BYTES_MAX + HELD_BYTES_MAX + 100_000
    total = 0
    while part := stream.read_now(50_000):
        total += len(part)
        world.advance(0)
    assert (total, world.socket.is_reading) == (sent, True)


def test_a_connection_that_ends_makes_room_for_the_others(world: World) -> None:
    listener = world.listen()
    stuck = world.connected(listener)
    other = world.connected(listener, 5)
    while world.socket.is_reading:
        world.receive(data(3, bytes(50_000)))
    stuck.abort()
    world.advance(1)
    assert world.socket.is_reading
    world.receive(data(7, b"hello"))
    assert other.read_now(10) == b"hello"


def test_a_client_that_does_not_read_makes_the_programs_wait(world: World) -> None:
    listener = world.listen()
    streams = [world.connected(listener, 4 * number + 1) for number in range(20)]
    world.socket.takes_all = False
    rests: list[bytes | None] = [bytes([number]) * 400_000 for number in range(20)]

    def write() -> None:
        for number, stream in enumerate(streams):
            if rest := rests[number]:
                rests[number] = stream.write_now(rest)
        world.advance(0)

    for _ in range(5):
        write()
        world.advance(600)
    assert world.socket.most_buffered < 3 * SOCKET_BYTES_MAX
    assert all(rests)
    # They take turns: when the socket takes a little, no connection gets more than its share.
    for _ in range(40):
        world.socket.drain()
        write()
    shares = [len(world.got(4 * number + 3)) for number in range(20)]
    assert max(shares) - min(shares) <= 65536
    for _ in range(1000):
        world.socket.drain()
        write()
    assert [world.got(4 * number + 3) == bytes([number]) * 400_000 for number in range(20)] == [True] * 20
    assert world.socket.most_buffered < 3 * SOCKET_BYTES_MAX


def test_a_turn_that_is_given_up_is_the_next_ones(world: World) -> None:
    listener = world.listen()
    streams = [world.connected(listener, 4 * number + 1) for number in range(3)]
    world.socket.takes_all = False
    for stream in streams:
        stream.write_now(bytes(100_000))
    world.advance(0)
    # The second waits for its turn when its second is over.
    world.receive(data(7, b"", is_last=True), seconds=2)
    assert world.ended() == [7, 5]
    for _ in range(20):
        world.socket.drain()
        world.advance(0)
    assert [len(world.got(number)) for number in (3, 11)] == [100_000, 100_000]


def test_what_went_through_is_not_kept(world: World) -> None:
    stream = world.connected(world.listen())
    piece = bytes(1 << 20)
    frames = world.socket.frames
    received = 0
    for _ in range(64):
        rest: bytes | None = piece
        while rest:
            rest = stream.write_now(rest)
            world.advance(0)
            received += sum(len(frame.data) for frame in frames if isinstance(frame, Data))
            frames.clear()
        for start in range(0, len(piece), 1 << 18):
            world.receive(data(3, piece[start : start + (1 << 18)]))
            while stream.read_now(1 << 20):
                world.advance(0)
            assert world.socket.is_reading
    assert received == 64 << 20


def test_nothing_is_read_while_there_are_too_many_connections(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CONNECTIONS_MAX > 1000
    monkeypatch.setattr("kubesim.server.streaming.forward_session.CONNECTIONS_MAX", 2)
    listener = world.listen()
    streams = [world.connected(listener, number) for number in (1, 5)]
    assert world.socket.is_reading
    streams.append(world.connected(listener, 9))
    assert not world.socket.is_reading
    streams[0].release()
    world.advance(1)
    assert world.socket.is_reading


def test_a_client_that_goes_away_while_nothing_is_written_to_it(world: World) -> None:
    stream = world.connected(world.listen())
    world.socket.takes_all = False
    stream.write_now(bytes(QUEUE_BYTES_MAX))
    world.advance(0)
    assert stream.write_now(bytes(QUEUE_BYTES_MAX))
    world.session.gone()
    world.advance(1)
    assert world.kernel.next_event_ns() is None
    with pytest.raises(OSError, match="reset"):
        stream.write_now(b"x")


def test_who_does_not_take_the_answers_is_not_listened_to(world: World) -> None:
    ping = control_bytes(FrameType.PING, struct.pack(">I", 1))
    world.socket.takes_all = False
    rounds = 0
    while world.socket.is_reading:
        world.receive(ping * 100)
        rounds += 1
        assert rounds < 1000
    assert world.socket.buffered < 2 * SOCKET_BYTES_MAX
    world.advance(3600)
    assert not world.socket.is_reading
    world.socket.drain()
    assert world.socket.is_reading


@pytest.mark.parametrize("first", ["socket", "program"])
def test_each_reason_not_to_read_counts_for_itself(world: World, first: str) -> None:
    stream = world.connected(world.listen())
    world.socket.takes_all = False
    world.receive(*(data(3, bytes(50_000)) for _ in range(20)))
    world.receive(control_bytes(FrameType.PING, struct.pack(">I", 1)) * 10_000)

    def read() -> None:
        while stream.read_now(1 << 20):
            world.advance(0)

    steps = [world.socket.drain, read]
    for step in steps if first == "socket" else reversed(steps):
        assert not world.socket.is_reading
        step()
    assert world.socket.is_reading
