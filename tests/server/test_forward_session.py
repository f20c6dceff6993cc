"""Sessions of PortForward on virtual time: a client on one side, ports of an emulated pod on the other."""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from kubesim.cri import api, methods
from kubesim.images.fixtures import load_catalogue
from kubesim.kernel import Kernel
from kubesim.runtime.port_forward import ForwardClient, forward
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.server.spdy.frames import Data, Frame, FrameReader, FrameType, RstStream, control_bytes
from kubesim.server.streaming.forward_session import CONNECTIONS_MAX, HELD_BYTES_MAX, ForwardSession
from kubesim.server.streaming.link import Link
from kubesim.server.streaming.spdy_forward import SpdyForward
from kubesim.userland.files.host_files import MemoryHostFiles
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.stream import QUEUE_BYTES_MAX, Listener, Stream

from .test_spdy_forward import Client, data, reset

NS = 1_000_000_000
SOCKET_BYTES_MAX = 65536


class Socket:
    """The transport of a client. It tells the link when its buffer is above its mark, as asyncio does."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.is_reading = True
        self.is_closed = False
        self.takes_all = True
        self.buffered = 0
        self.most_buffered = 0
        self.frames: list[Frame] = []
        self._reader = FrameReader()

    def write(self, content: bytes) -> None:
        self.frames += self._reader.feed(content)
        if not self.takes_all:
            self.buffered += len(content)
            self.most_buffered = max(self.buffered, self.most_buffered)
            assert self.link is not None
            if self.buffered > SOCKET_BYTES_MAX:
                self.link.set_full(is_full=True)

    def drain(self) -> None:
        self.buffered = 0
        assert self.link is not None
        self.link.set_full(is_full=False)

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def close(self) -> None:
        self.is_closed = True


class World:
    """A kernel with a pod, and one client of PortForward."""

    def __init__(self, profile: str = "containerd-2.3") -> None:
        self.kernel = Kernel(seed=1)
        runtime = Runtime(
            self.kernel, profile=load_profile(profile), catalogue=load_catalogue(()), host_files=MemoryHostFiles()
        )
        self.daemon = runtime.daemon
        metadata = api.PodSandboxMetadata(name="p", uid="u", namespace="n")
        request = api.RunPodSandboxRequest(config=api.PodSandboxConfig(metadata=metadata))
        task = self.kernel.spawn(runtime.call(methods.RUN_POD_SANDBOX, request), name="test")
        self.kernel.run_until(self.kernel.now_ns + 60 * NS, goal=lambda: task.is_done)
        self.pod = str(cast("api.RunPodSandboxResponse", task.result()).pod_sandbox_id)
        self.moves = 0
        self.connect()

    def connect(self, run: Callable[[int, ForwardClient], Coroutine[Any, Any, None]] | None = None) -> None:
        """Begin a session anew."""
        self.socket = Socket()
        link = self.socket.link = Link(cast("Any", self.socket))
        self.client = Client()
        self.session = ForwardSession(
            self.kernel,
            link,
            SpdyForward(),
            forward=run or (lambda port, client: forward(self.daemon, self.pod, port, client)),
            on_data=self._moved,
        )

    def _moved(self) -> None:
        self.moves += 1

    def advance(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + int(seconds * NS))

    def receive(self, *pieces: bytes, seconds: float = 0) -> None:
        for piece in pieces:
            self.session.receive(piece)
        self.advance(seconds)

    def listen(self, port: int = 80, backlog: int = 100) -> Listener:
        network = self.daemon.sandboxes.get(self.pod).network
        assert network is not None
        listener = network.listen(SocketAddress("127.0.0.1", port), backlog=backlog, uid=0, is_privileged=True)
        listener.hold()
        return listener

    def connected(self, listener: Listener, stream_id: int = 1) -> Stream:
        """One more connection, of the data stream `stream_id + 2`."""
        self.receive(self.client.pair(stream_id, request=str(stream_id)))
        return accepted(listener)

    def got(self, stream_id: int) -> bytes:
        return b"".join(f.data for f in self.socket.frames if isinstance(f, Data) and f.stream_id == stream_id)

    def ended(self) -> list[int]:
        return [f.stream_id for f in self.socket.frames if isinstance(f, Data) and f.is_last]

    def resets(self) -> list[int]:
        return [f.stream_id for f in self.socket.frames if isinstance(f, RstStream)]


def accepted(listener: Listener) -> Stream:
    stream = listener.accept_now()
    assert stream is not None
    stream.hold()
    return stream


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
    assert world.moves == 2
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


def test_a_bug_does_not_leave_the_client_waiting(world: World) -> None:
    async def broken(_port: int, _client: ForwardClient) -> None:
        raise RuntimeError("a bug")

    world.connect(broken)
    with pytest.raises(RuntimeError, match="a bug"):
        world.receive(world.client.pair(1, request="a"))
    assert world.socket.is_closed
