"""Pods without containers, whose sockets a test holds itself, in a world that this machine can reach."""

import select
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import PortMapping
from kubesim.userland.network.stream import Listener, Stream

from .streaming_world import StreamingWorld

T = TypeVar("T")


class EmulatedPod:
    """A pod's network namespace, or the node's, asked from the test's thread."""

    def __init__(self, world: StreamingWorld, namespace: NetworkNamespace | None = None, *, ports: Any = ()) -> None:
        """`ports` are the arguments of its port mappings."""
        self.world = world
        daemon = world.runtime.daemon
        if namespace is None:
            namespace = self.now(lambda: daemon.processes.network.add_pod(*daemon.network.allocate()))
        self.namespace = namespace
        mappings = [
            PortMapping(**{"protocol": "tcp", "host_ip": "", "host_port": 0, "namespace": namespace} | port)
            for port in ports
        ]
        if mappings:
            self.open(mappings)

    @property
    def ip(self) -> str:
        return self.namespace.addresses[0]

    def open(self, mappings: Sequence[PortMapping]) -> None:
        ports = self.world.runtime.daemon.pod_ports
        assert ports is not None
        self.now(lambda: ports.open(self.namespace, mappings))

    def close(self) -> None:
        ports = self.world.runtime.daemon.pod_ports
        assert ports is not None
        self.now(lambda: ports.close(self.namespace))

    def now(self, ask: Callable[[], T]) -> T:
        """What `ask` returns in an event of the kernel."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - it is raised again in the test
                answer.set_exception(error)

        self.world.enter(run)
        return answer.result(30)

    def soon(self, ask: Callable[[], T | None]) -> T:
        """The first answer that is there."""
        for _ in range(1000):
            found = self.now(ask)
            if found:
                return found
            moment()
        raise AssertionError("nothing came")

    def listen(self, port: int, ip: str = "0.0.0.0", *, backlog: int = 16) -> Listener:
        found = self.now(
            lambda: self.namespace.listen(SocketAddress(ip, port), backlog=backlog, uid=0, is_privileged=True)
        )
        self.now(found.hold)
        return found

    def bind(self, port: int, ip: str = "0.0.0.0") -> DatagramSocket:
        found = self.now(lambda: self.namespace.bind_datagrams(SocketAddress(ip, port), uid=0, is_privileged=True))
        self.now(found.hold)
        return found

    def accept(self, listener: Listener) -> Stream:
        """The next connection, held."""
        stream = self.soon(listener.accept_now)
        self.now(stream.hold)
        return stream

    def received(self, stream: Stream) -> bytes:
        """Everything until the end."""
        parts = []
        while (part := self._read(stream)) != b"":
            parts.append(part)
        return b"".join(parts)

    def _read(self, stream: Stream) -> bytes:
        found = self.soon(lambda: None if (part := stream.read_now(65536)) is None else [part])
        return found[0]

    def error(self, stream: Stream) -> str:
        """The name of the error that reading ends with."""
        try:
            self.received(stream)
        except FsError as error:
            return error.errno_name
        return ""


def moment() -> None:
    """Time for the other thread."""
    select.select([], [], [], 0.005)
