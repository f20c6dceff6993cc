"""A lock between the kubelet's own tasks. Waiters get it in the order in which they came."""

from __future__ import annotations

from types import TracebackType

from kubesim.kernel import Channel


class Mutex:
    """`async with mutex:` lets one task in at a time."""

    def __init__(self) -> None:
        self._token: Channel[None] = Channel(1)
        self._token.send_nowait(None)

    async def __aenter__(self) -> None:
        await self._token.receive()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._token.send_nowait(None)
