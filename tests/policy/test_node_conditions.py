"""The node's conditions and the text of Ready."""

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.node_conditions import (
    NodeCondition,
    NodeHealth,
    RuntimeCondition,
    aggregate,
    network_error,
    node_conditions,
    ready_condition,
    runtime_errors,
    storage_error,
    transition_events,
)

S = 1_000_000_000
RUNTIME_READY = RuntimeCondition(type="RuntimeReady", status=True)
NETWORK_READY = RuntimeCondition(type="NetworkReady", status=True)
HEALTHY = NodeHealth(
    now_ns=100 * S,
    last_runtime_sync_ns=98 * S,
    has_status=True,
    runtime_ready=RUNTIME_READY,
    network_ready=NETWORK_READY,
)
RUNTIME_DOWN = RuntimeCondition(type="RuntimeReady", status=False, reason="R", message="M")
NETWORK_DOWN = RuntimeCondition(type="NetworkReady", status=False, reason="NetworkPluginNotReady", message="M")


def ready(**changes: object) -> tuple[str, str, str]:
    condition = ready_condition(replace(HEALTHY, **changes))
    return condition.status, condition.reason, condition.message


def test_a_healthy_node() -> None:
    assert ready() == ("True", "KubeletReady", "kubelet is posting ready status")


NOT_CHECKED = "container runtime status check may not have completed yet"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"last_runtime_sync_ns": None}, [NOT_CHECKED]),
        ({"last_runtime_sync_ns": 70 * S}, ["container runtime is down"]),
        ({"last_runtime_sync_ns": 70 * S + 1}, []),
        ({"pleg_error": "pleg has yet to be successful"}, ["PLEG is not healthy: pleg has yet to be successful"]),
        ({"evented_pleg_error": "old"}, ["EventedPLEG is not healthy: old"]),
        ({"runtime_ready": RUNTIME_DOWN}, ["container runtime not ready: RuntimeReady=false reason:R message:M"]),
        ({"runtime_ready": None}, ["container runtime not ready: <nil>"]),
        ({"runtime_ready": None, "has_status": False}, []),
    ],
)
def test_runtime_errors(changes: dict[str, object], errors: list[str]) -> None:
    assert runtime_errors(replace(HEALTHY, **changes)) == errors


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, ""),
        ({"has_status": False}, "network state unknown"),
        ({"network_ready": None}, "container runtime network not ready: <nil>"),
        (
            {"network_ready": NETWORK_DOWN},
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:M",
        ),
    ],
)
def test_network_error(changes: dict[str, object], error: str) -> None:
    health = replace(HEALTHY, **changes)
    assert network_error(has_status=health.has_status, network_ready=health.network_ready) == error


def test_a_runtime_condition_reads_like_the_kubelets() -> None:
    assert str(RUNTIME_READY) == "RuntimeReady=true reason: message:"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"is_shutting_down": True}, "node is shutting down"),
        ({"storage_error": "CSINode is not yet initialized"}, "CSINode is not yet initialized"),
        (
            {"is_shutting_down": True, "storage_error": "CSINode is not yet initialized", "last_runtime_sync_ns": None},
            f"[{NOT_CHECKED}, CSINode is not yet initialized, node is shutting down]",
        ),
        (
            {"capacity": frozenset({"memory", "pods"})},
            "missing node capacity for resources: cpu, ephemeral-storage",
        ),
        (
            {"is_shutting_down": True, "warnings": ("a", "b")},
            "node is shutting down. WARNING: [a, b]",
        ),
    ],
)
def test_not_ready(changes: dict[str, object], message: str) -> None:
    assert ready(**changes) == ("False", "KubeletNotReady", message)


def test_a_node_that_does_not_isolate_storage_need_not_know_its_disk() -> None:
    known = frozenset({"cpu", "memory", "pods"})
    assert ready_condition(replace(HEALTHY, capacity=known)).message == (
        "missing node capacity for resources: ephemeral-storage"
    )
    assert ready_condition(replace(HEALTHY, capacity=known, isolates_storage=False)).status == "True"


def test_a_warning_does_not_make_a_node_unready() -> None:
    status, _, message = ready(warnings=("swap",))
    assert status == "True"
    assert message == "kubelet is posting ready status. WARNING: swap"


@pytest.mark.parametrize(
    ("errors", "text"), [([], ""), (["", ""], ""), (["a"], "a"), (["a", "", "a"], "a"), (["b", "a", "b"], "[b, a]")]
)
def test_aggregate(errors: list[str], text: str) -> None:
    assert aggregate(errors) == text


ORDER = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]


def test_order_times_and_texts_of_all_conditions() -> None:
    first = node_conditions(HEALTHY)
    assert [one.type for one in first] == ORDER
    assert [(one.status, one.reason) for one in first] == [
        ("False", "KubeletHasSufficientMemory"),
        ("False", "KubeletHasNoDiskPressure"),
        ("False", "KubeletHasSufficientPID"),
        ("True", "KubeletReady"),
    ]
    assert {(one.last_transition_ns, one.last_heartbeat_ns) for one in first} == {(100 * S, 100 * S)}
    later = node_conditions(
        replace(HEALTHY, now_ns=110 * S, is_shutting_down=True), pressures=frozenset({"DiskPressure"}), old=first
    )
    assert [one.last_transition_ns for one in later] == [100 * S, 110 * S, 100 * S, 110 * S]
    assert {one.last_heartbeat_ns for one in later} == {110 * S}
    assert later[1] == NodeCondition(
        type="DiskPressure",
        status="True",
        reason="KubeletHasDiskPressure",
        message="kubelet has disk pressure",
        last_transition_ns=110 * S,
        last_heartbeat_ns=110 * S,
    )


def test_events_of_changed_conditions() -> None:
    first = node_conditions(replace(HEALTHY, last_runtime_sync_ns=None))
    assert transition_events((), first) == ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"]
    up = node_conditions(HEALTHY, old=first)
    assert transition_events(first, up) == ["NodeReady"]
    assert transition_events(up, up) == []
    down = node_conditions(
        replace(HEALTHY, is_shutting_down=True), pressures=frozenset({"MemoryPressure", "PIDPressure"}), old=up
    )
    assert transition_events(up, down) == ["NodeHasInsufficientMemory", "NodeHasInsufficientPID", "NodeNotReady"]


@pytest.mark.parametrize(("is_registered", "error"), [(False, "CSINode is not yet initialized"), (True, "")])
def test_storage_waits_for_an_object_that_names_the_node(*, is_registered: bool, error: str) -> None:
    assert storage_error(is_registered=is_registered) == error
