"""The 43 RPCs, as each profile serves them; and what may be done to a runtime from outside the CRI."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import METHODS, Code, CriError, Method, api
from kubesim.errors import InputError
from kubesim.policy.runtime_profile_rpcs import rpc_refusal
from kubesim.runtime.handlers import HANDLERS, QUESTIONS, STREAM_HANDLERS
from kubesim.runtime.profiles import load_profile, profile_names
from kubesim.runtime.timings import Timings


async def outcome(node: Any, method: Method, asked: Any = None) -> CriError | None:
    """The error that a request gets, the empty one unless told otherwise."""
    request = asked or method.request_type()
    try:
        if method.server_streaming:
            stream = node.runtime.stream(method, request)
            if method.name != "GetContainerEvents" or node.runtime.profile.rpcs[method.name] != "served":
                async for _ in stream:
                    pass
            await stream.aclose()
        else:
            await node.runtime.call(method, request)
    except CriError as error:
        return error
    return None


def test_every_rpc_has_a_handler() -> None:
    assert set(HANDLERS) | set(QUESTIONS) | set(STREAM_HANDLERS) == set(METHODS)
    assert {name for name in METHODS if METHODS[name].server_streaming} >= set(STREAM_HANDLERS)


@pytest.mark.parametrize("profile", profile_names())
def test_every_rpc_answers_as_the_profile_says(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    for method in METHODS.values():
        error = node.do(outcome(node, method))
        refusal = rpc_refusal(load_profile(profile), method.name)
        if refusal is not None:
            assert error is not None
            assert (error.code.name, error.message) == (refusal.code, refusal.message)
        else:
            assert error is None or error.code is not Code.UNIMPLEMENTED, method.name


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
@pytest.mark.parametrize("method", METHODS.values(), ids=str)
def test_a_request_with_ids_that_lead_nowhere_is_answered_cleanly(new_node: Any, profile: str, method: Method) -> None:
    node = new_node(profile)
    for text in ("", "\0", "x" * 70_000, "../..", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")):
        request = method.request_type()
        for field in request.DESCRIPTOR.fields:
            if field.cpp_type == field.CPPTYPE_STRING and not field.is_repeated:
                setattr(request, field.name, text if field.type == field.TYPE_STRING else text.encode())

        error = node.do(outcome(node, method, request))
        assert error is None or error.code is not Code.INTERNAL


# -- control ----------------------------------------------------------------------------------------------


def test_a_container_can_be_ended_from_outside(node: Any) -> None:
    pod = node.run_pod()
    for name, options, expected in (
        ("a", {"exit_code": 7}, (7, "Error")),
        ("b", {}, (0, "Completed")),
        ("c", {"signal": 11}, (139, "Error")),
        ("d", {"is_oom_killed": True}, (137, "OOMKilled")),
    ):
        ctr = node.start(pod, "sleep", "1000", name=name)
        node.runtime.exit_container(ctr[:20], **options)
        node.advance(0)
        status = node.status(ctr)
        assert (status.state, (status.exit_code, status.reason)) == (api.CONTAINER_EXITED, expected)
    with pytest.raises(InputError, match="only a running one can exit"):
        node.runtime.exit_container(ctr)
    with pytest.raises(InputError, match="no container 'f0'"):
        node.runtime.exit_container("f0")


def test_mistakes_are_told(node: Any, new_node: Any) -> None:
    with pytest.raises(InputError, match=r"unknown feature 'user_namespace'.*user_namespaces"):
        node.runtime.set_feature("user_namespace", True)
    with pytest.raises(InputError, match=r"no image 'registry\.example/none:1'"):
        node.runtime.tag_image("registry.example/x:1", "registry.example/none:1")
    with pytest.raises(InputError, match="invalid reference format"):
        node.runtime.tag_image("a b", "registry.example/busybox:1")
    with pytest.raises(InputError, match="unknown operating system 'plan9'"):
        new_node(os="plan9")
    with pytest.raises(InputError, match="unknown cgroup driver 'cgroups'"):
        new_node(cgroup_driver="cgroups")


def test_an_image_can_be_added(node: Any, new_image: Any) -> None:
    node.runtime.add_image(new_image("registry.example/late:1", marker="late"))
    assert node.create(node.run_pod(), node.container_config("true", image="registry.example/late:1"))


def test_containers_live_through_a_restart(measured: Any) -> None:
    pod = measured.run_pod()
    ctr = measured.start(pod, "sleep", "1000")
    under_way = measured.spawn(measured.creating(pod, measured.container_config("true", name="late")))
    measured.advance(0.001)
    measured.runtime.restart(downtime_ns=5 * 10**9)
    measured.advance(0)
    error = under_way.error
    assert isinstance(error, CriError)
    assert (error.code, error.message) == (Code.UNAVAILABLE, "error reading from server: EOF")
    error = measured.refused(measured.cri.version(api.VersionRequest()))
    assert (error.code, error.message) == (Code.UNAVAILABLE, "server is not initialized yet: unavailable")
    measured.advance(5)
    assert measured.status(ctr).state == api.CONTAINER_RUNNING
    assert measured.create(pod, measured.container_config("true", name="late"))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_a_restart_ends_calls_in_the_order_in_which_they_began(new_node: Any, profile: str) -> None:
    """On CRI-O the creations that go on without their clients as well. Memory addresses decide nothing."""
    node = new_node(profile, timings=Timings.measured())
    pod = node.run_pod()
    ended: list[int] = []
    for number in range(50):
        task = node.spawn(node.creating(pod, node.container_config("true", name=f"c{number}")))
        task.watch(lambda _, number=number: ended.append(number))
    node.advance(0.001)
    node.runtime.restart()
    node.advance(0)
    assert ended == list(range(50))


REFUSED = (
    'connection error: desc = "transport: Error while dialing: dial unix /var/run/crio/crio.sock: connect: connection '
    'refused"'
)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-1.6", "server is not initialized yet: unavailable"),
        ("containerd-2.3", "server is not initialized yet: unavailable"),
        ("cri-o-1.28", REFUSED),
        ("cri-o-1.36", REFUSED),
    ],
)
def test_while_the_runtime_comes_up_each_rpc_is_unavailable(new_node: Any, profile: str, message: str) -> None:
    """containerd listens already, so that what it does not implement is still said to be so; CRI-O does not listen."""
    node = new_node(profile)
    node.runtime.restart(downtime_ns=5 * 10**9)

    for name, method in METHODS.items():
        if name == "GetContainerEvents":
            error = node.refused(anext(node.runtime.stream(method, method.request_type())))
        else:
            error = node.do(outcome(node, method))
        if profile.startswith("containerd") and node.runtime.profile.rpcs[name] != "served":
            assert error.code is Code.UNIMPLEMENTED, name
        else:
            assert (error.code, error.message) == (Code.UNAVAILABLE, message), name
    node.advance(5)
    assert node.do(node.cri.version(api.VersionRequest())).runtime_api_version == "v1"
    assert node.pods() == []


def test_a_restart_does_not_touch_calls_that_come_after_it(node: Any) -> None:
    node.runtime.restart()
    ctr = node.start(node.run_pod(), "sleep", "1000")
    task = node.spawn(node.execing(ctr, "sleep", "5"))
    node.advance(1)
    node.runtime.restart()
    node.advance(0)
    assert isinstance(task.error, CriError)
    assert node.do(node.execing(ctr, "echo", "hi")).stdout == b"hi\n"


def test_statistics(node: Any) -> None:
    pod = node.run_pod()
    node.start(pod, "sleep", "1000", name="a")
    node.create(pod, node.container_config("true", name="b"))
    node.events()
    statistics = node.runtime.statistics()
    assert (statistics.sandboxes, statistics.containers, statistics.running) == (1, 2, 1)
    assert (statistics.images, statistics.event_streams) == (1, 1)


def test_an_instant_call_does_not_suspend(node: Any) -> None:
    coroutine = node.runtime.call(METHODS["Version"], api.VersionRequest())

    async def ask() -> Any:
        return await coroutine

    fired = node.kernel.events_fired
    task = node.kernel.spawn(ask(), name="ask")
    node.kernel.run_until(node.kernel.now_ns, goal=lambda: task.is_done)
    assert node.kernel.events_fired - fired == 1
    assert task.result().runtime_name == "containerd"


def test_measured_times_are_not_zero() -> None:
    measured = Timings.measured()
    assert [name for name in Timings.__slots__ if getattr(measured, name) == 0] == []
    assert Timings.instant() == Timings()
