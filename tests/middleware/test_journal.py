"""What the journal keeps of a call: the question and the answer as they were then, in little memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from google.protobuf.message import Message

from kubesim.cri import api, methods
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.kernel import Kernel
from kubesim.middleware.journal import Journal

ROWS = api.ListContainersResponse(containers=[api.Container(id="a"), api.Container(id="b")]).SerializeToString()


class Endpoint:
    """Answers lists with the same bytes, and refuses everything else."""

    async def call(self, method: Method, request: Message) -> Message:
        return method.response_type.FromString(await self.call_encoded(method, request))

    async def call_encoded(self, method: Method, request: Message) -> bytes:
        if method is methods.LIST_CONTAINERS:
            return ROWS
        raise CriError(Code.NOT_FOUND, "gone")

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        yield api.StreamContainersResponse.FromString(ROWS)
        raise CriError(Code.UNAVAILABLE, "away")


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(start_ns=7)


@pytest.fixture
def journal(kernel: Kernel) -> Journal:
    return Journal(Endpoint(), kernel)


def do(kernel: Kernel, coroutine: Coroutine[Any, Any, Any]) -> Any:
    task = kernel.spawn(coroutine, name="caller")
    task.watch(lambda _: None)
    kernel.run_until_idle()
    return task.result()


def test_an_entry_is_what_was_asked_and_answered_then(kernel: Kernel, journal: Journal) -> None:
    request = api.ListContainersRequest(filter=api.ContainerFilter(id="a"))
    answer = do(kernel, journal.call(methods.LIST_CONTAINERS, request))
    request.filter.id = "later"
    answer.containers[0].id = "later"
    (entry,) = journal.entries

    assert entry.as_dict() == {
        "time_ns": 7,
        "end_ns": 7,
        "method": "ListContainers",
        "request": {"filter": {"id": "a"}},
        "response": {"containers": [{"id": "a"}, {"id": "b"}]},
    }


def test_an_encoded_call_is_written_like_any_other_and_shares_its_bytes(kernel: Kernel, journal: Journal) -> None:
    request = api.ListContainersRequest()
    do(kernel, journal.call(methods.LIST_CONTAINERS, request))
    assert do(kernel, journal.call_encoded(methods.LIST_CONTAINERS, request)) is ROWS
    plain, encoded = journal.entries

    assert plain == encoded
    assert encoded.response_bytes is ROWS


@pytest.mark.parametrize("call", ["call", "call_encoded"])
def test_a_refusal_is_kept_without_the_frames_it_went_through(kernel: Kernel, journal: Journal, call: str) -> None:
    with pytest.raises(CriError, match="gone"):
        do(kernel, getattr(journal, call)(methods.VERSION, api.VersionRequest()))
    (entry,) = journal.entries

    assert entry.as_dict()["error"] == {"code": "NOT_FOUND", "message": "gone"}
    assert entry.response is None
    assert entry.error is not None
    assert entry.error.__traceback__ is None


def test_each_message_of_a_stream_is_an_entry_and_so_is_its_end(kernel: Kernel, journal: Journal) -> None:
    async def read() -> list[Message]:
        return [one async for one in journal.stream(methods.STREAM_CONTAINERS, api.StreamContainersRequest())]

    with pytest.raises(CriError, match="away"):
        do(kernel, read())

    assert [(one.method, one.response is None) for one in journal.entries] == [
        ("StreamContainers", False),
        ("StreamContainers", True),
    ]
