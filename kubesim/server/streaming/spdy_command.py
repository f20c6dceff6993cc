"""A client of Exec or Attach that speaks SPDY: one stream for each of error, stdin, stdout, stderr and resize.

Rule 1: the command starts when the client has opened as many streams as the request has: one for errors, one for each
of its three, and from the third version of the protocol on one for sizes when there is a terminal.
Rule 2: two streams of one type count as two, and the later one is used, as in the Go server.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/remotecommand/httpstream.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.server.spdy import (
    DataArrived,
    Event,
    PeerLeaves,
    ResetStatus,
    SpdyConnection,
    SpdyError,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from kubesim.server.streaming.peers import (
    CommandEvent,
    Input,
    InputEnded,
    Output,
    PeerError,
    Ready,
)
from kubesim.server.streaming.terminal_size import SizeReader

RESIZING_PROTOCOLS = frozenset({"v3.channel.k8s.io", "v4.channel.k8s.io", "v5.channel.k8s.io"})
FIRST_PROTOCOL = "channel.k8s.io"


class SpdyCommand:
    """One connection of a client; `protocol` is what was negotiated."""

    counts_pings = True
    """Mirrors moby/spdystream: connection.go, idleAwareFramer, which counts frames of all kinds."""

    __slots__ = ("_connection", "_expected_count", "_is_first_protocol", "_is_ready", "_sizes", "_streams")

    def __init__(self, protocol: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> None:
        self._connection = SpdyConnection()
        self._streams: dict[str, int] = {}
        self._sizes = SizeReader()
        self._is_first_protocol = protocol == FIRST_PROTOCOL
        self._expected_count = 1 + stdin + stdout + stderr + (tty and protocol in RESIZING_PROTOCOLS)
        self._is_ready = False

    def receive(self, data: bytes) -> Iterator[CommandEvent]:
        """What the client's bytes mean. Raises PeerError."""
        try:
            for event in self._connection.receive(data):
                yield from self._take(event)
        except SpdyError as error:
            raise PeerError(str(error)) from error

    def send(self, output: Output, data: bytes) -> None:
        """Bytes of the process; lost where the client did not ask for this output, or gave it up."""
        stream_id = self._streams.get(output)
        if stream_id is not None:
            self._connection.send(stream_id, data)

    def end(self, output: Output) -> None:
        """Nothing more comes on this output."""
        self._end(output)

    def finish(self, status: bytes) -> None:
        """Write the status to the error stream, and give everything up.

        That the error stream is reset, and not ended, is how the Go server closes whatever is open still.
        """
        stream_id = self._streams.get("error")
        if stream_id is not None and status:
            self._connection.send(stream_id, status)
        for kind in ("stdout", "stderr"):
            self._end(kind)
        for stream_id in self._streams.values():
            if self._connection.can_send(stream_id):
                self._connection.reset(stream_id, ResetStatus.CANCEL)
        self._connection.go_away()

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""
        return self._connection.take_output()

    def _end(self, kind: str) -> None:
        stream_id = self._streams.get(kind)
        if stream_id is not None:
            self._connection.send(stream_id, b"", is_last=True)

    def _take(self, event: Event) -> Iterator[CommandEvent]:
        match event:
            case StreamOpened(stream_id, headers):
                yield from self._opened(stream_id, headers.get("streamtype", ""))
            case DataArrived(stream_id, data):
                if stream_id == self._streams.get("stdin"):
                    yield Input(data)
                elif stream_id == self._streams.get("resize"):
                    yield from self._sizes.feed(data)
            case StreamEnded(stream_id) | StreamReset(stream_id, _):
                if stream_id == self._streams.get("stdin"):
                    yield InputEnded()
            case PeerLeaves():
                pass  # no more streams, which nobody waits for: those that are open go on

    def _opened(self, stream_id: int, kind: str) -> Iterator[CommandEvent]:
        if kind not in ("error", "stdin", "stdout", "stderr", "resize"):
            return
        self._streams[kind] = stream_id
        self._expected_count -= 1
        if self._expected_count == 0 and not self._is_ready:
            self._is_ready = True
            if self._is_first_protocol:
                # What 1.0 kubelets did: nothing can be said on the error stream.
                self._end("stdin")
                self._connection.reset(self._streams["error"])
            yield Ready()
