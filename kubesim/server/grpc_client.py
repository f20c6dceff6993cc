"""A `Cri` over a gRPC socket: ours, containerd's or CRI-O's.

Deadlines are those of the kubelet's client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from kubesim.cri.deadlines import call_seconds
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.kernel import Cancelled, Promise, RealTimePump
from kubesim.server.client_errors import go_client_text
from kubesim.server.grpc_go import MESSAGE_BYTES_MAX, METADATA_BYTES_MAX


class GrpcCri:
    """A `Cri` whose calls leave through a unix socket. Lives on the asyncio loop that the pump runs on."""

    def __init__(self, address: str, pump: RealTimePump) -> None:
        self._address = address
        self._pump = pump
        self._loop = asyncio.get_running_loop()
        self._calls: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._channel = grpc.aio.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                # A refusal may quote what was asked for, and travels as a header.
                ("grpc.max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.default_authority", "localhost"),
            ],
        )

    @property
    def pump(self) -> RealTimePump:
        """What brings news from the loop into the kernel."""
        return self._pump

    async def close(self) -> None:
        """End the calls that are under way, then the connection. An asyncio coroutine, unlike `call` and `stream`."""
        self._is_closed = True
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._channel.close()

    async def wait_ready(self, seconds: float) -> None:
        """Wait until the server answers. An asyncio coroutine; raises TimeoutError."""
        await asyncio.wait_for(self._channel.channel_ready(), seconds)

    async def call(self, method: Method, request: Message) -> Message:
        """One unary call. Raises CriError with the server's status."""
        self._check_open()
        promise = Promise[Message]()
        work = self._loop.create_task(self._unary(method, request, promise))
        self._calls.add(work)
        work.add_done_callback(self._calls.discard)
        try:
            return await promise.wait()
        except Cancelled:
            work.cancel()
            raise

    async def _unary(self, method: Method, request: Message, promise: Promise[Message]) -> None:
        rpc = self._channel.unary_unary(
            method.full_name,
            request_serializer=_to_bytes,
            response_deserializer=method.response_type.FromString,
        )
        try:
            response: Any = await rpc(request, timeout=call_seconds(method, request))
        except grpc.aio.AioRpcError as error:
            self._pump.enter(promise.fail, self._cri_error(error))
        except BaseException as error:
            self._pump.enter(promise.fail, CriError(Code.UNAVAILABLE, f"the call ended early: {error!r}"))
            raise
        else:
            self._pump.enter(promise.resolve, response)

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """One server stream. Raises CriError with the server's status."""
        self._check_open()
        rpc = self._channel.unary_stream(
            method.full_name,
            request_serializer=_to_bytes,
            response_deserializer=method.response_type.FromString,
        )
        call: Any = rpc(request, timeout=call_seconds(method, request))
        try:
            while True:
                promise = Promise[Message | None]()
                reading = self._loop.create_task(self._read(call, promise))
                reading.add_done_callback(lambda _: None)
                message = await promise.wait()
                if message is None:
                    return
                yield message
        finally:
            call.cancel()

    def _check_open(self) -> None:
        if self._is_closed:
            raise CriError(Code.UNAVAILABLE, "the connection is closed")

    async def _read(self, call: Any, promise: Promise[Message | None]) -> None:
        try:
            message = await call.read()
        except grpc.aio.AioRpcError as error:
            self._pump.enter(promise.fail, self._cri_error(error))
            return
        self._pump.enter(promise.resolve, None if message is grpc.aio.EOF else message)

    def _cri_error(self, error: grpc.aio.AioRpcError) -> CriError:
        details = error.details() or ""
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            details = go_client_text(details, self._address)
        return CriError(Code(error.code().value[0]), details)


def _to_bytes(message: Message) -> bytes:
    return message.SerializeToString()
