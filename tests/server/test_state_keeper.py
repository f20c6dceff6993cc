"""No answer leaves before its state is written, and what cannot be written is no answer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.errors import InputError
from kubesim.kernel import Event, Kernel, RealTimePump, sleep
from kubesim.runtime.state_changes import StateChanges, StateKind
from kubesim.runtime.state_records import SavedState, StateBatch
from kubesim.server.grpc_server import create_server
from kubesim.server.state_file import StateFile
from kubesim.server.state_keeper import StateKeeper

SERVICE = "/runtime.v1.RuntimeService/"
TOGETHER = 3
"""Calls of RemovePodSandbox that are answered in one slice of the kernel."""


class MemoryFile:
    """Stands for a `StateFile`: remembers batches, and fails on request."""

    path = Path("node.sqlite")

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.error: sqlite3.Error | None = None
        self.is_closed = False

    def saved(self) -> SavedState:
        return SavedState(where="", records=())

    def write(self, batch: StateBatch) -> None:
        if self.error is not None:
            raise self.error
        self.batches.append([record.id for record in batch.records])

    def close(self) -> None:
        self.is_closed = True


class NotingCri:
    """Notes a change in each call, and says in the answer which batches had been written by then."""

    def __init__(self, changes: StateChanges) -> None:
        self.changes = changes
        self.gate = Event()
        self.waiting_count = 0

    async def call(self, method: Method, request: Message) -> Message:
        match method.name:
            case "StopPodSandbox":
                self.changes.note(StateKind.SEEDED, "at once", None)
                return api.StopPodSandboxResponse()
            case "StopContainer":
                await sleep(1_000_000)
                self.changes.note(StateKind.SEEDED, "later", None)
                return api.StopContainerResponse()
            case "StartContainer":
                self.changes.note(StateKind.SEEDED, "failed start", None)
                raise CriError(Code.UNKNOWN, "no such program")
            case "RemovePodSandbox":
                self.waiting_count += 1
                if self.waiting_count == TOGETHER:
                    self.gate.set()
                await self.gate.wait()
                self.changes.note(StateKind.SEEDED, request.pod_sandbox_id, None)  # type: ignore[attr-defined]
                return api.RemovePodSandboxResponse()
        return api.VersionResponse(version="0.1.0")

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        for name in ("one", "two"):
            self.changes.note(StateKind.SEEDED, name, None)
            yield api.ContainerEventResponse(container_id=name)


Use = Callable[[grpc.aio.Channel, MemoryFile, StateChanges], Awaitable[Any]]


def served(tmp_path: Path, use: Use) -> Any:
    """Serve a `NotingCri` whose changes are kept in memory; run `use(channel, file, changes)`."""

    async def main() -> Any:
        file: Any = MemoryFile()
        with StateKeeper(file) as keeper:
            loop, kernel = asyncio.get_running_loop(), Kernel(start_ns=0)
            pump = RealTimePump(kernel, loop)
            keeper.start(loop)
            server = create_server(NotingCri(keeper.changes), kernel, pump, before_answer=keeper.before_answer)
            server.add_insecure_port(f"unix:{tmp_path / 's.sock'}")
            await server.start()
            pump.start()
            try:
                async with grpc.aio.insecure_channel(f"unix:{tmp_path / 's.sock'}") as channel:
                    return await use(channel, file, keeper.changes)
            finally:
                await server.stop(None)
                pump.stop()

    return asyncio.run(main())


@pytest.mark.parametrize(("name", "noted"), [("StopPodSandbox", "at once"), ("StopContainer", "later")])
def test_an_answer_is_written_before_it_leaves(tmp_path: Path, name: str, noted: str) -> None:
    async def use(channel: grpc.aio.Channel, file: MemoryFile, changes: StateChanges) -> None:
        await channel.unary_unary(SERVICE + name)(b"", timeout=20)
        assert file.batches == [[noted]]

    served(tmp_path, use)


def test_answers_of_one_slice_share_a_transaction(tmp_path: Path) -> None:
    async def use(channel: grpc.aio.Channel, file: MemoryFile, changes: StateChanges) -> None:
        remove = channel.unary_unary(SERVICE + "RemovePodSandbox")
        names = [f"pod {number}" for number in range(TOGETHER)]
        requests = [api.RemovePodSandboxRequest(pod_sandbox_id=name).SerializeToString() for name in names]
        await asyncio.gather(*(remove(request, timeout=20) for request in requests))
        assert [sorted(batch) for batch in file.batches] == [names]

    served(tmp_path, use)


def test_a_refusal_is_written_before_it_leaves(tmp_path: Path) -> None:
    async def use(channel: grpc.aio.Channel, file: MemoryFile, changes: StateChanges) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(SERVICE + "StartContainer")(b"", timeout=20)
        assert caught.value.details() == "no such program"
        assert file.batches == [["failed start"]]

    served(tmp_path, use)


def test_an_answer_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    async def use(channel: grpc.aio.Channel, file: MemoryFile, changes: StateChanges) -> None:
        await channel.unary_unary(SERVICE + "Version")(b"", timeout=20)
        assert file.batches == []

    served(tmp_path, use)


def test_an_event_is_written_before_it_leaves(tmp_path: Path) -> None:
    async def use(channel: grpc.aio.Channel, file: MemoryFile, changes: StateChanges) -> None:
        call = channel.unary_stream(SERVICE + "GetContainerEvents")(b"", timeout=20)
        async for data in call:
            name = api.ContainerEventResponse.FromString(data).container_id
            assert [name] in file.batches

    served(tmp_path, use)


def test_what_changes_without_a_call_is_written_in_one_batch(tmp_path: Path) -> None:
    async def use(channel: grpc.aio.Channel, file: MemoryFile, changes: StateChanges) -> None:
        changes.note(StateKind.SEEDED, "a", None)
        changes.note(StateKind.SEEDED, "b", None)
        assert file.batches == []
        async with asyncio.timeout(20):
            while not file.batches:
                await asyncio.sleep(0)
        assert file.batches == [["a", "b"]]

    served(tmp_path, use)


@pytest.mark.parametrize("name", ["StopPodSandbox", "StartContainer", "GetContainerEvents"])
def test_what_cannot_be_written_is_not_answered_and_is_not_forgotten(tmp_path: Path, name: str) -> None:
    async def use(channel: grpc.aio.Channel, file: MemoryFile, changes: StateChanges) -> None:
        file.error = sqlite3.OperationalError("database or disk is full")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            if name == "GetContainerEvents":
                async for _ in channel.unary_stream(SERVICE + name)(b"", timeout=20):
                    pass
            else:
                await channel.unary_unary(SERVICE + name)(b"", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert caught.value.details() == ("kubesim: node.sqlite: the state cannot be written: database or disk is full")
        assert file.batches == []
        file.error = None
        await channel.unary_unary(SERVICE + "Version")(b"", timeout=20)
        assert len(file.batches) == 1

    served(tmp_path, use)


def test_what_was_noted_before_the_start_is_written_by_it_or_refused() -> None:
    async def main() -> None:
        file: Any = MemoryFile()
        with StateKeeper(file) as keeper:
            keeper.changes.note(StateKind.SEEDED, "a", None)
            file.error = sqlite3.OperationalError("disk I/O error")
            with pytest.raises(InputError, match=r"^node\.sqlite: cannot be written: disk I/O error; make room"):
                keeper.start(asyncio.get_running_loop())
            file.error = None
            keeper.start(asyncio.get_running_loop())
            assert file.batches == [["a"]]
        assert file.is_closed

    asyncio.run(main())


def test_what_is_left_at_the_end_is_written(tmp_path: Path) -> None:
    with StateKeeper(StateFile.open(tmp_path, node="node", runtime="containerd")) as keeper:
        keeper.changes.note(StateKind.SEEDED, "a", None)
    with StateFile.open(tmp_path, node="node", runtime="containerd") as file:
        assert [record.id for record in file.saved().records] == ["a"]
