"""An emulated kubelet's connections over the machine's own network: real servers, Go's words."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kubesim.kernel import Kernel, RealTimePump
from kubesim.kernel.realtime import wall_clock_ns
from kubesim.node.pod_network import NodePodNetwork
from kubesim.policy.http_get import HttpAnswer, HttpRequest, http_request
from kubesim.server.machine_dial import MachineDial
from kubesim.server.streaming.options import StreamTls
from kubesim.server.streaming.tls import server_context

SECOND = 10**9
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

Use = Callable[[NodePodNetwork, int], Coroutine[Any, Any, Any]]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An HTTP server of one page, which calls everything else a bad request."""
    with contextlib.suppress(ConnectionError):
        said = await reader.read(65536)
        writer.write(ANSWER if said.startswith(b"GET / ") else b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
    writer.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that hangs until its client leaves."""
    await reader.read()
    writer.close()


def ask(
    serve: Serve | None,
    use: Callable[[NodePodNetwork, int], Coroutine[Any, Any, Any]],
    tls: ssl.SSLContext | None = None,
) -> Any:
    """What `use(network, port)` gives, with a server at the port; without one nobody listens there."""

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        kernel = Kernel(seed=1, start_ns=wall_clock_ns())
        pump = RealTimePump(kernel, loop)
        dial = MachineDial(kernel, pump)
        done: asyncio.Future[Any] = loop.create_future()

        async def work(port: int) -> None:
            try:
                done.set_result(await use(NodePodNetwork(dial), port))
            except Exception as error:  # noqa: BLE001 - the test is given whatever comes
                done.set_exception(error)

        server = await asyncio.start_server(serve or silent, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        if serve is None:
            server.close()
            await server.wait_closed()
        try:
            pump.enter(lambda: kernel.spawn(work(port), name="probe"))
            return await asyncio.wait_for(done, 30)
        finally:
            dial.close()
            pump.stop()
            server.close()

    return asyncio.run(main())


def page(port: int, scheme: str = "http") -> HttpRequest:
    return http_request(scheme=scheme, host="127.0.0.1", port=port, path="/", headers=(), agent="kube-probe/1.36")


async def get(network: NodePodNetwork, port: int, scheme: str = "http") -> HttpAnswer:
    return await network.get(page(port, scheme), timeout_ns=20 * SECOND, keeps_alive=False)


def test_a_page() -> None:
    assert ask(answer, get).body == b"hello"


def test_a_page_over_tls_whoever_signed_the_certificate() -> None:
    found = ask(answer, lambda network, port: get(network, port, "https"), server_context(StreamTls(), "127.0.0.1"))
    assert (found.status, found.body) == (200, b"hello")


def test_plain_http_where_tls_was_asked_for() -> None:
    with pytest.raises(OSError, match=r"^http: server gave HTTP response to HTTPS client$"):
        ask(answer, lambda network, port: get(network, port, "https"))


def test_nobody_listens() -> None:
    with pytest.raises(OSError, match=r"^dial tcp 127\.0\.0\.1:\d+: connect: connection refused$"):
        ask(None, get)
    with pytest.raises(OSError, match=r"connection refused$"):
        ask(None, lambda network, port: network.connect("127.0.0.1", port, timeout_ns=20 * SECOND))


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(OSError, match=r"^dial tcp: lookup nobody\.invalid: no such host$"):
        ask(silent, lambda network, port: network.connect("nobody.invalid", port, timeout_ns=20 * SECOND))


def test_a_connection_is_enough_for_a_tcp_probe() -> None:
    assert ask(silent, lambda network, port: network.connect("127.0.0.1", port, timeout_ns=20 * SECOND)) is None


def test_a_server_that_hangs() -> None:
    with pytest.raises(TimeoutError):
        ask(silent, lambda network, port: network.get(page(port), timeout_ns=SECOND // 10, keeps_alive=False))


def test_a_server_that_never_accepts() -> None:
    """Its queue is full: the connection is still under way when the time is over."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            port = full.getsockname()[1]
            with pytest.raises(TimeoutError):
                ask(silent, lambda network, _: network.connect("127.0.0.1", port, timeout_ns=SECOND // 10))
