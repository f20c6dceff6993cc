"""One connection of PortForward, as the runtime makes it: to a port of a pod's localhost, and copied both ways.

Rule 1: both loopback addresses are tried, in the runtime's order. The client learns why neither took the connection.
Rule 2: when one direction has ended, the other has GRACE_NS. Nobody closes half a connection: a client that sends
nothing more has that long for what still comes, and the program sees the end only then.
Rule 3: the first error of a copy is what went wrong, even when the other direction was fine.

Mirrors containerd: internal/cri/server/sandbox_portforward_linux.go; CRI-O: server/container_portforward.go and
internal/oci/runtime_oci_linux.go, PortForwardContainer; Kubernetes:
staging/src/k8s.io/cri-streaming/pkg/streaming/portforward/httpstream.go, portForward.
"""

from __future__ import annotations

from typing import Protocol

from kubesim.cri.errors import CriError
from kubesim.kernel import Channel, TaskGroup, timeout
from kubesim.policy.go_net_error import copy_error, dial_error
from kubesim.runtime import streaming_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.runtime_spec import crio_namespace_path, network_namespace_path
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.stream import Stream

GRACE_NS = 1_000_000_000

CHUNK_BYTES_MAX = 32768
"""What one read gives at most. Mirrors Go: io.Copy's buffer."""


class ForwardClient(Protocol):
    """The client's end of one connection."""

    async def read(self) -> bytes:
        """The client's next bytes as soon as there are some; b"" when it sends nothing more."""

    async def write(self, data: bytes) -> bool:
        """Send bytes of the pod; waits while the client does not read. False when it is gone."""

    def end(self) -> None:
        """The pod sends nothing more."""


async def forward(daemon: Daemon, sandbox_id: str, port: int, client: ForwardClient) -> None:
    """Connect a client to a port of a pod, until both have ended.

    Raises CriError with what the error stream says.
    """
    try:
        sandbox = _sandbox(daemon, sandbox_id)
        network = _network(daemon, sandbox, sandbox_id)
        try:
            cause = await _forward_inside(daemon, network, sandbox, sandbox_id, port, client)
        finally:
            client.end()
        if cause:
            raise daemon.refuse(say.FORWARD_INSIDE, path=_namespace_name(daemon, sandbox), cause=cause)
    except CriError as error:
        raise daemon.refuse(say.FORWARD_FAILED, port=port, id=sandbox_id, cause=error.message) from None


def _sandbox(daemon: Daemon, sandbox_id: str) -> Sandbox:
    sandbox = daemon.sandbox(sandbox_id, say.FORWARD_LOOKUP)
    if not daemon.profile.streaming.checks_state and not sandbox.life.is_ready:
        raise daemon.refuse(say.FORWARD_NOT_RUNNING, id=sandbox_id)
    return sandbox


def _network(daemon: Daemon, sandbox: Sandbox, sandbox_id: str) -> NetworkNamespace:
    if sandbox.uses_node_network:
        return daemon.processes.network.node
    is_closed = not sandbox.ip and not sandbox.life.is_ready
    if sandbox.network is None or is_closed:
        raise daemon.refuse(say.FORWARD_CLOSED, id=sandbox_id)
    return sandbox.network


def _namespace_name(daemon: Daemon, sandbox: Sandbox) -> str:
    if daemon.profile.oci_spec == "cri-o":
        return crio_namespace_path(sandbox)
    return network_namespace_path(sandbox) or say.FORWARD_NODE_NAMESPACE


async def _forward_inside(
    daemon: Daemon, network: NetworkNamespace, sandbox: Sandbox, sandbox_id: str, port: int, client: ForwardClient
) -> str:
    """What went wrong, "" for nothing."""
    is_ipv4_first = daemon.profile.streaming.forward_dial == "ipv4-first"
    addresses = [SocketAddress("127.0.0.1", port), SocketAddress("::1", port)]
    reasons: list[str] = []
    for address in addresses if is_ipv4_first else reversed(addresses):
        # containerd asks for one family after the other, CRI-O for "tcp" and Go does so.
        family = ("tcp6" if address.is_ipv6 else "tcp4") if is_ipv4_first else "tcp"
        try:
            stream = await network.connect(address, uid=0)
        except FsError as error:
            reasons.append(dial_error(family, address.text(), error.strerror))
            continue
        try:
            return await _Copy(stream, client, family, daemon.profile.streaming.forward_read_error).run()
        finally:
            stream.release()
    first, second = reasons
    refused = daemon.refuse(say.FORWARD_DIAL, port=port, id=sandbox_id, own_id=sandbox.id, first=first, second=second)
    return refused.message


class _Copy:
    """Bytes both ways, and what went wrong in Go's words; "" for nothing."""

    __slots__ = ("_client", "_ends", "_family", "_read_error", "_stream")

    def __init__(self, stream: Stream, client: ForwardClient, family: str, read_error: str) -> None:
        self._stream = stream
        self._client = client
        self._family = family
        self._read_error = read_error
        self._ends: Channel[str] = Channel()

    async def run(self) -> str:
        async with TaskGroup() as group:
            group.spawn(self._from_pod(), name="port forward from the pod")
            group.spawn(self._from_client(), name="port forward to the pod")
            reason = await self._ends.receive()
            try:
                async with timeout(GRACE_NS):
                    other = await self._ends.receive()
            except TimeoutError:
                group.cancel()
            else:
                reason = reason or other
        return reason

    async def _from_pod(self) -> None:
        stream, client = self._stream, self._client
        while True:
            try:
                data = stream.read_now(CHUNK_BYTES_MAX)
            except FsError as error:
                copy = "writeto" if self._read_error == "writeto" else ""
                self._ended(self._error("read", copy, error))
                return
            if data is None:
                await stream.wait_readable()
            elif not data or not await client.write(data):
                self._ended("")
                return

    async def _from_client(self) -> None:
        stream, client = self._stream, self._client
        rest: bytes | None
        while rest := await client.read():
            while rest:
                try:
                    rest = stream.write_now(rest)
                except FsError as error:
                    self._ended(self._error("write", "readfrom", error))
                    return
                if rest:
                    await stream.wait_writable()
        self._ended("")

    def _ended(self, reason: str) -> None:
        self._ends.send_nowait(reason)

    def _error(self, operation: str, copy: str, error: FsError) -> str:
        peer = self._stream.peer
        assert peer is not None, "the stream is connected"
        return copy_error(operation, copy, self._family, (self._stream.local.text(), peer.text()), error.strerror)
