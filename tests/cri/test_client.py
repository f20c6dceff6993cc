"""CriClient: one typed coroutine for each RPC, and each reaches the right method."""

import inspect
import re
from collections.abc import AsyncIterator, Coroutine
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from google.protobuf.message import Message

from kubesim.cri import CriError, api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import not_found
from kubesim.cri.methods import METHODS, Method
from kubesim.cri.protocol import Again, Cri, uncounted

UNARY = [method for method in METHODS.values() if not method.server_streaming]
STREAMING = [method for method in METHODS.values() if method.server_streaming]


class EchoCri:
    """Answers every call with an empty response of the right type and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Method, Message]] = []

    async def call(self, method: Method, request: Message) -> Message:
        self.calls.append((method, request))
        return method.response_type()

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        self.calls.append((method, request))
        yield method.response_type()
        yield method.response_type()


class RefusingCri:
    async def call(self, method: Method, request: Message) -> Message:
        raise not_found(f"{method.name} refused")

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        raise not_found(f"{method.name} refused")
        yield request  # makes this function a generator


class ConfusedCri(EchoCri):
    async def call(self, method: Method, request: Message) -> Message:
        return api.StatusResponse()


def client_method(method: Method) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method.name).lower()


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine that has nothing to wait for, as the kernel would: no event loop is involved."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


async def collect(stream: AsyncIterator[Message]) -> list[Message]:
    return [message async for message in stream]


def test_there_is_one_method_for_each_rpc() -> None:
    public = [name for name, _ in inspect.getmembers(CriClient, inspect.isfunction) if not name.startswith("_")]

    assert sorted(public) == sorted(["call_encoded", *(client_method(method) for method in METHODS.values())])


@pytest.mark.parametrize("method", UNARY, ids=lambda method: method.name)
def test_unary_types(method: Method) -> None:
    hints = get_type_hints(getattr(CriClient, client_method(method)))

    assert set(hints) == {"request", "return"}
    assert hints["request"] is method.request_type
    assert get_origin(hints["return"]) is Coroutine
    assert get_args(hints["return"]) == (Any, Any, method.response_type)


@pytest.mark.parametrize("method", STREAMING, ids=lambda method: method.name)
def test_streaming_types(method: Method) -> None:
    function = getattr(CriClient, client_method(method))
    hints = get_type_hints(function)

    assert set(hints) == {"request", "return"}
    assert hints["request"] is method.request_type
    assert get_origin(hints["return"]) is AsyncIterator
    assert get_args(hints["return"]) == (method.response_type,)


@pytest.mark.parametrize("method", UNARY, ids=lambda method: method.name)
def test_a_call_reaches_its_method_with_the_request_as_it_is(method: Method) -> None:
    cri = EchoCri()
    request = method.request_type()

    response = finish(getattr(CriClient(cri), client_method(method))(request))

    assert type(response) is method.response_type
    [(called, received)] = cri.calls
    assert called is method
    assert received is request


@pytest.mark.parametrize("method", STREAMING, ids=lambda method: method.name)
def test_a_stream_reaches_its_method_with_the_request_as_it_is(method: Method) -> None:
    cri = EchoCri()
    request = method.request_type()

    responses = finish(collect(getattr(CriClient(cri), client_method(method))(request)))

    assert [type(response) for response in responses] == [method.response_type] * 2
    [(called, received)] = cri.calls
    assert called is method
    assert received is request


def test_a_stream_is_the_endpoints_own_iterator() -> None:
    """Whoever leaves a stream early closes it; a wrapper in between would leave the endpoint's half open."""
    cri = EchoCri()

    stream = CriClient(cri).stream_images(api.StreamImagesRequest())

    assert inspect.isasyncgen(stream)
    assert stream.__qualname__ == "EchoCri.stream"


def test_a_refusal_comes_through() -> None:
    client = CriClient(RefusingCri())

    with pytest.raises(CriError, match=r"^Version refused$"):
        client.version(api.VersionRequest()).send(None)
    with pytest.raises(CriError, match=r"^GetContainerEvents refused$"):
        collect(client.get_container_events(api.GetEventsRequest())).send(None)


def test_an_answer_of_the_wrong_type_is_a_bug_with_a_name() -> None:
    client = CriClient(ConfusedCri())

    with pytest.raises(
        AssertionError, match=r"^/runtime\.v1\.RuntimeService/Version was answered with a StatusResponse"
    ):
        client.version(api.VersionRequest()).send(None)


def test_a_plain_class_satisfies_the_protocol() -> None:
    """mypy checks the assignment; at run time the same object answers."""
    cri: Cri = EchoCri()

    assert type(finish(cri.call(methods.STATUS, api.StatusRequest()))) is api.StatusResponse


def test_an_endpoint_that_is_not_steady_is_called_for_each_encoded_answer() -> None:
    cri, request = EchoCri(), api.StatusRequest()
    client = CriClient(cri)

    assert client.peek(methods.STATUS, request) is None
    assert client.again(methods.STATUS, request) is None
    assert cri.calls == []
    for times in (1, 2):
        assert finish(client.call_encoded(methods.STATUS, request)) == api.StatusResponse().SerializeToString()
        assert cri.calls == [(methods.STATUS, request)] * times
    with pytest.raises(CriError, match=r"^Version refused$"):
        CriClient(RefusingCri()).call_encoded(methods.VERSION, api.VersionRequest()).send(None)


class SteadyEchoCri(EchoCri):
    """Answers what it is asked about its version at once, and other calls when they are made."""

    async def call_encoded(self, method: Method, request: Message) -> bytes:
        return (await self.call(method, request)).SerializeToString()

    def ask(self, method: Method, _request: Message) -> bytes | None:
        return api.VersionResponse(version="1").SerializeToString() if method is methods.VERSION else None

    def peek(self, _method: Method, _request: Message) -> bytes | None:
        return b"peeked"

    def repeat(self, _method: Method, _request: Message) -> Again:
        return uncounted


def test_a_steady_endpoint_is_called_only_where_it_cannot_be_asked() -> None:
    cri = SteadyEchoCri()
    client = CriClient(cri)

    assert finish(client.call_encoded(methods.VERSION, api.VersionRequest())) == b"\n\x011"
    assert finish(client.version(api.VersionRequest())) == api.VersionResponse(version="1")
    assert client.peek(methods.VERSION, api.VersionRequest()) == b"peeked"
    assert client.again(methods.VERSION, api.VersionRequest()) is uncounted
    assert cri.calls == []
    finish(client.call_encoded(methods.STATUS, api.StatusRequest()))
    finish(client.status(api.StatusRequest()))
    assert [method for method, _ in cri.calls] == [methods.STATUS] * 2
