"""Questions that a runtime answers at once are answered as calls are; who only peeks leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from google.protobuf.message import Message

from kubesim.cri import METHODS, Code, CriError, Method, api, methods
from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.kubelet.instrumented_cri import InstrumentedCri
from kubesim.kubelet.metrics import Metrics
from kubesim.middleware.deadlines import Deadlines
from kubesim.middleware.journal import Journal
from kubesim.runtime.handlers import QUESTIONS
from kubesim.runtime.profiles import profile_names
from tests.runtime.conftest import BUSYBOX


def questions(pod: str, container: str) -> list[tuple[Method, Message]]:
    """Each question: as it is asked for all, for one, and for what is not there."""
    of_pod, of_container = {"pod_sandbox_id": pod}, {"container_id": container}
    of_image = {"image": {"image": BUSYBOX}}
    asked: dict[str, list[dict[str, Any]]] = {
        "Version": [{}, {"version": "0.1.0"}],
        "Status": [{}, {"verbose": True}],
        "RuntimeConfig": [{}],
        "PodSandboxStatus": [of_pod, {**of_pod, "verbose": True}, {"pod_sandbox_id": "gone"}],
        "ListPodSandbox": [{}, {"filter": {"id": pod}}, {"filter": {"id": "gone"}}],
        "ContainerStatus": [of_container, {**of_container, "verbose": True}, {"container_id": "gone"}],
        "ListContainers": [{}, {"filter": {"pod_sandbox_id": pod}}, {"filter": {"id": "gone"}}],
        "ListImages": [{}, {"filter": of_image}],
        "ImageStatus": [of_image, {**of_image, "verbose": True}, {"image": {"image": "gone"}}],
        "ImageFsInfo": [{}],
    }
    assert asked.keys() == QUESTIONS.keys()
    return [(METHODS[name], METHODS[name].request_type(**one)) for name, rows in asked.items() for one in rows]


def outcome(ask: Callable[[], bytes | None]) -> tuple[Code, str] | bytes | None:
    try:
        return ask()
    except CriError as error:
        return error.code, error.message


def called(node: Any, method: Method, request: Message) -> bytes:
    answer: bytes = node.do(node.runtime.call_encoded(method, request))
    return answer


@pytest.mark.parametrize("profile", profile_names())
def test_a_question_is_answered_as_a_call_is_and_who_peeks_sees_that(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    container = node.start(pod, "sleep", "1000")
    runtime, answered = node.runtime, 0
    for method, request in questions(pod, container):
        expected = outcome(partial(called, node, method, request))
        asked = outcome(partial(runtime.ask, method, request))
        # What the runtime does not serve is no question to it.
        assert asked == (expected if runtime.profile.rpcs[method.name] == "served" else None), (method, request)
        assert runtime.peek(method, request) == (asked if isinstance(asked, bytes) else None), (method, request)
        answered += isinstance(asked, bytes)
    assert answered > 10


def test_what_is_no_question_is_not_answered_at_once(node: Any) -> None:
    for name in METHODS.keys() - QUESTIONS.keys():
        method = METHODS[name]
        assert node.runtime.ask(method, method.request_type()) is None, name
        assert node.runtime.peek(method, method.request_type()) is None, name


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_a_runtime_that_comes_up_refuses_questions_as_it_does_calls(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    node.runtime.restart(downtime_ns=10**9)
    request = api.VersionRequest()
    refused = outcome(lambda: called(node, methods.VERSION, request))
    assert isinstance(refused, tuple)
    assert outcome(lambda: node.runtime.ask(methods.VERSION, request)) == refused
    assert node.runtime.peek(methods.VERSION, request) is None
    node.advance(1)

    assert node.runtime.peek(methods.VERSION, request) == called(node, methods.VERSION, request)


def test_who_peeks_leaves_no_trace(new_node: Any) -> None:
    """Not in the runtime either: what comes afterwards has the same ids at the same times."""

    def story(*, peeks: bool) -> tuple[Any, ...]:
        node = new_node()
        pod = node.run_pod()
        container = node.start(pod, "sleep", "1000")
        kernel, metrics = node.kernel, Metrics()
        journal = Journal(node.runtime, kernel)
        client = CriClient(Deadlines(InstrumentedCri(journal, kernel, metrics)))
        activity, sequence = kernel.activity, kernel.sequence
        if peeks:
            seen = [client.peek(method, request) for method, request in questions(pod, container)]
            assert sum(one is not None for one in seen) > 10
        assert (kernel.activity, kernel.sequence, client.calls_begun) == (activity, sequence, 0)
        second = node.start(node.run_pod(node.pod_config("second")), "true", name="second")
        return journal.entries, metrics.as_dict(), second, node.status(second), kernel.now_ns, kernel.events_fired

    assert story(peeks=True) == story(peeks=False)


def test_who_asks_is_written_down_and_counted_like_who_calls(new_node: Any) -> None:
    node = new_node()
    pod = node.run_pod()
    container = node.start(pod, "sleep", "1000")

    def told(*, by_call: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
        kernel: Kernel = node.kernel
        metrics, journal = Metrics(), Journal(node.runtime, kernel)
        cri = InstrumentedCri(journal, kernel, metrics)
        assert cri.ask is not None

        def call(method: Method, request: Message) -> bytes:
            answer: bytes = node.do(cri.call_encoded(method, request))
            return answer

        for method, request in questions(pod, container):
            if by_call:
                outcome(partial(call, method, request))
            else:
                outcome(partial(cri.ask, method, request))
        return [one.as_dict() for one in journal.entries], dict(metrics.as_dict())

    asked, called_too = told(by_call=False), told(by_call=True)
    assert asked == called_too
    assert {"error", "response"} < {key for row in asked[0] for key in row}
