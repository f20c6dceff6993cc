"""The streams of a container's first process, and the clients that are attached to them.

Rule 1: every byte goes to the log and to all who are attached at that moment; nothing is repeated for who comes later.
Rule 2: one client that does not read makes the process wait, as in containerd, whose copies go to log and clients in
turn - there for ever, here for STALL_NS of no reading: then the client is dropped, and log and others go on.
Rule 3: with stdin_once the input ends with the first client that brought one; else it stays open for the next.
Rule 4: a client whose input ends without ending the container's leaves with it, or stays for the output: the runtime's.

Mirrors containerd: internal/cri/io/container_io.go, Attach; internal/cri/server/container_attach.go, attachContainer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kubesim.cri import api
from kubesim.kernel import Event, Kernel, Timer
from kubesim.policy.attach_end import ends_with_input, ends_without_input
from kubesim.policy.stream_status import StreamOutcome, Succeeded
from kubesim.policy.streaming_switches import AttachEnd
from kubesim.runtime.stream_buffer import StreamBuffer
from kubesim.runtime.stream_input import NoInput, PipeInput, StreamInput, TerminalInput
from kubesim.userland.files.open_file import OpenFile, Sink
from kubesim.userland.terminals.terminal import Terminal

STALL_NS = 10_000_000_000
"""How long a client may leave its buffer full before it is dropped."""


class SharedOutput(OpenFile):
    """One output of a process: a log, and whoever is attached."""

    __slots__ = ("_buffers", "_kernel", "_log", "_room", "_stall", "is_closed")

    def __init__(self, kernel: Kernel, log: Sink) -> None:
        super().__init__()
        self._kernel = kernel
        self._log = log
        self._buffers: list[StreamBuffer] | None = None
        self._room: Event | None = None
        self._stall: Timer | None = None
        self.is_closed = False

    def add(self, buffer: StreamBuffer, on_room: Callable[[], object] | None) -> None:
        """Attach; the end comes at once when no process has the output open any more."""

        def room() -> None:
            self._made_room()
            if on_room is not None:
                on_room()

        buffer.on_room = room
        if self.is_closed:
            buffer.end()
            return
        self._buffers = [*(self._buffers or ()), buffer]

    def leave(self, buffer: StreamBuffer) -> None:
        """Detach: nothing more is added, what is there can still be read."""
        self._buffers = [other for other in self._buffers or () if other is not buffer] or None
        buffer.end()
        # Whoever waited for this client waits for the others now, and nobody for what it has not read.
        buffer.on_room = None
        self._made_room()

    def drop(self, buffer: StreamBuffer) -> None:
        """Detach, and throw away what was not read."""
        self.leave(buffer)
        buffer.discard()

    def write_now(self, data: bytes) -> bytes | None:
        """To the log and to everybody, no more than all of them have room for."""
        buffers = self._buffers
        if buffers is None:
            self._log(data)
            return None
        room = min(buffer.room_bytes for buffer in buffers)
        if room <= 0:
            if self._stall is None:
                self._stall = self._kernel.call_later(STALL_NS, self._drop_slow)
            return data
        part = data[:room]
        self._log(part)
        for buffer in buffers:
            buffer.put(part)
        return data[room:] or None

    async def wait_writable(self) -> None:
        """Wait for the slowest."""
        if self._room is None:
            self._room = Event()
        await self._room.wait()

    def tell(self) -> str:
        """As a pipe to the runtime."""
        return "pipe:[1]"

    def _made_room(self) -> None:
        if self._stall is not None and all(buffer.room_bytes > 0 for buffer in self._buffers or ()):
            self._kernel.cancel(self._stall)
            self._stall = None
        if self._room is not None and self._room.waiters_count:
            self._room.set()
            self._room.clear()

    def _drop_slow(self) -> None:
        self._stall = None
        for buffer in self._buffers or ():
            if buffer.room_bytes <= 0:
                self.drop(buffer)

    def _close(self) -> None:
        self.is_closed = True
        if self._stall is not None:
            self._kernel.cancel(self._stall)
        for buffer in self._buffers or ():
            buffer.end()
        self._buffers = None


class ContainerStreams:
    """What a first process has for descriptors 0 to 2, seen from the runtime."""

    __slots__ = ("_is_once", "input", "is_left_with_input", "is_left_without_input", "stderr", "stdout", "terminal")

    def __init__(
        self, kernel: Kernel, config: api.ContainerConfig, *, stdout: Sink, stderr: Sink, attach_ends: AttachEnd
    ) -> None:
        self.stdout = SharedOutput(kernel, stdout)
        self.stderr: SharedOutput | None = None if config.tty else SharedOutput(kernel, stderr)
        self.terminal = Terminal(self.stdout) if config.tty else None
        self.input: StreamInput = NoInput()
        self._is_once = config.stdin_once
        kind = {"stdin": config.stdin, "stdin_once": config.stdin_once, "tty": config.tty}
        self.is_left_with_input = ends_with_input(attach_ends, **kind)
        """Whether a client is detached when its input ends."""
        self.is_left_without_input = ends_without_input(attach_ends, **kind)
        """Whether a client without an input is detached at once."""
        if config.stdin:
            self.input = PipeInput() if self.terminal is None else TerminalInput(self.terminal)

    @property
    def stdin_file(self) -> OpenFile | None:
        """Descriptor 0 of a process without a terminal; None is /dev/null."""
        return self.input.file if isinstance(self.input, PipeInput) else None

    def end_of_client(self) -> None:
        """A client that had an input has no more to say."""
        if self._is_once:
            self.input.close()


class Attachment:
    """One client of a container's streams. `stdout` and `stderr` are None where it did not ask for them."""

    __slots__ = ("_has_input", "_left", "_streams", "stderr", "stdout")

    def __init__(self, streams: ContainerStreams, request: api.AttachRequest) -> None:
        self._streams = streams
        self._has_input = request.stdin
        self._left = Event()
        self.stdout = StreamBuffer() if request.stdout else None
        self.stderr = StreamBuffer() if request.stderr and streams.stderr is not None else None
        if self.stdout is not None:
            streams.stdout.add(self.stdout, streams.terminal.drain if streams.terminal is not None else None)
        if self.stderr is not None and streams.stderr is not None:
            streams.stderr.add(self.stderr, None)
        if streams.is_left_without_input and not request.stdin:
            self._leave()

    async def write_stdin(self, data: bytes) -> None:
        """Hand the client's bytes to the container; waits while it does not read them."""
        if self._has_input:
            await self._streams.input.write(data)

    def close_stdin(self) -> None:
        """The client has no more."""
        if not self._has_input:
            return
        self._has_input = False
        self._streams.end_of_client()
        self._left.set()
        if self._streams.is_left_with_input:
            self._leave()

    def _leave(self) -> None:
        for output, buffer in self._outputs():
            output.leave(buffer)

    def resize(self, *, columns: int, rows: int) -> None:
        """The client's window has another size. What is smaller than 1 is not listened to."""
        terminal = self._streams.terminal
        if terminal is not None and columns > 0 and rows > 0:
            terminal.resize(rows, columns)

    def hang_up(self) -> None:
        """The client is gone: the container goes on without it."""
        self.close_stdin()
        self._left.set()
        for output, buffer in self._outputs():
            output.drop(buffer)

    async def outcome(self) -> StreamOutcome:
        """Comes when there is nothing to wait for but the outputs; without any, when the client's input has ended."""
        if self.stdout is None and self.stderr is None:
            await self._left.wait()
        return Succeeded()

    def _outputs(self) -> Iterator[tuple[SharedOutput, StreamBuffer]]:
        for output, buffer in ((self._streams.stdout, self.stdout), (self._streams.stderr, self.stderr)):
            if output is not None and buffer is not None:
                yield output, buffer
