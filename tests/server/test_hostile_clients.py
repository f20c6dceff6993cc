"""Clients that mean no good, over a real socket: refused in grpc-go's words or let go, while others are served."""

import asyncio
import contextlib
import random  # noqa: TID251 - when a client gives up is up to chance
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from msgspec import structs

from kubesim.cri import api
from kubesim.images.fixtures import load_catalogue
from kubesim.kernel import Kernel, RealTimePump
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.runtime.timings import Timings
from kubesim.server.grpc_go import MESSAGE_BYTES_MAX
from kubesim.server.grpc_server import create_server
from kubesim.userland.files.host_files import MemoryHostFiles

RUNTIME = "/runtime.v1.RuntimeService/"
IMAGES = "/runtime.v1.ImageService/"
STREAMS = 300


class Server:
    """A runtime on a socket."""

    def __init__(self, path: Path, profile: str, timings: Timings) -> None:
        self.path = path
        self.kernel = Kernel(start_ns=0)
        self.failures: list[BaseException] = []
        self.runtime = Runtime(
            self.kernel, profile=load_profile(profile), catalogue=load_catalogue(()), host_files=MemoryHostFiles(),
            timings=timings,
        )  # fmt: skip

    def channel(self, number: int = 0) -> grpc.aio.Channel:
        """A connection of its own for each number."""
        return grpc.aio.insecure_channel(f"unix:{self.path}", options=[("kubesim.connection", number)])

    async def call(self, name: str, request: bytes = b"", number: int = 0, **options: Any) -> bytes:
        async with self.channel(number) as channel:
            answer: bytes = await channel.unary_unary(name)(request, timeout=30, **options)
            return answer

    async def refusal(self, name: str, request: bytes, **options: Any) -> tuple[str, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(name, request, **options)
        assert await self.call(RUNTIME + "Version", number=1), "others are served"
        return caught.value.code().name, caught.value.details() or ""

    async def stream_refusal(self, name: str, request: bytes) -> tuple[str, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async with self.channel() as channel:
                async for _ in channel.unary_stream(name)(request, timeout=30):
                    pass
        return caught.value.code().name, caught.value.details() or ""

    async def run_pod(self, name: str) -> str:
        answer = await self.call(RUNTIME + "RunPodSandbox", pod(name).SerializeToString(), number=2)
        return api.RunPodSandboxResponse.FromString(answer).pod_sandbox_id

    @property
    def streams_count(self) -> int:
        return self.runtime.statistics().event_streams


def pod(name: str) -> api.RunPodSandboxRequest:
    metadata = api.PodSandboxMetadata(name=name, uid="u", namespace="n")
    annotations = {"example.com/padding": "x" * 2_000}
    return api.RunPodSandboxRequest(config=api.PodSandboxConfig(metadata=metadata, annotations=annotations))


def serve(
    tmp_path: Path,
    use: Callable[[Server], Awaitable[Any]],
    profile: str = "containerd-2.3",
    timings: Timings | None = None,
) -> Any:
    """Start a server on a socket in `tmp_path`, run `use(server)` and stop; no task of the kernel may have failed."""

    async def main() -> Any:
        server = Server(tmp_path / "s.sock", profile, timings or Timings.instant())
        pump = RealTimePump(server.kernel, asyncio.get_running_loop(), on_failure=server.failures.append)
        grpc_server = create_server(server.runtime, server.kernel, pump)
        grpc_server.add_insecure_port(f"unix:{server.path}")
        await grpc_server.start()
        pump.start()
        try:
            outcome = await use(server)
        finally:
            await grpc_server.stop(None)
            pump.stop()
        assert server.failures == []
        return outcome

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    """Yield to the loop until the condition holds; the bound is for a server that never gets there."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def test_messages_over_the_limit_are_refused(tmp_path: Path) -> None:
    padding = MESSAGE_BYTES_MAX - 10

    async def use(server: Server) -> None:
        largest = api.ImageStatusRequest(image=api.ImageSpec(image="x" * (padding - 8))).SerializeToString()
        assert len(largest) <= MESSAGE_BYTES_MAX
        assert await server.call(IMAGES + "ImageStatus", largest) == b"", "read, and no such image"
        over = largest + b"\x1a\x20" + b" " * 32
        assert await server.refusal(IMAGES + "ImageStatus", over) == (
            "RESOURCE_EXHAUSTED",
            f"grpc: received message larger than max ({len(over)} vs. {MESSAGE_BYTES_MAX})",
        )
        assert (await server.refusal(IMAGES + "ImageStatus", b"\0" * 3 * MESSAGE_BYTES_MAX))[0] == "RESOURCE_EXHAUSTED"

    serve(tmp_path, use)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (RUNTIME + "Version", "grpc: error unmarshalling request: "),
        (RUNTIME + "StreamContainers", "grpc: failed to unmarshal the received message: "),
    ],
)
def test_bytes_that_are_no_message_are_refused_in_the_words_of_go(name: str, text: str, tmp_path: Path) -> None:
    async def use(server: Server) -> None:
        refusal = server.refusal if name.endswith("Version") else server.stream_refusal
        bad_text = b"\x0a\x01\xff" if name.endswith("Version") else b"\x0a\x03\x0a\x01\xff"
        assert await refusal(name, bad_text) == (
            "INTERNAL",
            text + "string field contains invalid UTF-8",
        )
        assert await refusal(name, b"\x0a\x7f") == (
            "INTERNAL",
            text + "proto: cannot parse invalid wire-format data",
        )

    serve(tmp_path, use, "ideal")


def test_headers_as_large_as_go_takes_them(tmp_path: Path) -> None:
    async def use(server: Server) -> bytes:
        return await server.call(RUNTIME + "Version", metadata=(("x-large", "v" * 1_000_000),))

    assert api.VersionResponse.FromString(serve(tmp_path, use)).runtime_name == "containerd"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n", b"\0" * 100_000, b"\x16\x03\x01\x02\0" * 20],
    ids=["silence", "http1", "half-preface", "zeroes", "tls"],
)
def test_connections_that_speak_no_http2_keep_nobody_out(garbage: bytes, tmp_path: Path) -> None:
    async def use(server: Server) -> None:
        connections = [socket.socket(socket.AF_UNIX) for _ in range(50)]
        for connection in connections:
            connection.connect(str(server.path))
            connection.setblocking(False)
            # The server may have hung up, or read no more of it.
            with contextlib.suppress(BrokenPipeError, BlockingIOError):
                connection.send(garbage)
        assert await server.call(RUNTIME + "Version")
        for connection in connections:
            connection.close()
        assert await server.call(RUNTIME + "Version", number=1)

    serve(tmp_path, use)


def test_streams_of_a_client_that_vanishes_are_forgotten(tmp_path: Path) -> None:
    async def use(server: Server) -> None:
        channel = server.channel(5)
        calls = [channel.unary_stream(RUNTIME + "GetContainerEvents")(b"") for _ in range(STREAMS)]
        await until(lambda: server.streams_count == STREAMS)
        await server.run_pod("a")
        await channel.close(None)
        await until(lambda: server.streams_count == 0)
        await server.run_pod("b")
        assert len(calls) == STREAMS
        await until(lambda: server.kernel.pending_count == 0)

    serve(tmp_path, use)


def test_many_streams_get_every_event_in_order_each_once(tmp_path: Path) -> None:
    async def use(server: Server) -> list[list[str]]:
        received: list[list[str]] = [[] for _ in range(STREAMS)]

        async def read(call: Any, into: list[str]) -> None:
            async for message in call:
                into.append(api.ContainerEventResponse.FromString(message).container_id)

        async with server.channel(5) as channel:
            readers = [
                asyncio.create_task(read(channel.unary_stream(RUNTIME + "GetContainerEvents")(b""), into))
                for into in received
            ]
            await until(lambda: server.streams_count == STREAMS)
            pods = [await server.run_pod(str(number)) for number in range(3)]
            await until(lambda: all(len(into) == 6 for into in received))
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        assert received[0] == [pod_id for pod_id in pods for _ in range(2)]
        return received

    received = serve(tmp_path, use)
    assert all(into == received[0] for into in received)


def test_a_client_that_never_reads_is_cut_off_and_nobody_else_waits(tmp_path: Path) -> None:
    async def use(server: Server) -> None:
        heard = 0

        async def read(call: Any) -> None:
            nonlocal heard
            async for _ in call:
                heard += 1

        # A client that reads lets the window grow to megabytes; this one has what HTTP/2 begins with.
        narrow = [("kubesim.connection", 5), ("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535)]
        silent = grpc.aio.insecure_channel(f"unix:{server.path}", options=narrow)
        async with silent, server.channel(6) as attentive, server.channel(7) as busy:
            sleepers = [silent.unary_stream(RUNTIME + "GetContainerEvents")(b"") for _ in range(20)]
            await until(lambda: server.streams_count == 20)
            reader = asyncio.create_task(read(attentive.unary_stream(RUNTIME + "GetContainerEvents")(b"")))
            await until(lambda: server.streams_count == 21)
            run, remove = (busy.unary_unary(RUNTIME + name) for name in ("RunPodSandbox", "RemovePodSandbox"))
            rounds = 0
            while server.streams_count > 1:
                rounds += 1
                assert rounds < 1_000, "4 events each, and the limit is 1,000"
                answer = api.RunPodSandboxResponse.FromString(await run(pod("a").SerializeToString(), timeout=30))
                await remove(api.RemovePodSandboxRequest(pod_sandbox_id=answer.pod_sandbox_id).SerializeToString())
                await until(lambda: heard > rounds * 4 - 100)  # noqa: B023 - waits before the next round
            await until(lambda: heard == rounds * 4)
            reader.cancel()
            for call in sleepers:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    async for _ in call:
                        pass
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert caught.value.details() == "events were not read fast enough"

    serve(tmp_path, use)


def test_a_slow_reader_of_a_streamed_list_gets_it_as_it_was_and_nobody_else_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pods = 100

    async def use(server: Server) -> None:
        daemon = server.runtime._daemon
        one_row = structs.replace(daemon.profile.statistics, stream_chunk_items=1)
        daemon.profile = structs.replace(daemon.profile, statistics=one_row)
        ids = [await server.run_pod(str(number)) for number in range(pods)]
        # The rows of one call are three times what HTTP/2 begins with: the server has to wait for the reader.
        narrow = [("kubesim.connection", 5), ("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535)]
        async with grpc.aio.insecure_channel(f"unix:{server.path}", options=narrow) as slow:
            calls = [slow.unary_stream(RUNTIME + "StreamPodSandboxes")(b"") for _ in range(3)]
            received = [api.StreamPodSandboxesResponse.FromString(await calls[0].read())]
            for pod_id in ids[: pods // 2]:
                request = api.RemovePodSandboxRequest(pod_sandbox_id=pod_id).SerializeToString()
                await server.call(RUNTIME + "RemovePodSandbox", request, number=1)
            while (message := await calls[0].read()) is not grpc.aio.EOF:
                received.append(api.StreamPodSandboxesResponse.FromString(message))
            assert [row.id for answer in received for row in answer.pod_sandboxes] == ids
            assert [call.done() for call in calls] == [True, False, False], "the others read nothing yet"
        await until(lambda: server.kernel.pending_count == 0)
        left = api.ListPodSandboxResponse.FromString(await server.call(RUNTIME + "ListPodSandbox", number=1))
        assert [row.id for row in left.items] == ids[pods // 2 :]

    serve(tmp_path, use, "ideal")
    assert caplog.records == [], "that two clients went away is no bug of the server"


# CRI-O keeps what a cancelled call has made for the kubelet's next try, for minutes.
@pytest.mark.parametrize("profile", ["containerd-2.3", "containerd-1.6"])
def test_calls_that_are_cancelled_anywhere_leave_nothing_behind(profile: str, tmp_path: Path) -> None:
    random_ = random.Random(7)

    async def use(server: Server) -> None:
        async with server.channel() as channel:

            async def begin_and_give_up(number: int) -> None:
                call = channel.unary_unary(RUNTIME + "RunPodSandbox")(pod(f"p{number % 20}").SerializeToString())
                await asyncio.sleep(random_.random() * 0.2)
                call.cancel()

            await asyncio.gather(*(begin_and_give_up(number) for number in range(200)))
            # A pod whose call was cancelled after it had been made is there, and can be removed.
            listed = await channel.unary_unary(RUNTIME + "ListPodSandbox")(b"")
            for row in api.ListPodSandboxResponse.FromString(listed).items:
                request = api.RemovePodSandboxRequest(pod_sandbox_id=row.id)
                await channel.unary_unary(RUNTIME + "RemovePodSandbox")(request.SerializeToString())
        await until(lambda: server.kernel.pending_count == 0)
        daemon = server.runtime._daemon
        assert server.runtime.statistics().sandboxes == 0
        assert len(daemon.sandbox_names) == 0
        assert daemon.processes.processes() == []
        assert server.runtime._calls == {}
        for number in range(20):
            assert await server.run_pod(f"p{number}"), "the names are free"

    serve(tmp_path, use, profile, Timings.measured())
