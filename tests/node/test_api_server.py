"""The API server's part: creation, deletion with grace, status writes, published versions."""

import pytest
from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_defaults import default_pod
from kubesim.node.api_server import ApiServer

SECOND_NS = 1_000_000_000


class Recorder:
    """A kubelet that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def add_pod(self, pod: v1.Pod) -> None:
        self.told.append(("add", pod.metadata.name))

    def update_pod(self, pod: v1.Pod) -> None:
        self.told.append(("update", pod.metadata.name))

    def remove_pod(self, uid: str) -> None:
        self.told.append(("remove", uid))


def pod(name: str = "p", *, grace_seconds: int = 30) -> v1.Pod:
    spec = v1.PodSpec(containers=[v1.Container(name="a", image="i")], termination_grace_period_seconds=grace_seconds)
    return default_pod(v1.Pod(metadata=v1.ObjectMeta(name=name), spec=spec))


def make() -> tuple[Kernel, ApiServer, Recorder]:
    kernel, recorder = Kernel(), Recorder()
    server = ApiServer(kernel, node_name="n")
    server.connect(recorder)
    return kernel, server, recorder


def test_a_created_pod_has_what_the_api_server_gives_it() -> None:
    _, server, recorder = make()
    created = server.create_pod(pod())

    assert created.metadata.generation == 1
    assert created.metadata.creation_timestamp == "2026-01-01T00:00:00Z"
    assert len(created.metadata.uid) == 36
    assert (created.spec.node_name, created.status.phase, created.status.qos_class) == ("n", "Pending", "BestEffort")
    assert recorder.told == [("add", "p")]
    assert server.pod("default/p") == created


@pytest.mark.parametrize(
    ("fields", "priority"),
    [({}, 0), ({"priority": 7}, 7), ({"priority_class_name": "system-node-critical"}, 2_000_001_000)],
)
def test_a_created_pod_has_the_number_of_its_priority_class(fields: dict[str, object], priority: int) -> None:
    _, server, _ = make()
    asked = pod()
    created = server.create_pod(replace(asked, spec=replace(asked.spec, **fields)))

    assert (created.spec.priority, created.spec.preemption_policy) == (priority, "PreemptLowerPriority")


def test_an_unknown_priority_class_is_refused() -> None:
    _, server, _ = make()
    asked = pod()
    with pytest.raises(InputError, match="no PriorityClass with name mine was found"):
        server.create_pod(replace(asked, spec=replace(asked.spec, priority_class_name="mine")))


def test_a_name_is_taken_until_the_pod_is_gone() -> None:
    _, server, _ = make()
    uid = server.create_pod(pod()).metadata.uid
    with pytest.raises(InputError, match='default/p: pods "p" already exists; delete it first'):
        server.create_pod(pod())
    server.delete_pod_now(uid)

    assert server.create_pod(pod()).metadata.uid != uid


def test_a_pod_that_is_not_there_is_named_with_those_that_are() -> None:
    _, server, _ = make()
    with pytest.raises(InputError, match="default/q: there is no such pod; pods: none"):
        server.pod("default/q")
    server.create_pod(pod())
    with pytest.raises(InputError, match="pods: default/p"):
        server.pod("default/q")
    with pytest.raises(InputError, match="there never was such a pod"):
        server.versions("default/q")


def test_deletion_is_a_wish_until_the_kubelet_grants_it() -> None:
    kernel, server, recorder = make()
    uid = server.create_pod(pod()).metadata.uid
    kernel.run_until(kernel.now_ns + 5 * SECOND_NS)
    server.delete_pod("default/p")
    meta = server.pod("default/p").metadata

    assert (meta.deletion_timestamp, meta.deletion_grace_period_seconds) == ("2026-01-01T00:00:35Z", 30)
    assert meta.generation == 2
    server.delete_pod_now(uid)
    assert recorder.told == [("add", "p"), ("update", "p"), ("update", "p"), ("remove", uid)]
    assert [row["type"] for row in server.versions("default/p")] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    assert [row["t"] for row in server.versions("default/p")] == [0.0, 5.0, 5.0, 5.0]
    assert [row.get("deletionGracePeriodSeconds") for row in server.versions("default/p")] == [None, 30, 0, 0]


@pytest.mark.parametrize(("second", "left"), [(3, 3), (30, 10), (10, 10), (None, 10), (-5, 1)])
def test_a_second_deletion_can_only_shorten_the_grace(second: int | None, left: int) -> None:
    _, server, _ = make()
    server.create_pod(pod())
    server.delete_pod("default/p", grace_seconds=10)
    server.delete_pod("default/p", grace_seconds=second)

    assert server.pod("default/p").metadata.deletion_grace_period_seconds == left
    assert server.pod("default/p").metadata.generation == 2


def test_grace_zero_and_a_terminal_phase_end_the_pod_at_once() -> None:
    _, server, _ = make()
    server.create_pod(pod("zero"))
    server.delete_pod("default/zero", grace_seconds=0)
    uid = server.create_pod(pod("done")).metadata.uid
    server.patch_pod_status(uid, v1.PodStatus(phase="Succeeded"))
    server.delete_pod("default/done")

    assert list(server.pods()) == []


def test_a_status_is_published_only_when_it_changes() -> None:
    _, server, recorder = make()
    uid = server.create_pod(pod()).metadata.uid
    status = v1.PodStatus(phase="Running")
    server.patch_pod_status(uid, status)
    server.patch_pod_status(uid, status)

    assert [row["status"].get("phase") for row in server.versions("default/p")] == ["Pending", "Running"]
    assert server.patch_pod_status("unknown", status) is None
    assert recorder.told == [("add", "p"), ("update", "p")]


def test_a_change_of_the_spec_is_a_new_generation() -> None:
    _, server, _ = make()
    created = server.create_pod(pod())
    server.update_pod(replace(created, metadata=replace(created.metadata, labels={"a": "b"})))
    assert server.pod("default/p").metadata.generation == 1
    container = replace(created.spec.containers[0], image="other")
    server.update_pod(replace(created, spec=replace(created.spec, containers=[container])))
    assert server.pod("default/p").metadata.generation == 2
    assert server.pod("default/p").spec.containers[0].image == "other"
    versions = len(server.versions("default/p"))
    server.update_pod(server.pod("default/p"))
    assert len(server.versions("default/p")) == versions


def test_a_kubelet_that_comes_back_sees_every_pod_as_new() -> None:
    _, server, recorder = make()
    server.create_pod(pod("a"))
    server.disconnect()
    server.create_pod(pod("b"))
    again = Recorder()
    server.connect(again)

    assert recorder.told == [("add", "a")]
    assert again.told == [("add", "a"), ("add", "b")]


def test_events_are_stored_and_counted() -> None:
    _, server, _ = make()
    event = v1.Event(metadata=v1.ObjectMeta(name="e", namespace="default"), count=1, message="m")
    server.create_event(event)

    assert server.patch_event(namespace="default", name="e", count=2, last_timestamp="t", message="m")
    assert not server.patch_event(namespace="default", name="x", count=2, last_timestamp="t", message="m")
    assert [(one.count, one.last_timestamp) for one in server.events] == [(2, "t")]


def test_the_node_is_registered_and_patched() -> None:
    _, server, _ = make()
    server.patch_node_status(v1.NodeStatus(phase="ignored"))
    assert server.get_node() is None
    server.register_node(v1.Node(metadata=v1.ObjectMeta(name="n")))
    server.patch_node_status(v1.NodeStatus(capacity={"cpu": "4"}))
    node = server.get_node()
    assert node is not None
    assert (node.metadata.name, node.status.capacity, len(node.metadata.uid)) == ("n", {"cpu": "4"}, 36)
