"""Events: counted, combined, dropped."""

import msgspec
import pytest

from kubesim.kernel import Kernel
from kubesim.kubelet.event_queue import EventRate
from kubesim.kubelet.event_recorder import EventRecorder, node_reference
from kubesim.kubelet.event_reference import EventReference
from kubesim.model.frozen_records import replace
from kubesim.model.k8s_v1 import Event

SECOND = 10**9
START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


class Sink:
    """Stores Events and remembers every write."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], Event] = {}
        self.writes: list[tuple[str, str, int, str]] = []

    def create_event(self, event: Event) -> None:
        self.events[event.metadata.namespace, event.metadata.name] = event
        self.writes.append(("create", event.reason, event.count, event.message))

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        event = self.events.get((namespace, name))
        if event is None:
            return False
        changed = msgspec.structs.replace(event, count=count, last_timestamp=last_timestamp, message=message)
        self.events[namespace, name] = changed
        self.writes.append(("patch", event.reason, count, message))
        return True


class Bench:
    """A recorder on a kernel of its own."""

    def __init__(self) -> None:
        self.kernel = Kernel(start_ns=START)
        self.sink = Sink()
        self.recorder = EventRecorder(self.kernel, self.sink, node_name="golden")
        self.web = EventReference(
            kind="Pod",
            namespace="default",
            name="web",
            uid="u-1",
            field_path="spec.containers{main}",
            resource_version="7",
        )

    def record(self, message: str = "Liveness probe failed", event_type: str = "Warning") -> None:
        self.recorder.event(self.web, event_type, "Unhealthy", message)

    def wait(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + round(seconds * SECOND))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_event_is_written_as_the_kubelet_writes_it(bench: Bench) -> None:
    bench.wait(1.5)
    bench.recorder.event(bench.web, "Normal", "Started", "Container started")

    (event,) = bench.sink.events.values()
    assert msgspec.to_builtins(event) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"web.{START + 1_500_000_000:x}", "namespace": "default"},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": "default",
            "name": "web",
            "uid": "u-1",
            "fieldPath": "spec.containers{main}",
            "resourceVersion": "7",
        },
        "reason": "Started",
        "message": "Container started",
        "source": {"component": "kubelet", "host": "golden"},
        "firstTimestamp": "2026-01-01T00:00:01Z",
        "lastTimestamp": "2026-01-01T00:00:01Z",
        "count": 1,
        "type": "Normal",
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": "golden",
    }


def test_the_same_event_again_raises_the_count(bench: Bench) -> None:
    for _ in range(3):
        bench.record()
        bench.wait(10)

    (event,) = bench.sink.events.values()
    assert (event.count, event.first_timestamp, event.last_timestamp) == (
        3,
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:20Z",
    )
    assert [write[0] for write in bench.sink.writes] == ["create", "patch", "patch"]


def test_of_a_later_version_of_the_object_it_is_still_the_same_event(bench: Bench) -> None:
    bench.record()
    bench.web = replace(bench.web, resource_version="8")
    bench.record()

    (event,) = bench.sink.events.values()
    assert (event.count, event.involved_object.resource_version) == (2, "7")


def test_a_combined_event_has_no_annotations(bench: Bench) -> None:
    for number in range(10):
        bench.recorder.event(bench.web, "Warning", "Evicted", f"text {number}", annotations={"a": "b"})

    assert [event.metadata.annotations for event in bench.sink.events.values()] == [{"a": "b"}] * 9 + [{}]


def test_a_different_container_or_message_is_a_different_event(bench: Bench) -> None:
    bench.record()
    bench.record("another text")
    other = EventReference(kind="Pod", namespace="default", name="web", uid="u-1", field_path="spec.containers{b}")
    bench.recorder.event(other, "Warning", "Unhealthy", "Liveness probe failed")

    assert [event.count for event in bench.sink.events.values()] == [1, 1, 1]


def test_an_event_that_the_api_server_forgot_is_created_anew_with_its_count(bench: Bench) -> None:
    bench.record()
    bench.sink.events.clear()
    bench.record()

    (event,) = bench.sink.events.values()
    assert (event.count, bench.sink.writes[-1][0]) == (2, "create")


def test_messages_that_vary_are_combined_from_the_tenth_on(bench: Bench) -> None:
    """As recorded from a kubelet 1.36: nine single events, then one that counts."""
    for number in range(12):
        bench.record(f"probe errored: exec {number}")
        bench.wait(3)

    singles, combined = list(bench.sink.events.values())[:9], list(bench.sink.events.values())[9:]
    assert [event.message for event in singles] == [f"probe errored: exec {number}" for number in range(9)]
    assert [event.count for event in singles] == [1] * 9
    (event,) = combined
    assert event.message == "(combined from similar events): probe errored: exec 11"
    assert (event.count, event.first_timestamp, event.last_timestamp) == (
        3,
        "2026-01-01T00:00:27Z",
        "2026-01-01T00:00:33Z",
    )
    assert (event.reporting_component, event.reporting_instance) == ("", "")


def test_after_ten_quiet_minutes_messages_are_single_again(bench: Bench) -> None:
    for number in range(10):
        bench.record(f"text {number}")
    bench.wait(600)
    bench.record("text 10")
    assert bench.sink.writes[-1][3] == "(combined from similar events): text 10"
    bench.wait(600.001)
    bench.record("text 11")

    assert bench.sink.writes[-1] == ("create", "Unhealthy", 1, "text 11")


def test_a_pod_gets_25_warnings_and_then_one_in_five_minutes(bench: Bench) -> None:
    """As recorded from a kubelet 1.36: 25 warnings; normal events have a budget of their own."""
    bench.record("pulled", event_type="Normal")
    for _ in range(40):
        bench.record()
        bench.wait(1)
    assert [write[2] for write in bench.sink.writes] == [1, *range(1, 26)]
    bench.record("killing", event_type="Normal")
    assert bench.sink.writes[-1][3] == "killing"

    bench.wait(261 - 1)  # the first token came back 300 s after the first warning took it
    bench.record()
    # The dropped ones were counted all the same.
    assert bench.sink.writes[-1] == ("patch", "Unhealthy", 41, "Liveness probe failed")
    bench.record()
    assert bench.sink.writes[-1][2] == 41


def test_an_unused_budget_does_not_grow_beyond_25(bench: Bench) -> None:
    bench.record()
    bench.wait(100_000)
    for _ in range(30):
        bench.record()

    assert [write[2] for write in bench.sink.writes] == list(range(1, 27))


def test_other_pods_have_budgets_of_their_own(bench: Bench) -> None:
    for _ in range(30):
        bench.record()
    other = EventReference(kind="Pod", namespace="default", name="db", uid="u-2")
    bench.recorder.event(other, "Warning", "Unhealthy", "x")

    assert bench.sink.writes[-1] == ("create", "Unhealthy", 1, "x")


def test_events_of_one_instant_have_different_names(bench: Bench) -> None:
    for number in range(5):
        bench.record(f"text {number}")

    assert len(bench.sink.events) == 5


def test_a_name_that_no_event_may_have_is_replaced(bench: Bench) -> None:
    for name in ("x" * 240, "Upper"):
        bench.recorder.event(EventReference(kind="Pod", namespace="default", name=name), "Normal", "R", "m")

    names = [name for _, name in bench.sink.events]
    assert [len(name) for name in names] == [36, 36]
    assert [event.involved_object.name for event in bench.sink.events.values()] == ["x" * 240, "Upper"]


def test_events_about_the_node_lie_in_default(bench: Bench) -> None:
    bench.recorder.event(node_reference("golden"), "Normal", "Starting", "Starting kubelet.")

    (event,) = bench.sink.events.values()
    assert event.metadata.namespace == "default"
    assert msgspec.to_builtins(event.involved_object) == {"apiVersion": "v1", "kind": "Node", "name": "golden"}


def test_old_entries_fall_out_of_the_memory(bench: Bench) -> None:
    bench.recorder = EventRecorder(bench.kernel, bench.sink, node_name="golden", rate=EventRate(burst=5000))
    bench.record()
    for number in range(4096):
        bench.recorder.event(EventReference(kind="Pod", namespace="n", name=f"p{number}"), "Normal", "R", "m")
    bench.record()

    assert bench.sink.writes[-1] == ("create", "Unhealthy", 1, "Liveness probe failed")
