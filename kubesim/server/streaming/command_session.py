"""One client of Exec or Attach and what it runs: bytes both ways, and how it ended.

Rule 1: nothing is read from the socket while the command does not take its input; nothing is read from the command
while the socket does not take its output.
Rule 2: what began with the last stream of the client ends with the last output of the command, then the status is said.
Rule 3: a client that goes away ends the session at once; the runtime knows what becomes of the command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kubesim.kernel import Event, Kernel, Task, TaskGroup, Timer
from kubesim.policy.stream_status import Failed, StreamOutcome
from kubesim.runtime.stream_buffer import BUFFER_BYTES_MAX, StreamBuffer
from kubesim.runtime.stream_command import StreamCommand
from kubesim.server.streaming.link import Link
from kubesim.server.streaming.peers import (
    CommandEvent,
    CommandPeer,
    Input,
    InputEnded,
    Output,
    PeerClosed,
    PeerError,
    Ready,
    Resized,
)

INPUT_BYTES_MAX = 64 * 1024
"""Input that the command has not taken before the client has to wait."""

CREATION_NS = 30_000_000_000
"""How long a client may take to open its streams. Mirrors DefaultStreamCreationTimeout."""


class CommandSession:
    """Begins to live with `receive`; all methods are called within events of the kernel."""

    __slots__ = (
        "_changed",
        "_command",
        "_early_size",
        "_feeding",
        "_input",
        "_input_bytes",
        "_is_input_ended",
        "_kernel",
        "_link",
        "_patience",
        "_peer",
        "_running",
        "_say",
        "_start",
        "on_data",
    )

    def __init__(
        self,
        kernel: Kernel,
        link: Link,
        peer: CommandPeer,
        *,
        say: Callable[[StreamOutcome], bytes],
        start: Callable[[], StreamCommand | Failed],
        on_data: Callable[[], object],
    ) -> None:
        """`start` begins the command once the client is ready, and `say` is how its outcome is written at the end.

        `on_data` is called whenever bytes move.
        """
        self._kernel = kernel
        self._link = link
        self._peer = peer
        self._say = say
        self._start = start
        self.on_data = on_data
        self._command: StreamCommand | None = None
        self._input: deque[bytes] = deque()
        self._input_bytes = 0
        self._is_input_ended = False
        self._early_size: Resized | None = None
        self._changed: Event | None = None
        self._running: Task[None] | None = None
        self._feeding: Task[None] | None = None
        self._patience: Timer | None = kernel.call_later(CREATION_NS, self._end)

    def receive(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._link.is_closed:
            return
        if data and self._peer.counts_pings:
            self.on_data()
        try:
            for event in self._peer.receive(data):
                self._take(event)
        except PeerError:
            self._end()
            return
        self._link.reply(self._peer.take_output())

    def gone(self) -> None:
        """The client is gone, or has been silent for too long."""
        self._peer.finish(b"")
        self._end()

    # -- events of the client -------------------------------------------------------------------------------

    def _take(self, event: CommandEvent) -> None:
        match event:
            case Input(data):
                self.on_data()
                self._input.append(data)
                self._input_bytes += len(data)
                if self._input_bytes > INPUT_BYTES_MAX:
                    self._link.pause_reading()
                self._wake_input()
            case InputEnded():
                self._is_input_ended = True
                self._wake_input()
            case Resized(columns, rows):
                if self._command is None:
                    self._early_size = event
                else:
                    self._command.resize(columns=columns, rows=rows)
            case Ready():
                self._begin()
            case PeerClosed():
                self._end()

    def _begin(self) -> None:
        if self._patience is not None:
            self._kernel.cancel(self._patience)
            self._patience = None
        command = self._start()
        if isinstance(command, Failed):
            self._finish(command)
            return
        self._command = command
        if self._early_size is not None:
            command.resize(columns=self._early_size.columns, rows=self._early_size.rows)
        self._running = self._kernel.spawn(self._run(command), name="stream")
        if self._input or self._is_input_ended:
            self._wake_input()

    # -- the command ----------------------------------------------------------------------------------------

    async def _run(self, command: StreamCommand) -> None:
        try:
            outcome = await self._until_end(command)
        except Exception:
            self._running = None
            self._end()  # a bug, which must not leave the client waiting
            raise
        self._running = None  # which ends by itself
        self._finish(outcome)

    async def _until_end(self, command: StreamCommand) -> StreamOutcome:
        """Copy the outputs to their ends; how the command ended."""
        stdout, stderr = command.stdout, command.stderr
        if stdout is not None and stderr is not None:
            async with TaskGroup() as group:
                group.spawn(self._copy("stderr", stderr), name="stream stderr")
                await self._copy("stdout", stdout)
        elif stdout is not None:
            await self._copy("stdout", stdout)
        elif stderr is not None:
            await self._copy("stderr", stderr)
        return await command.outcome()

    async def _copy(self, output: Output, buffer: StreamBuffer) -> None:
        link, peer = self._link, self._peer
        while data := await buffer.read(BUFFER_BYTES_MAX):
            if link.is_full:
                await link.wait_writable()
            peer.send(output, data)
            link.write(peer.take_output())
            self.on_data()
        peer.end(output)
        self._flush()

    def _finish(self, outcome: StreamOutcome) -> None:
        self._peer.finish(self._say(outcome))
        self._flush()
        self._end()

    def _wake_input(self) -> None:
        """Somebody has to look at the input: a task that is made for the first of it."""
        if self._command is None:
            return
        if self._changed is None:
            self._changed = Event()
            self._feeding = self._kernel.spawn(self._feed(self._command, self._changed), name="stream stdin")
        elif self._changed.waiters_count:
            self._changed.set()
            self._changed.clear()

    async def _feed(self, command: StreamCommand, changed: Event) -> None:
        while True:
            while self._input:
                data = self._input.popleft()
                await command.write_stdin(data)
                self._input_bytes -= len(data)
                if self._input_bytes <= INPUT_BYTES_MAX:
                    self._link.resume_reading()
            if self._is_input_ended:
                self._feeding = None  # which ends by itself, and before what the end of the input may bring
                command.close_stdin()
                return
            await changed.wait()

    # -- the end --------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Close the socket and leave the command to the runtime. Fine when it was done already."""
        if self._patience is not None:
            self._kernel.cancel(self._patience)
            self._patience = None
        self._flush()
        self._link.close()
        command, self._command = self._command, None
        if command is not None:
            command.hang_up()
        for task in (self._running, self._feeding):
            if task is not None:
                task.cancel()
        self._running = self._feeding = None

    def _flush(self) -> None:
        self._link.write(self._peer.take_output())
