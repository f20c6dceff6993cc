"""A session of Exec or Attach in virtual time: who waits for whom, what ends it, what is left to the runtime."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from kubesim.kernel import Kernel
from kubesim.policy.stream_status import Failed, StreamOutcome, Succeeded, status_bytes
from kubesim.runtime.stream_buffer import StreamBuffer
from kubesim.runtime.stream_command import StreamCommand
from kubesim.server.streaming.command_session import CREATION_NS, INPUT_BYTES_MAX, CommandSession
from kubesim.server.streaming.link import Link
from kubesim.server.streaming.peers import (
    CommandEvent,
    Input,
    InputEnded,
    Output,
    PeerClosed,
    PeerError,
    Ready,
    Resized,
)


class Transport:
    """A socket that notes what is asked of it."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.sent = b""

    def is_closing(self) -> bool:
        return "close" in self.log

    def write(self, data: bytes) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.log.append("pause")

    def resume_reading(self) -> None:
        self.log.append("resume")

    def close(self) -> None:
        self.log.append("close")


class Peer:
    """A client whose bytes are keys into `script`, and who gets plain text."""

    counts_pings = False

    def __init__(self, script: dict[bytes, list[CommandEvent]]) -> None:
        self._script = script
        self._output: list[bytes] = []

    def receive(self, data: bytes) -> Iterator[CommandEvent]:
        if data == b"broken":
            raise PeerError("broken")
        yield from self._script[data]

    def send(self, output: Output, data: bytes) -> None:
        self._output.append(f"<{output}:{len(data)}>".encode())

    def end(self, output: Output) -> None:
        self._output.append(f"<end {output}>".encode())

    def finish(self, status: bytes) -> None:
        self._output.append(b"<" + status + b">")

    def take_output(self) -> bytes:
        output, self._output = b"".join(self._output), []
        return output


class Command:
    """A command that takes input while `takes` is set."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.stdout: StreamBuffer | None = StreamBuffer()
        self.stderr: StreamBuffer | None = None
        self.log: list[str] = []
        self.input = PipeLike()

    async def write_stdin(self, data: bytes) -> None:
        await self.input.write(data)

    def close_stdin(self) -> None:
        self.log.append("eof")

    def resize(self, *, columns: int, rows: int) -> None:
        self.log.append(f"{columns}x{rows}")

    def hang_up(self) -> None:
        self.log.append("hang up")

    async def outcome(self) -> StreamOutcome:
        return Succeeded()


class PipeLike:
    """Takes nothing until it is opened."""

    def __init__(self) -> None:
        from kubesim.kernel import Event

        self.opened = Event()
        self.taken_bytes = 0

    async def write(self, data: bytes) -> None:
        await self.opened.wait()
        self.taken_bytes += len(data)


class World:
    def __init__(self, **script: list[CommandEvent]) -> None:
        self.kernel = Kernel(start_ns=0)
        self.transport = Transport()
        self.link = Link(self.transport)  # type: ignore[arg-type]  # as much of a transport as a link needs
        self.command = Command(self.kernel)
        self.moved = 0
        self.begin: Callable[[], StreamCommand | Failed] = lambda: self.command
        events: dict[bytes, list[CommandEvent]] = {name.encode(): events for name, events in script.items()}
        self.session = CommandSession(
            self.kernel,
            self.link,
            Peer({b"ready": [Ready()], b"end": [InputEnded()], b"bye": [PeerClosed()], **events}),
            say=partial(status_bytes, protocol="v4.channel.k8s.io", form="bare"),
            start=self._begin,
            on_data=self._count,
        )

    def _begin(self) -> StreamCommand | Failed:
        return self.begin()

    def _count(self) -> None:
        self.moved += 1

    def receive(self, *keys: str) -> None:
        for key in keys:
            self.session.receive(key.encode())
            self.kernel.run_until(self.kernel.now_ns)


def test_output_is_copied_and_the_status_comes_last() -> None:
    world = World()
    world.receive("ready")
    assert world.command.stdout is not None
    world.command.stdout.put(b"abc")
    world.kernel.run_until(0)
    assert world.transport.sent == b"<stdout:3>"

    world.command.stdout.end()
    world.kernel.run_until(0)
    assert world.transport.sent == b'<stdout:3><end stdout><{"status":"Success"}>'
    assert world.transport.log == ["close"]
    assert world.command.log == ["hang up"]


def test_a_command_that_cannot_start_says_why_and_ends() -> None:
    world = World()
    world.begin = lambda: Failed("no such thing")
    world.receive("ready")

    assert b'"Internal error occurred: no such thing"' in world.transport.sent
    assert world.transport.log == ["close"]


def test_input_that_is_not_taken_makes_the_client_wait() -> None:
    world = World(big=[Input(bytes(INPUT_BYTES_MAX))])
    world.receive("ready", "big")
    assert world.transport.log == []
    world.receive("big")
    assert world.transport.log == ["pause"]

    world.command.input.opened.set()
    world.kernel.run_until(0)
    assert world.transport.log == ["pause", "resume"]
    assert world.command.input.taken_bytes == 2 * INPUT_BYTES_MAX


def test_the_end_of_the_input_comes_after_all_of_it() -> None:
    world = World(some=[Input(b"abc")])
    world.receive("some", "ready", "some", "end")
    assert world.command.log == []

    world.command.input.opened.set()
    world.kernel.run_until(0)
    assert (world.command.input.taken_bytes, world.command.log) == (6, ["eof"])


def test_a_full_socket_makes_the_command_wait() -> None:
    world = World()
    world.receive("ready")
    stdout = world.command.stdout
    assert stdout is not None
    world.link.set_full(is_full=True)
    stdout.put(bytes(65536))
    world.kernel.run_until(0)
    rest = stdout.put(bytes(65537))  # one chunk is on its way to the socket, and as much waits behind it
    assert (world.transport.sent, rest) == (b"", b"\0")

    world.link.set_full(is_full=False)
    world.kernel.run_until(0)
    assert world.transport.sent == b"<stdout:65536><stdout:65536>"


@pytest.mark.parametrize("how", ["bye", "broken", "gone"])
def test_a_client_that_goes_ends_the_session_and_hangs_up(how: str) -> None:
    world = World()
    world.receive("ready")
    if how == "gone":
        world.link.lost()
        world.session.gone()
    else:
        world.receive(how)
    world.kernel.run_until_idle()

    assert world.command.log == ["hang up"]
    assert world.link.is_closed
    world.receive("ready")
    assert world.kernel.pending_count == 0


@pytest.mark.parametrize(("counts_pings", "moved"), [(False, 0), (True, 1)])
def test_whether_a_ping_shows_that_a_client_is_not_idle_is_the_protocols_to_say(
    monkeypatch: pytest.MonkeyPatch, counts_pings: bool, moved: int
) -> None:
    monkeypatch.setattr(Peer, "counts_pings", counts_pings)
    world = World(ping=[])
    world.receive("ping")
    assert world.moved == moved


def test_sizes_before_the_command_count_for_its_start_and_later_ones_at_once() -> None:
    world = World(small=[Resized(1, 2)], large=[Resized(80, 24)])
    world.receive("small", "large", "ready", "small")

    assert world.command.log == ["80x24", "1x2"]


def test_a_client_has_half_a_minute_for_its_streams() -> None:
    world = World()
    world.kernel.run_until(CREATION_NS - 1)
    assert world.transport.log == []
    world.kernel.run_until(CREATION_NS)

    assert (world.transport.log, world.transport.sent) == (["close"], b"")


def test_a_failure_within_does_not_leave_the_client_waiting() -> None:
    world = World()

    async def broken() -> StreamOutcome:
        raise RuntimeError("a bug")

    world.command.outcome = broken  # type: ignore[method-assign]  # a command with a bug
    assert world.command.stdout is not None
    world.command.stdout.end()
    with pytest.raises(RuntimeError, match="a bug"):
        world.receive("ready")

    assert world.transport.log == ["close"]
