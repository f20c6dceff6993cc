"""GetContainerEvents: every change, in order, each once, to everyone who listens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import Code, CriError, api
from kubesim.runtime.events import (
    BACKLOG_AGE_NS,
    LISTENER_BYTES_MAX,
    LISTENER_EVENTS_MAX,
    SWEEP_EVENTS,
    WAKE_AT_ONCE,
)

CREATED, STARTED = api.CONTAINER_CREATED_EVENT, api.CONTAINER_STARTED_EVENT
STOPPED, DELETED = api.CONTAINER_STOPPED_EVENT, api.CONTAINER_DELETED_EVENT


def told(events: list[api.ContainerEventResponse]) -> list[tuple[int, str]]:
    return [(event.container_event_type, event.container_id) for event in events]


def test_the_life_of_a_pod(node: Any) -> None:
    events = node.events()
    pod = node.run_pod()
    one = node.start(pod, "true", name="one")
    two = node.start(pod, "sleep", "1000", name="two")
    node.advance(1)
    node.do(node.removing(one))
    node.stop_pod(pod)
    node.remove_pod(pod)
    expected = [
        (CREATED, pod), (STARTED, pod), (CREATED, one), (STARTED, one), (STOPPED, one), (CREATED, two), (STARTED, two),
        (DELETED, one), (STOPPED, two), (STOPPED, pod), (DELETED, two), (DELETED, pod),
    ]  # fmt: skip
    assert sorted(told(events)) == sorted(expected)
    assert [event for event in told(events) if event[1] != one] == [event for event in expected if event[1] != one]
    assert [event.created_at for event in events] == sorted(event.created_at for event in events)


def test_an_event_carries_the_pod_as_it_was(node: Any) -> None:
    events = node.events()
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "1000")
    node.remove_pod(pod)
    states = {
        (event.container_event_type, event.container_id == pod): [
            (status.id, status.state) for status in event.containers_statuses
        ]
        for event in events
    }
    assert states[CREATED, False] == [(ctr, api.CONTAINER_CREATED)]
    assert states[STARTED, False] == [(ctr, api.CONTAINER_RUNNING)]
    assert states[STOPPED, False] == [(ctr, api.CONTAINER_EXITED)]
    assert states[DELETED, False] == []
    by_kind = {event.container_event_type: event for event in events if event.container_id == pod}
    assert by_kind[STARTED].pod_sandbox_status.state == api.SANDBOX_READY
    assert by_kind[STOPPED].pod_sandbox_status.state == api.SANDBOX_NOTREADY
    assert by_kind[STOPPED].pod_sandbox_status.network.ip == "10.88.0.2"
    assert not by_kind[DELETED].HasField("pod_sandbox_status")


def test_a_failed_start_is_no_event(node: Any) -> None:
    events = node.events()
    pod = node.run_pod()
    ctr = node.create(pod, node.container_config("no-such-program"))
    node.refused(node.starting(ctr))
    assert told(events)[2:] == [(CREATED, ctr)]


def test_everyone_gets_everything_in_messages_of_their_own(node: Any) -> None:
    first, second = node.events(), node.events()
    node.run_pod()
    assert told(first) == told(second)
    assert first == second
    first[0].container_id = "changed by one listener"
    assert second[0].container_id != first[0].container_id


def test_the_first_to_listen_gets_what_nobody_heard(node: Any) -> None:
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "1000")
    node.do(node.stopping(ctr))
    events = node.events()
    assert told(events) == [(CREATED, pod), (STARTED, pod), (CREATED, ctr), (STARTED, ctr), (STOPPED, ctr)]
    assert events[3].containers_statuses[0].state == api.CONTAINER_RUNNING, "as it was then"
    assert node.events() == []


def test_what_nobody_heard_is_forgotten_after_five_minutes(node: Any) -> None:
    pod = node.run_pod()
    node.advance(BACKLOG_AGE_NS / 10**9 + 1)
    ctr = node.create(pod, node.container_config("true"))
    assert told(node.events()) == [(CREATED, ctr)]


def test_a_listener_that_goes_away_is_forgotten(node: Any) -> None:
    received: list[Any] = []

    async def listen() -> None:
        async for event in node.cri.get_container_events(api.GetEventsRequest()):
            received.append(event)

    task = node.spawn(listen())
    node.advance(0)
    assert node.runtime.statistics().event_streams == 1
    task.cancel()
    node.advance(0)
    assert node.runtime.statistics().event_streams == 0
    node.run_pod()
    assert received == []


def test_a_listener_that_does_not_read_is_cut_off(node: Any) -> None:
    async def listen_once() -> Any:
        stream = node.cri.get_container_events(api.GetEventsRequest())
        first = await anext(stream)
        return first, stream

    task = node.spawn(listen_once())
    pod = node.run_pod()
    _, stream = task.result()
    other = node.events()
    for _ in range((LISTENER_EVENTS_MAX + SWEEP_EVENTS) // 2):
        node.do(node.removing(node.create(pod, node.container_config("true"))))
    assert node.runtime.statistics().event_streams == 1

    read: list[Any] = []

    async def read_on() -> None:
        async for event in stream:
            read.append(event)

    assert node.refused(read_on()).code is Code.RESOURCE_EXHAUSTED
    assert read == [], "what waited is given up at once: who was cut off has to look anew"
    assert len(other) == LISTENER_EVENTS_MAX + SWEEP_EVENTS, "nobody else was slowed"


def test_a_listener_that_reads_late_is_cut_off_at_the_limit_and_not_before(node: Any) -> None:
    pod = node.run_pod()
    ctr = node.create(pod, node.container_config("true"))
    streams = [node.cri.get_container_events(api.GetEventsRequest()) for _ in range(2)]

    async def read_all_that_waits(stream: Any, count: int) -> list[Any]:
        return [await anext(stream) for _ in range(count)]

    kept = 3
    assert len(node.do(read_all_that_waits(streams[0], kept))) == kept, "what nobody heard"
    first = node.spawn(read_all_that_waits(streams[1], 1))
    node.advance(0)
    node.do(node.removing(ctr))
    assert first.is_done
    for _ in range(LISTENER_EVENTS_MAX // 2):
        node.do(node.removing(node.create(pod, node.container_config("true"))))
    assert len(node.do(read_all_that_waits(streams[1], LISTENER_EVENTS_MAX))) == LISTENER_EVENTS_MAX
    error = node.refused(read_all_that_waits(streams[0], 1))
    assert (error.code, error.message) == (Code.RESOURCE_EXHAUSTED, "events were not read fast enough")


def test_the_bytes_that_wait_for_a_listener_are_bounded_too(node: Any) -> None:
    async def listen_once() -> Any:
        stream = node.cri.get_container_events(api.GetEventsRequest())
        return await anext(stream), stream

    task = node.spawn(listen_once())
    pod = node.run_pod(node.pod_config(annotations={"big": "x" * (LISTENER_BYTES_MAX // 16)}))
    _, stream = task.result()
    for _ in range(12):
        node.do(node.removing(node.create(pod, node.container_config("true"))))
    assert node.runtime.statistics().event_streams == 0
    assert node.refused(anext(stream)).code is Code.RESOURCE_EXHAUSTED


def test_what_all_have_read_is_not_kept(node: Any) -> None:
    streams = [node.events() for _ in range(3)]
    hub = node.runtime._daemon.events
    for number in range(20):
        node.remove_pod(node.run_pod(node.pod_config(f"p{number}")))
    assert [len(events) for events in streams] == [80, 80, 80]
    assert all(listener.link is hub._last for listener in hub._listeners), "nothing holds an earlier link"
    assert (hub._last.number, hub._last.next) == (80, None)


def test_many_listeners_are_woken_in_order_and_hear_everything(node: Any) -> None:
    streams = [node.events() for _ in range(WAKE_AT_ONCE * 3 + 1)]
    for number in range(3):
        node.remove_pod(node.run_pod(node.pod_config(f"p{number}")))
    assert [told(events) for events in streams] == [told(streams[0])] * len(streams)
    assert len(streams[0]) == 12


@pytest.mark.parametrize("profile", ["cri-o-1.28", "cri-o-1.36"])
def test_crio_ends_the_stream_at_once(new_node: Any, profile: str) -> None:
    node = new_node(profile)

    async def collect() -> list[Any]:
        return [event async for event in node.cri.get_container_events(api.GetEventsRequest())]

    assert node.do(collect()) == []
    node.run_pod()
    assert node.do(collect()) == []


def test_a_restart_ends_the_streams(node: Any) -> None:
    async def listen() -> None:
        async for _ in node.cri.get_container_events(api.GetEventsRequest()):
            pass

    task = node.spawn(listen())
    node.advance(0)
    node.runtime.restart()
    node.advance(0)
    assert isinstance(task.error, CriError)
    assert task.error.code is Code.UNAVAILABLE


# -- CRI-O with enable_pod_events, from a profile of the user's own ----------------------------------------


@pytest.fixture
def crio_with_events(new_node: Any, tmp_path: Path) -> Any:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: mine}\n"
        "spec:\n  extends: cri-o-1.36\n  changes:\n"
        "    - {why: enable_pod_events, set: {rpcs: {GetContainerEvents: served}, statistics: {eventStatuses: true}}}\n"
    )
    return new_node(str(path))


def test_crio_does_not_tell_of_a_sandbox_that_is_gone(crio_with_events: Any) -> None:
    node = crio_with_events
    events = node.events()
    pod = node.run_pod()
    ctr = node.start(pod, "true")
    node.advance(1)
    node.do(node.removing(ctr))
    node.stop_pod(pod)
    node.remove_pod(pod)
    assert told(events) == [
        (CREATED, pod), (STARTED, pod), (CREATED, ctr), (STARTED, ctr), (STOPPED, ctr), (DELETED, ctr), (STOPPED, pod)
    ]  # fmt: skip
    assert all(event.HasField("pod_sandbox_status") for event in events)


def test_crio_does_not_tell_of_containers_that_go_with_their_pod(crio_with_events: Any) -> None:
    """Only the RPC that removes a container tells of it; that it was stopped for this is told in either case."""
    node = crio_with_events
    pod = node.run_pod()
    made = node.create(pod, node.container_config("true", name="made"))
    runs = node.start(pod, "sleep", "1000", name="runs")
    alone = node.create(pod, node.container_config("true", name="alone"))
    events = node.events()
    del events[:]  # those of the creations, which nobody had heard yet
    node.do(node.removing(alone))
    assert told(events) == [(DELETED, alone)]
    node.remove_pod(pod)
    assert [event for event in told(events) if event[0] == DELETED] == [(DELETED, alone)]
    assert (STOPPED, runs) in told(events)
    assert node.containers() == []
    assert made not in {event.container_id for event in events if event.container_event_type == DELETED}


def test_crio_keeps_the_first_events_for_the_first_to_listen_however_late(crio_with_events: Any) -> None:
    node = crio_with_events
    pod = node.run_pod()
    node.advance(BACKLOG_AGE_NS / 10**9 + 1)
    for _ in range(LISTENER_EVENTS_MAX // 2):
        node.do(node.removing(node.create(pod, node.container_config("true"))))

    async def listen_for_all() -> list[api.ContainerEventResponse]:
        stream = node.cri.get_container_events(api.GetEventsRequest())
        return [await anext(stream) for _ in range(LISTENER_EVENTS_MAX)]

    heard = node.do(listen_for_all())
    assert told(heard)[:2] == [(CREATED, pod), (STARTED, pod)]
    node.advance(0)
    assert node.runtime.statistics().event_streams == 0
    node.stop_pod(pod)
    assert node.events() == [], "once somebody has listened nothing is kept"


# -- order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["containerd-1.7", "containerd-2.3", "ideal"])
def test_order_of_the_actions(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    events = node.events()

    def since(action: Any) -> list[tuple[int, str]]:
        before = len(events)
        result = action()
        node.advance(1)
        return [(kind, names.get(name, name)) for kind, name in told(events[before:])] + (
            [] if result is None else [("made", result)]
        )

    names: dict[str, str] = {}
    pod = node.run_pod()
    names[pod] = "sb"
    node.advance(1)
    assert [(kind, names[name]) for kind, name in told(events)] == [(CREATED, "sb"), (STARTED, "sb")]
    one = node.create(pod, node.container_config("sleep", "5", name="one"))
    two = node.create(pod, node.container_config("sleep", "1000", name="two"))
    names |= {one: "c1", two: "c2"}
    node.advance(1)
    assert [(kind, names[name]) for kind, name in told(events)[2:]] == [(CREATED, "c1"), (CREATED, "c2")]
    assert since(lambda: node.do(node.starting(one)) and None) == [(STARTED, "c1")]
    assert since(lambda: node.do(node.starting(two)) and None) == [(STARTED, "c2")]
    assert since(lambda: node.do(node.execing(two, "true")) and None) == []
    update = api.UpdateContainerResourcesRequest(container_id=two, linux=api.LinuxContainerResources(cpu_shares=512))
    assert since(lambda: node.do(node.cri.update_container_resources(update)) and None) == []
    assert since(lambda: node.advance(5)) == [(STOPPED, "c1")]
    assert since(lambda: node.do(node.removing(one)) and None) == [(DELETED, "c1")]
    assert [status.id for status in events[-1].containers_statuses] == [two], "the remaining ones"
    assert since(lambda: node.stop_pod(pod)) == [(STOPPED, "c2"), (STOPPED, "sb")]
    assert since(lambda: node.stop_pod(pod)) == []
    assert since(lambda: node.remove_pod(pod)) == [(DELETED, "c2"), (DELETED, "sb")]
    assert since(lambda: node.remove_pod(pod)) == []


def test_a_restart_loses_what_nobody_heard(node: Any) -> None:
    node.run_pod()
    node.runtime.restart()
    assert node.events() == []
