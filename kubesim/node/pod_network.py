"""The node's side of the network, as its kubelet uses it: connections to pods, GETs, health checks.

A failure has the words that Go's net and net/http have for it. How a connection comes about is somebody else's: in the
emulated world (`EmulatedDial`) or on the machine, over the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kubesim.kernel import sleep, timeout
from kubesim.policy.go_net_error import dial_error
from kubesim.policy.go_quote import go_quote
from kubesim.policy.http_get import HttpAnswer, HttpRequest
from kubesim.policy.probe_outcome import OUTPUT_BYTES_MAX, HealthAnswer
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress, canonical_ip
from kubesim.userland.network.http_message import BadMessage, parse_response, response_body
from kubesim.userland.network.http_server import READ_BYTES, MessageReader, send
from kubesim.userland.network.node_network import NodeNetwork
from kubesim.userland.network.stream import Stream

if TYPE_CHECKING:
    from kubesim.userland.network.grpc_health_client import HealthCall

RETRY_FIRST_NS, RETRY_FACTOR = 1_000_000_000, 1.6
"""Between attempts to connect. Mirrors grpc-go: backoff/backoff.go, DefaultConfig, without its jitter."""

CONNECT_NS = 100_000
"""The way to a pod of the same node. A server that starts at this instant listens before a request is there."""

CODE_DEADLINE_EXCEEDED = 4

BODY_TIMED_OUT = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"

_CLIENT_HELLO_BODY = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00" + b"\x00\x00"
CLIENT_HELLO = (
    b"\x16\x03\x01"
    + (len(_CLIENT_HELLO_BODY) + 4).to_bytes(2, "big")
    + b"\x01"
    + len(_CLIENT_HELLO_BODY).to_bytes(3, "big")
    + _CLIENT_HELLO_BODY
)
"""The first record of a TLS client: enough for a server to see that it is none of its own protocol."""


class Dial(Protocol):
    """Makes connections."""

    async def plain(self, host: str, port: int) -> Stream:
        """A connection, for the caller to let go of. Raises OSError with Go's text."""

    async def secure(self, host: str, port: int) -> Stream:
        """The same with TLS, whose certificates nobody checks."""


class EmulatedDial:
    """Connections within the emulated world.

    Nobody speaks TLS in it, so that a secure connection meets a server of something else at best. The node resolves no
    names but localhost.
    """

    def __init__(self, network: NodeNetwork) -> None:
        self._network = network

    async def plain(self, host: str, port: int) -> Stream:
        """A connection. Raises OSError with Go's text."""
        address = SocketAddress(_resolved(host), port)
        await sleep(CONNECT_NS)
        try:
            return await self._network.node.connect(address, uid=0)
        except FsError as error:
            raise OSError(dial_error("tcp", address.text(), error.strerror)) from None

    async def secure(self, host: str, port: int) -> Stream:
        """Never a connection. Raises OSError with Go's text for what the server says to a client of TLS."""
        stream = await self.plain(host, port)
        try:
            raise OSError(await _tls_refusal(stream))
        finally:
            stream.release()


class NodePodNetwork:
    """The `PodNetwork` of a node."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    async def connect(self, host: str, port: int, *, timeout_ns: int) -> None:
        """Open a TCP connection, and close it."""
        async with timeout(timeout_ns):
            stream = await self._dial.plain(host, port)
        stream.release()

    async def get(self, request: HttpRequest, *, timeout_ns: int | None, keeps_alive: bool) -> HttpAnswer:
        """Send one request and read its answer, of whose body no more than the kubelet looks at."""
        if request.scheme not in ("http", "https"):
            raise OSError(f"unsupported protocol scheme {go_quote(request.scheme)}")
        if timeout_ns is None:
            return await self._exchange(request, _Progress(), keeps_alive=keeps_alive)
        progress = _Progress()
        try:
            async with timeout(timeout_ns):
                return await self._exchange(request, progress, keeps_alive=keeps_alive)
        except TimeoutError:
            if progress.answer is None:
                raise
            return HttpAnswer(status=progress.answer.status, headers=progress.answer.headers, error=BODY_TIMED_OUT)

    async def check_health(self, host: str, port: int, service: str, *, agent: str, timeout_ns: int) -> HealthAnswer:
        """gRPC's Check of a service; a connection that fails is tried again until the time is over."""
        # Few pods have such a probe, and h2 takes longer to load than all of a node.
        from kubesim.userland.network.grpc_health_client import HealthCall, NotHttp2

        progress = _Progress()
        try:
            async with timeout(timeout_ns):
                delay_ns = RETRY_FIRST_NS
                while True:
                    try:
                        call = HealthCall(SocketAddress(host, port).text(), agent=agent)
                        return await self._check(host, port, service, call, progress)
                    except TimeoutError:
                        raise
                    except (OSError, NotHttp2):
                        await sleep(delay_ns)
                        delay_ns = int(delay_ns * RETRY_FACTOR)
        except TimeoutError:
            return HealthAnswer(is_connected=progress.is_connected, code=CODE_DEADLINE_EXCEEDED)

    async def _check(self, host: str, port: int, service: str, call: HealthCall, progress: _Progress) -> HealthAnswer:
        """One attempt. Raises OSError and NotHttp2 when no connection comes about."""
        stream = await self._dial.plain(host, port)
        try:
            await _speak(stream, call, until_ready=True)
            progress.is_connected = True
            call.ask(service)
            try:
                await _speak(stream, call)
            except OSError:
                # A connection that breaks once it was there is not made again: the call has failed.
                call.receive(b"")
        finally:
            stream.release()
        return HealthAnswer(code=call.code, code_name=call.code_name, message=call.message, status=call.status)

    async def _exchange(self, request: HttpRequest, progress: _Progress, *, keeps_alive: bool) -> HttpAnswer:
        dial = self._dial.secure if request.scheme == "https" else self._dial.plain
        stream = await dial(request.host, request.port)
        try:
            return await _ask(stream, request, progress, keeps_alive=keeps_alive)
        finally:
            stream.release()


class _Progress:
    """How far an exchange has come when its time is over."""

    def __init__(self) -> None:
        self.is_connected = False
        self.answer: HttpAnswer | None = None


async def _ask(stream: Stream, request: HttpRequest, progress: _Progress, *, keeps_alive: bool) -> HttpAnswer:
    reader = MessageReader(stream)
    try:
        await send(stream, _encoded(request, keeps_alive=keeps_alive))
        raw = await reader.head()
    except FsError as error:
        raise OSError(_broken(stream, "read", error)) from None
    except BadMessage:
        raise OSError("net/http: HTTP/1.x transport connection broken: malformed HTTP response") from None
    if raw is None:
        raise OSError("EOF")
    try:
        head = parse_response(raw)
        body = response_body(head, method="GET")
    except BadMessage:
        line = raw.partition(b"\n")[0].rstrip(b"\r").decode(errors="surrogateescape")
        what = f"malformed HTTP response {go_quote(line)}"
        raise OSError(f"net/http: HTTP/1.x transport connection broken: {what}") from None
    progress.answer = HttpAnswer(status=head.status, headers=head.headers)
    content = bytearray()
    error_text = ""
    try:
        while len(content) < OUTPUT_BYTES_MAX and (part := await reader.part(body)):
            content += part
    except BadMessage:
        error_text = "unexpected EOF"
    except FsError as error:
        error_text = _broken(stream, "read", error)
    return HttpAnswer(
        status=head.status, headers=head.headers, body=bytes(content[:OUTPUT_BYTES_MAX]), error=error_text
    )


async def _speak(stream: Stream, call: HealthCall, *, until_ready: bool = False) -> None:
    """Move bytes until the call is over, or until the server is there. Raises OSError and NotHttp2."""
    try:
        while True:
            await send(stream, call.data_to_send())
            if call.is_over or (until_ready and call.is_ready):
                return
            while (data := stream.read_now(READ_BYTES)) is None:
                await stream.wait_readable()
            call.receive(data)
    except FsError as error:
        raise OSError(error.strerror) from None


async def _tls_refusal(stream: Stream) -> str:
    """Why no TLS comes about. Mirrors Go: net/http/transport.go, dialConn; crypto/tls/conn.go, readRecordOrCCS."""
    try:
        await send(stream, CLIENT_HELLO)
        received = b""
        while len(received) < len(b"HTTP/"):
            while (data := stream.read_now(READ_BYTES)) is None:
                await stream.wait_readable()
            if not data:
                return "EOF"
            received += data
    except FsError as error:
        return _broken(stream, "read", error)
    if received.startswith(b"HTTP/"):
        return "http: server gave HTTP response to HTTPS client"
    return "tls: first record does not look like a TLS handshake"


def _encoded(request: HttpRequest, *, keeps_alive: bool) -> bytes:
    """The bytes of a request. Mirrors Go: net/http/request.go, Request.write; transport.go, roundTrip."""
    last = ("Accept-Encoding", "gzip") if keeps_alive else ("Connection", "close")
    lines = [f"GET {request.target} HTTP/1.1", f"Host: {request.host_header}"]
    lines += [f"{name}: {value}" for name, value in (*request.headers, last)]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode(errors="surrogateescape")


def _broken(stream: Stream, operation: str, error: FsError) -> str:
    assert stream.peer is not None, "a stream has a peer"
    ends = f"{stream.local.text()}->{stream.peer.text()}"
    return f"{operation} tcp {ends}: {operation}: {error.strerror.lower()}"


def _resolved(host: str) -> str:
    """The address of a host. Raises OSError for a name."""
    ip = canonical_ip(host) or {"localhost": "127.0.0.1"}.get(host)
    if ip is None:
        raise OSError(f"dial tcp: lookup {host}: no such host")
    return ip
