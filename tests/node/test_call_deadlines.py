"""The calls of a kubelet in the same process have the deadlines of its client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message

from kubesim.cri import Code, CriError, api
from kubesim.cri.client import CriClient
from kubesim.cri.methods import Method
from kubesim.kernel import Cancelled, Event, Kernel, time_left_ns
from kubesim.middleware.deadlines import Deadlines

NS = 1_000_000_000


class Silent:
    """A `Cri` that never answers. It notes the time each call is given, in seconds, and how it ended."""

    def __init__(self) -> None:
        self.given: list[float | None] = []
        self.cancelled: list[str] = []

    async def call(self, method: Method, request: Message) -> Message:
        left_ns = await time_left_ns()
        self.given.append(None if left_ns is None else left_ns / NS)
        try:
            await Event().wait()
        except Cancelled:
            self.cancelled.append(method.name)
            raise
        raise AssertionError("nobody sets the event")

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        self.given.append(await time_left_ns())
        yield api.ContainerEventResponse(container_id="x")


@pytest.mark.parametrize(
    ("call", "request_", "seconds"),
    [
        ("version", api.VersionRequest(), 60.0),
        ("run_pod_sandbox", api.RunPodSandboxRequest(), 120.0),
        ("stop_container", api.StopContainerRequest(timeout=30), 90.0),
    ],
)
def test_a_runtime_that_does_not_answer(call: str, request_: Message, seconds: float) -> None:
    kernel, silent = Kernel(seed=1), Silent()
    client = CriClient(Deadlines(silent, default_seconds=60))
    task = kernel.spawn(getattr(client, call)(request_), name="call")
    task.watch(lambda _: None)
    kernel.run_until(kernel.now_ns + int(seconds * NS) - 1)
    assert not task.is_done
    kernel.run_until(kernel.now_ns + 1)
    assert isinstance(task.error, CriError)
    assert (task.error.code, task.error.message) == (Code.DEADLINE_EXCEEDED, "context deadline exceeded")
    assert (silent.given, len(silent.cancelled)) == ([seconds], 1)


def test_a_pull_has_all_the_time_there_is() -> None:
    kernel, silent = Kernel(seed=1), Silent()
    task: Any = kernel.spawn(CriClient(Deadlines(silent)).pull_image(api.PullImageRequest()), name="pull")
    kernel.run_until(kernel.now_ns + 3600 * NS)
    assert (task.is_done, silent.given) == (False, [None])
    task.watch(lambda _: None)
    task.cancel()
    kernel.run_until(kernel.now_ns)
    assert silent.cancelled == ["PullImage"]


def test_a_stream_has_no_end() -> None:
    kernel, silent = Kernel(seed=1), Silent()

    async def listen() -> list[str]:
        events = CriClient(Deadlines(silent)).get_container_events(api.GetEventsRequest())
        return [event.container_id async for event in events]

    task = kernel.spawn(listen(), name="listen")
    kernel.run_until(kernel.now_ns)
    assert (task.result(), silent.given) == (["x"], [None])
