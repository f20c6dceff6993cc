"""Runs a coroutine of the kernel in real time, with a `Cri` over a socket at its side.

The same coroutine runs in virtual time against the in-process runtime: it does not know which clock it lives on.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kubesim.errors import InputError
from kubesim.kernel import Kernel, RealTimePump, Task
from kubesim.kernel.realtime import wall_clock_ns
from kubesim.server.address import parse_address
from kubesim.server.grpc_client import GrpcCri

T = TypeVar("T")

CONNECT_SECONDS = 5.0
"""How long a runtime may take to accept the connection."""


def run_over_socket(
    address: str, main: Callable[[Kernel, GrpcCri], Coroutine[Any, Any, T]], *, seed: int | None = None
) -> T:
    """Connect to the runtime at `address`, run `main(kernel, cri)` to its end, and return what it returns.

    Without a `seed` the present instant is the seed: two runs against one runtime must not draw the same pod uids.
    Raises InputError when nobody answers at the address, and what `main` raises.
    """
    place = parse_address(address)

    async def connect_and_run() -> T:
        # The kernel ends its own async generators. asyncio, which adopts what is iterated on its thread, must not.
        sys.set_asyncgen_hooks(None, None)
        kernel = Kernel(seed=wall_clock_ns() if seed is None else seed, start_ns=wall_clock_ns())
        failed: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        pump = RealTimePump(kernel, asyncio.get_running_loop(), on_failure=lambda error: _fail(failed, error))
        cri = GrpcCri(place.target, pump)
        try:
            try:
                await cri.wait_ready(CONNECT_SECONDS)
            except TimeoutError:
                raise InputError(
                    "no runtime answers there",
                    where=str(place),
                    hint="start one with `kubesim serve --socket`",
                ) from None
            return await _drive(kernel, pump, main(kernel, cri), failed)
        finally:
            pump.stop()
            await cri.close()

    return asyncio.run(connect_and_run())


async def _drive(
    kernel: Kernel, pump: RealTimePump, coroutine: Coroutine[Any, Any, T], outcome: asyncio.Future[T]
) -> T:
    task: Task[T] = Task(kernel, coroutine, name="main")

    def ended(_: Task[T]) -> None:
        if outcome.done():
            return
        if task.error is not None:
            outcome.set_exception(task.error)
        else:
            outcome.set_result(task.result())

    task.watch(ended)
    pump.enter(task.start)
    try:
        return await outcome
    finally:
        task.cancel()


def _fail(outcome: asyncio.Future[Any], error: BaseException) -> None:
    """A task that nobody waits for failed: a bug, and the end of the run."""
    if not outcome.done():
        outcome.set_exception(error)
