"""A client of PortForward on one side and ports of an emulated pod on the other, on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

from kubesim.cri import api, methods
from kubesim.images.fixtures import load_catalogue
from kubesim.kernel import Kernel
from kubesim.runtime.port_forward import ForwardClient, forward
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.server.spdy.frames import Data, Frame, FrameReader, RstStream
from kubesim.server.streaming.forward_session import ForwardSession
from kubesim.server.streaming.link import Link
from kubesim.server.streaming.peers import ForwardPeer
from kubesim.server.streaming.spdy_forward import SpdyForward
from kubesim.userland.files.host_files import MemoryHostFiles
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.stream import Listener, Stream

from .test_spdy_forward import Client

NS = 1_000_000_000
SOCKET_BYTES_MAX = 65536


class Socket:
    """The transport of a client. It tells the link when its buffer is above its mark, as asyncio does."""

    def __init__(self, *, is_spdy: bool) -> None:
        self.link: Link | None = None
        self.sent = b""
        self.is_reading = True
        self.is_closed = False
        self.takes_all = True
        self.buffered = 0
        self.most_buffered = 0
        self.frames: list[Frame] = []
        self._reader = FrameReader() if is_spdy else None

    def is_closing(self) -> bool:
        return False

    def write(self, content: bytes) -> None:
        if self._reader is None:
            self.sent += content
        else:
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

    def connect(
        self,
        run: Callable[[int, ForwardClient], Coroutine[Any, Any, None]] | None = None,
        peer: ForwardPeer | None = None,
    ) -> None:
        """Begin a session anew."""
        self.socket = Socket(is_spdy=peer is None)
        link = self.socket.link = Link(cast("Any", self.socket))
        self.client = Client()
        self.session = ForwardSession(
            self.kernel,
            link,
            peer or SpdyForward(),
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
