"""Serves a `Cri` over gRPC: one generic handler for every method of the method table.

A call enters the kernel as one event at the present instant. A handler that needs no time has answered when
`start_task` returns; the rest answer through a future. Errors leave as the gRPC status that the `CriError` carries.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import grpc
import grpc.aio

from kubesim.cri.errors import Code, CriError
from kubesim.cri.legacy_methods import LEGACY_METHODS
from kubesim.cri.methods import METHODS, Method
from kubesim.cri.protocol import Cri, encoding
from kubesim.kernel import Cancelled, Kernel, RealTimePump, Task
from kubesim.server.grpc_go import (
    METADATA_BYTES_MAX,
    RECEIVED_BYTES_MAX,
    Context,
    abort,
    parse,
    refuse_unknown,
    size_refusal,
)
from kubesim.server.grpc_streams import StreamTurns, stream_handler

NS_PER_SECOND = 1_000_000_000

PENDING_CALLS_MAX = 100_000
"""Calls that have arrived and wait for the loop to look at them."""

_log = logging.getLogger(__name__)


BeforeAnswer: TypeAlias = Callable[[], CriError | None]
"""Called before an answer or a message of a stream leaves; what it returns, if anything, leaves instead."""


class CriHandler(grpc.GenericRpcHandler):
    """Turns gRPC calls into calls of a `Cri` on the kernel."""

    def __init__(
        self,
        cri: Cri,
        kernel: Kernel,
        pump: RealTimePump,
        *,
        legacy_packages: Sequence[str] = (),
        before_answer: BeforeAnswer | None = None,
    ) -> None:
        self._cri = cri
        self._before_answer = before_answer
        self._kernel = kernel
        self._pump = pump
        self._turns = StreamTurns()
        methods = [*METHODS.values(), *(method for package in legacy_packages for method in LEGACY_METHODS[package])]
        self._services = {method.service for method in methods}
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            method.full_name: grpc.unary_stream_rpc_method_handler(self._stream_of(method))
            if method.server_streaming
            else grpc.unary_unary_rpc_method_handler(self._unary_of(method))
            for method in methods
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler of one call; the name of an unknown method is refused in grpc-go's words."""
        return self._handlers.get(details.method) or refuse_unknown(details.method, self._services)

    def _unary_of(self, method: Method) -> Callable[..., Any]:
        # The hot path of the server: what can be looked up once is looked up here, and a call that needs no time
        # costs neither a future nor an event.
        kernel, pump, before_answer = self._kernel, self._pump, self._before_answer
        call = encoding(self._cri)
        name = f"rpc {method.name}"

        async def unary(request_bytes: bytes, context: Context) -> bytes:
            try:
                request = parse(method, request_bytes)
            except CriError as refusal:
                await abort(context, refusal)
            task: Task[bytes] = Task(kernel, call(method, request), name=name)
            task.watch(_seen)
            seconds_left = context.time_remaining()
            pump.start_task(task, None if seconds_left is None else int(seconds_left * NS_PER_SECOND))
            if not task.is_done:
                await self._ended(task)
            refused = None if before_answer is None else before_answer()
            if refused is None and task.error is None:
                answer = task.result()
                refused = size_refusal(method, len(answer))
                if refused is None:
                    return answer
            await abort(context, refused or _refusal(method, task.error))
            raise AssertionError("abort always raises")

        return unary

    async def _ended(self, task: Task[bytes]) -> None:
        """Wait for the end of a task of the kernel."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(_: Task[bytes]) -> None:
            if not future.done():
                future.set_result(None)

        task.watch(ended)
        try:
            await future
        except asyncio.CancelledError:
            # The caller hung up or its deadline passed: the work stops as well.
            self._pump.enter(task.cancel)
            raise

    def _stream_of(self, method: Method) -> Callable[..., Any]:
        send = stream_handler(
            self._cri, method, self._enter, self._pump, self._turns, before_answer=self._before_answer
        )

        async def stream(request_bytes: bytes, context: Context) -> None:
            try:
                request = parse(method, request_bytes)
            except CriError as refusal:
                await abort(context, refusal)
            await send(request, context)

        return stream

    def _enter(self, coroutine: Any, method: Method, seconds_left: float | None) -> Task[Any]:
        """Start a task for a call whose client waits so long; None is for ever."""
        task: Task[Any] = Task(self._kernel, coroutine, name=f"rpc {method.name}")
        self._pump.enter(task.start, None if seconds_left is None else int(seconds_left * NS_PER_SECOND))
        return task


def _seen(_: Task[bytes]) -> None:
    """Whoever watches a task owns its exception: the handler looks at it."""


def _refusal(method: Method, error: BaseException | None) -> CriError:
    if isinstance(error, CriError):
        return error
    if isinstance(error, Cancelled):
        return CriError(Code.CANCELLED, "context canceled")
    # A bug must not end the server, and must be seen by the caller.
    _log.error("%s failed; this is a bug in kubesim", method.name, exc_info=error)
    return CriError(Code.INTERNAL, f"kubesim: {method.name}: {error!r}")


def create_server(
    cri: Cri,
    kernel: Kernel,
    pump: RealTimePump,
    *,
    legacy_packages: Sequence[str] = (),
    before_answer: BeforeAnswer | None = None,
) -> grpc.aio.Server:
    """A gRPC server for `cri`, not yet bound to an address; `legacy_packages` are served besides `runtime.v1`."""
    return grpc.aio.server(
        handlers=[CriHandler(cri, kernel, pump, legacy_packages=legacy_packages, before_answer=before_answer)],
        options=[
            ("grpc.max_receive_message_length", RECEIVED_BYTES_MAX),
            # Our own refusal comes before: it has grpc-go's words.
            ("grpc.max_send_message_length", -1),
            # grpcio refuses calls, whosever they are, while a thousand wait to be looked at. grpc-go lets them wait.
            ("grpc.server.max_pending_requests", PENDING_CALLS_MAX),
            ("grpc.server.max_pending_requests_hard_limit", PENDING_CALLS_MAX),
            ("grpc.max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.so_reuseport", 0),
        ],
    )
