"""The gRPC border: bytes in, bytes out, statuses, cancellation, streams. A fake `Cri` stands for the runtime."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.kernel import Kernel, Promise, RealTimePump, sleep, time_left_ns
from kubesim.server.grpc_client import GrpcCri
from kubesim.server.grpc_go import MESSAGE_BYTES_MAX
from kubesim.server.grpc_server import create_server

SECOND_NS = 1_000_000_000


class FakeCri:
    """Answers Version; sleeps in ExecSync until it is cancelled; refuses, crashes and streams on request."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.cancelled: list[str] = []
        self.time_left_ns: list[int | None] = []

    async def call(self, method: Method, request: Message) -> Message:
        match method.name:
            case "Version":
                return api.VersionResponse(version="0.1.0", runtime_name="fake")
            case "ExecSync":
                self.entered.append(method.name)
                try:
                    await sleep(3_600 * SECOND_NS)
                finally:
                    self.cancelled.append(method.name)
                return api.ExecSyncResponse()
            case "StopContainer":
                await sleep(SECOND_NS // 100)
                return api.StopContainerResponse()
            case "StopPodSandbox":
                self.time_left_ns.append(await time_left_ns())
                return api.StopPodSandboxResponse()
            case "ContainerStatus":
                raise CriError(Code.NOT_FOUND, "no such container: ü")
            case "RunPodSandbox":
                raise ZeroDivisionError("a bug")
            case "ListContainers":
                return api.ListContainersResponse(containers=[api.Container(id="x" * (MESSAGE_BYTES_MAX + 10))])
        raise AssertionError(method.name)

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        try:
            for number in range(3):
                if method.name == "GetContainerEvents":
                    yield api.ContainerEventResponse(container_id=str(number))
                else:
                    yield method.response_type()
                await sleep(SECOND_NS // 1000)
            if method.name == "GetContainerEvents":
                raise CriError(Code.UNAVAILABLE, "the stream ends")
        finally:
            self.cancelled.append(method.name)


def serve(
    tmp_path: Path,
    use: Callable[[str, FakeCri, RealTimePump], Awaitable[Any]],
    *,
    legacy_packages: tuple[str, ...] = (),
) -> Any:
    """Start a server on a socket in `tmp_path`, run `use(address, fake, pump)` and stop."""

    async def main() -> Any:
        fake, kernel = FakeCri(), Kernel(start_ns=0)
        pump = RealTimePump(kernel, asyncio.get_running_loop())
        server = create_server(fake, kernel, pump, legacy_packages=legacy_packages)
        address = f"unix:{tmp_path / 's.sock'}"
        server.add_insecure_port(address)
        await server.start()
        pump.start()
        try:
            return await use(address, fake, pump)
        finally:
            await server.stop(None)
            pump.stop()

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    """Yield to the loop until the condition holds; the test's own timeout is the bound."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def raw_call(name: str, request: bytes = b"") -> Callable[[str, FakeCri, RealTimePump], Awaitable[bytes]]:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> bytes:
        async with grpc.aio.insecure_channel(address) as channel:
            answer: bytes = await channel.unary_unary(name)(request, timeout=20)
            return answer

    return use


def error_of(tmp_path: Path, name: str, request: bytes = b"") -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        serve(tmp_path, raw_call(name, request))
    return caught.value.code().name, caught.value.details() or ""


def test_a_call_is_answered(tmp_path: Path) -> None:
    answer = serve(tmp_path, raw_call("/runtime.v1.RuntimeService/Version"))

    assert api.VersionResponse.FromString(answer).runtime_name == "fake"


def test_a_call_that_takes_time_is_answered_in_time(tmp_path: Path) -> None:
    assert serve(tmp_path, raw_call("/runtime.v1.RuntimeService/StopContainer")) == b""


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("/runtime.v1.RuntimeService/ContainerStatus", "NOT_FOUND", "no such container: ü"),
        (
            "/runtime.v1.RuntimeService/Nonsense",
            "UNIMPLEMENTED",
            "unknown method Nonsense for service runtime.v1.RuntimeService",
        ),
        (
            "/runtime.v1alpha2.RuntimeService/Version",
            "UNIMPLEMENTED",
            "unknown service runtime.v1alpha2.RuntimeService",
        ),
    ],
)
def test_a_refusal_carries_its_status(tmp_path: Path, name: str, code: str, text: str) -> None:
    assert error_of(tmp_path, name) == (code, text)


def test_an_older_package_is_served_with_the_rpcs_it_had(tmp_path: Path) -> None:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> tuple[bytes, list[str]]:
        texts = []
        for name in ("RuntimeService/GetContainerEvents", "StreamingService/Version"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await raw_call(f"/runtime.v1alpha2.{name}")(address, fake, pump)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
            texts.append(caught.value.details() or "")
        return await raw_call("/runtime.v1alpha2.RuntimeService/Version")(address, fake, pump), texts

    answer, texts = serve(tmp_path, use, legacy_packages=("runtime.v1alpha2",))

    assert api.VersionResponse.FromString(answer).runtime_name == "fake"
    assert texts == [
        "unknown method GetContainerEvents for service runtime.v1alpha2.RuntimeService",
        "unknown service runtime.v1alpha2.StreamingService",
    ]


def test_a_bug_is_internal_and_leaves_the_server_serving(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> bytes:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call("/runtime.v1.RuntimeService/RunPodSandbox")(address, fake, pump)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "RunPodSandbox" in (caught.value.details() or "")
        return await raw_call("/runtime.v1.RuntimeService/Version")(address, fake, pump)

    assert serve(tmp_path, use)
    assert "bug in kubesim" in caplog.text


def test_bytes_that_are_no_message_are_refused(tmp_path: Path) -> None:
    code, text = error_of(tmp_path, "/runtime.v1.RuntimeService/Version", b"\xff\xff\xff")

    assert code == "INTERNAL"
    assert text.startswith("grpc: error unmarshalling request")


def test_an_answer_over_the_limit_is_refused(tmp_path: Path) -> None:
    code, _ = error_of(tmp_path, "/runtime.v1.RuntimeService/ListContainers")

    assert code == "RESOURCE_EXHAUSTED"


def test_the_work_stops_when_the_caller_hangs_up(tmp_path: Path) -> None:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> list[str]:
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.unary_unary("/runtime.v1.RuntimeService/ExecSync")(b"")
            await until(lambda: bool(fake.entered))
            call.cancel()
            await until(lambda: bool(fake.cancelled))
        return fake.cancelled

    assert serve(tmp_path, use) == ["ExecSync"]


def test_the_work_knows_the_deadline_of_the_call(tmp_path: Path) -> None:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> list[int | None]:
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.unary_unary("/runtime.v1.RuntimeService/StopPodSandbox")
            await call(b"", timeout=1000)
            await call(b"")
        return fake.time_left_ns

    with_deadline, without = serve(tmp_path, use)

    # The way through the socket takes a moment, and grpc rounds the deadline up, by a percent of so large a one.
    assert with_deadline is not None
    assert 900 * SECOND_NS < with_deadline <= 1020 * SECOND_NS
    assert without is None


def test_a_stream_arrives_in_order_and_ends_with_its_status(tmp_path: Path) -> None:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> tuple[list[str], str]:
        ids: list[str] = []
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.unary_stream("/runtime.v1.RuntimeService/GetContainerEvents")(b"")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for message in call:
                    ids += [api.ContainerEventResponse.FromString(message).container_id]
        return ids, caught.value.details() or ""

    assert serve(tmp_path, use) == (["0", "1", "2"], "the stream ends")


def test_our_client_gives_messages_errors_and_streams(tmp_path: Path) -> None:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> list[str]:
        cri = GrpcCri(address, pump)
        client = CriClient(cri)
        log: list[str] = []
        finished: Promise[None] = Promise()
        done = asyncio.Event()

        async def main() -> None:
            log.append((await client.version(api.VersionRequest())).runtime_name)
            try:
                await client.container_status(api.ContainerStatusRequest(container_id="x"))
            except CriError as error:
                log.append(error.go_text)
            stream = client.stream_containers(api.StreamContainersRequest())
            log.extend([type(message).__name__ async for message in stream])
            finished.resolve(None)
            done.set()

        task = pump._kernel.spawn(main(), name="main")
        task.watch(lambda _: done.set())
        pump.start()
        await asyncio.wait_for(done.wait(), 20)
        await cri.close()
        return log

    log = serve(tmp_path, use)
    assert log[:2] == ["fake", "rpc error: code = NotFound desc = no such container: ü"]
    assert len(log) == 5


def test_closing_our_client_ends_its_calls_and_refuses_more(tmp_path: Path) -> None:
    async def use(address: str, fake: FakeCri, pump: RealTimePump) -> list[str]:
        cri = GrpcCri(address, pump)
        client = CriClient(cri)
        errors: list[str] = []
        done = asyncio.Event()

        async def main() -> None:
            for _ in range(2):
                try:
                    await client.exec_sync(api.ExecSyncRequest(container_id="x", cmd=["sleep"]))
                except CriError as error:
                    errors.append(error.message)
            done.set()

        pump._kernel.spawn(main(), name="main")
        pump.start()
        await until(lambda: bool(fake.entered))
        await cri.close()
        await asyncio.wait_for(done.wait(), 20)
        await until(lambda: bool(fake.cancelled))
        return errors

    errors = serve(tmp_path, use)
    assert errors == ["the call ended early: CancelledError()", "the connection is closed"]
