"""When the status of a node is written, and what makes the node not ready."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
from msgspec.structs import replace

from kubesim.kubelet.node_description import HostIdentity, NodeDescription
from kubesim.kubelet.node_status_fields import without_heartbeats
from kubesim.kubelet.node_status_settings import NodeStatusSettings
from kubesim.model.k8s_v1 import Node, NodeCondition

NewBench = Callable[..., Any]


def test_the_first_seconds_of_a_kubelet(bench: Any) -> None:
    bench.until(1)

    assert bench.api.writes == [(0.1, "register"), (0.1, "patch")]
    assert bench.became_ready == [0]
    assert bench.api.events == [
        (0, "Normal", "Starting", "Starting kubelet."),
        (0.1, "Normal", "NodeHasSufficientMemory", "Node golden status is now: NodeHasSufficientMemory"),
        (0.1, "Normal", "NodeHasNoDiskPressure", "Node golden status is now: NodeHasNoDiskPressure"),
        (0.1, "Normal", "NodeHasSufficientPID", "Node golden status is now: NodeHasSufficientPID"),
    ]
    assert bench.klog.texts() == [
        'I "Attempting to register node" node="golden"',
        'I "Successfully registered node" node="golden"',
    ]


def test_the_runtime_is_asked_every_5_s_and_images_are_listed_every_30_s(bench: Any) -> None:
    bench.until(61)

    status = [seconds for seconds, name in bench.runtime.calls if name == "Status"]
    assert status == [0, 0, *range(5, 61, 5)]
    assert [seconds for seconds, name in bench.runtime.calls if name == "ListImages"] == [0, 30, 60]
    version = [seconds for seconds, name in bench.runtime.calls if name == "Version"]
    assert version[:2] == [0.1, 0.1]
    gaps = [later - earlier for earlier, later in pairwise(version[1:])]
    assert all(10 <= gap <= 10.4 for gap in gaps)
    assert len(gaps) == 5


def test_an_unchanged_status_is_written_after_five_minutes_give_or_take_half(bench: Any) -> None:
    bench.until(3600)
    patches = [seconds for seconds, kind in bench.api.writes if kind == "patch"]
    gaps = [later - earlier for earlier, later in pairwise(patches)]

    assert 150 <= gaps[0] <= 460.8
    # Once the nodes of a cluster are spread, each keeps its pace.
    assert all(300 <= gap <= 310.8 for gap in gaps[1:])
    assert bench.condition("Ready").last_heartbeat_time != bench.condition("Ready").last_transition_time


def test_a_change_is_written_with_the_next_round(bench: Any) -> None:
    bench.until(15)
    writes = len(bench.api.writes)
    bench.pressures = frozenset({"DiskPressure"})
    bench.until(21)

    assert len(bench.api.writes) == writes + 1
    condition = bench.condition("DiskPressure")
    assert (condition.status, condition.reason) == ("True", "KubeletHasDiskPressure")
    assert bench.api.events[-1][2:] == ("NodeHasDiskPressure", "Node golden status is now: NodeHasDiskPressure")
    assert bench.condition("MemoryPressure").last_transition_time == "2026-01-01T00:00:00Z"
    assert condition.last_transition_time == condition.last_heartbeat_time != "2026-01-01T00:00:00Z"


def test_sync_now_does_not_wait_for_the_round(bench: Any) -> None:
    bench.until(12)
    bench.is_shutting_down = True
    bench.updater.sync_now()
    bench.until(12.001)

    ready = bench.condition("Ready")
    assert (ready.status, ready.reason, ready.message) == ("False", "KubeletNotReady", "node is shutting down")
    assert bench.api.events[-1] == (12, "Normal", "NodeNotReady", "Node golden status is now: NodeNotReady")
    bench.is_shutting_down = False
    bench.until(21)
    assert bench.condition("Ready").status == "True"
    assert bench.api.events[-1][2] == "NodeReady"


def test_a_runtime_that_stops_answering_counts_as_down_after_30_s(bench: Any) -> None:
    bench.until(12)
    bench.runtime.failing = {"Status", "Version", "ListImages"}
    bench.until(39)
    assert bench.updater.runtime_errors() == []
    bench.until(40)
    assert bench.updater.runtime_errors() == ["container runtime is down"]
    bench.until(51)
    assert bench.condition("Ready").message == "container runtime is down"
    # A version that cannot be had shows as such; features and handlers stay.
    assert bench.status.node_info.container_runtime_version == "containerd://Unknown"
    assert bench.status.features is not None
    assert (
        'E "Container runtime sanity check failed" err="rpc error: code = Unavailable desc = connection refused"'
        in (bench.klog.texts())
    )
    assert any(text.startswith('I "Failed to update image list"') for text in bench.klog.texts())

    bench.runtime.failing = set()
    bench.until(75)
    assert bench.condition("Ready").status == "True"


def test_errors_are_listed_in_the_kubelets_order(bench: Any) -> None:
    bench.until(12)
    bench.pleg_error = "pleg was last seen active 3m5s ago; threshold is 3m0s"
    bench.is_shutting_down = True
    message = "Network plugin returns error: cni plugin not initialized"
    bench.runtime.set_condition("NetworkReady", status=False, reason="NetworkPluginNotReady", message=message)
    bench.until(21)

    network = f"container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:{message}"
    assert bench.condition("Ready").message == (
        "[PLEG is not healthy: pleg was last seen active 3m5s ago; threshold is 3m0s, "
        f"{network}, node is shutting down]"
    )
    assert bench.updater.network_error() == network
    assert any("Container runtime network not ready" in text for text in bench.klog.texts())


def test_a_runtime_that_is_not_ready_keeps_its_old_features(bench: Any) -> None:
    bench.until(6)
    bench.runtime.status.features.supplemental_groups_policy = False
    bench.runtime.set_condition("RuntimeReady", status=False, reason="R", message="M")
    bench.until(21)

    assert bench.shown()["features"] == {"supplementalGroupsPolicy": True}
    assert bench.condition("Ready").message == "container runtime not ready: RuntimeReady=false reason:R message:M"
    assert bench.became_ready == [0]
    bench.runtime.set_condition("RuntimeReady", status=True)
    bench.until(41)
    assert bench.shown()["features"] == {"supplementalGroupsPolicy": False}


def test_a_runtime_that_becomes_ready_is_noticed_within_a_tenth_of_a_second(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.runtime.set_condition("RuntimeReady", status=False, reason="starting", message="wait")
    bench.updater.start()
    bench.until(2.95)
    assert bench.condition("Ready").message == (
        "[container runtime status check may not have completed yet, "
        "container runtime not ready: RuntimeReady=false reason:starting message:wait]"
    )
    assert bench.became_ready == []
    bench.runtime.set_condition("RuntimeReady", status=True)
    bench.until(3.06)

    assert bench.condition("Ready").status == "True"
    assert 'I "Fast updating node status as it just became ready"' in bench.klog.texts()
    assert len(bench.became_ready) == 1
    # Not being ready at first is no news.
    assert not [text for text in bench.klog.texts() if "Container runtime not ready" in text]


def test_after_two_minutes_the_fast_loop_gives_up(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.runtime.failing = {"Status"}
    bench.updater.start()
    bench.until(119)
    assert bench.condition("Ready").message == (
        "[container runtime status check may not have completed yet, network state unknown]"
    )
    bench.until(125)
    assert [str(line) for line in bench.klog.lines if "in time" in line.message] == [
        'E "Node not becoming ready in time after startup"'
    ]


def test_a_status_with_less_than_two_conditions_is_an_error(new_bench: NewBench) -> None:
    bench = new_bench()
    del bench.runtime.status.status.conditions[0]
    bench.updater.start()
    bench.until(1)

    assert 'E "Status failed" err="RuntimeReady or NetworkReady condition are not set"' in bench.klog.texts()
    assert not bench.state.has_status


def test_absent_conditions_print_as_nil(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.runtime.set_condition("Other", status=True)
    del bench.runtime.status.status.conditions[:2]
    bench.runtime.set_condition("ContainerdHasNoDeprecationWarnings", status=True)
    bench.updater.start()
    bench.until(1)

    assert bench.condition("Ready").message == (
        "[container runtime status check may not have completed yet, container runtime not ready: <nil>, "
        "container runtime network not ready: <nil>]"
    )


def test_a_restarted_kubelet_finds_its_node_and_keeps_its_conditions(bench: Any) -> None:
    bench.until(100)
    bench.updater.stop()
    calls = len(bench.runtime.calls)
    bench.until(200)
    assert len(bench.runtime.calls) == calls
    bench.new_process()
    bench.updater.start()
    bench.until(201)

    assert 'I "Node was previously registered" node="golden"' in bench.klog.texts()
    assert bench.api.writes[-1] == (200.1, "patch")
    # The node that it would register says what it is, though it is not needed.
    assert [event[2] for event in bench.api.events if event[0] > 1] == [
        "Starting",
        "NodeHasSufficientMemory",
        "NodeHasNoDiskPressure",
        "NodeHasSufficientPID",
    ]
    assert bench.condition("Ready").last_transition_time == "2026-01-01T00:00:00Z"


def test_a_new_boot_id_is_an_event_once(bench: Any) -> None:
    bench.until(10)
    bench.updater.stop()
    bench.description = NodeDescription(name="golden", kubelet_version="1.36.2", identity=HostIdentity(boot_id="new"))
    bench.new_process()
    bench.updater.start()
    bench.until(60)

    assert [event[1:] for event in bench.api.events if event[2] == "Rebooted"] == [
        ("Warning", "Rebooted", "Node golden has been rebooted, boot id: new")
    ]


def test_a_cordon_is_an_event(bench: Any) -> None:
    bench.until(12)
    assert bench.api.node is not None
    for is_cordoned in (True, False):
        spec = msgspec.structs.replace(bench.api.node.spec, unschedulable=is_cordoned)
        bench.api.node = msgspec.structs.replace(bench.api.node, spec=spec)
        bench.until(bench.now + 11)

    assert [event[2] for event in bench.api.events][-2:] == ["NodeNotSchedulable", "NodeSchedulable"]


def test_a_node_that_does_not_register_waits_for_somebody_to_do_it(new_bench: NewBench) -> None:
    bench = new_bench(settings=NodeStatusSettings(is_registering=False, is_attach_detach_by_controller=False))
    bench.updater.start()
    bench.until(1)
    assert bench.api.writes == []
    assert 'E "Unable to update node status" err="error getting node \\"golden\\": node \\"golden\\" not found"' in (
        bench.klog.texts()
    )
    bench.api.register_node(Node())
    bench.until(2)

    assert bench.condition("Ready").status == "True"


def test_a_report_of_nothing_new_moves_the_heartbeats_of_the_kubelets_own_conditions(bench: Any) -> None:
    bench.until(1)
    others = NodeCondition(type="NetworkUnavailable", status="False", last_heartbeat_time="2025-12-31T00:00:00Z")
    node = bench.api.node
    bench.api.node = replace(node, status=replace(node.status, conditions=[others, *node.status.conditions]))
    bench.until(700)
    before, writes = bench.api.node.status, len(bench.api.writes)
    bench.until(1400)
    after = bench.api.node.status

    assert len(bench.api.writes) > writes
    assert without_heartbeats(after) == without_heartbeats(before)
    own = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    assert [one.type for one in after.conditions] == ["NetworkUnavailable", *own]
    assert after.conditions[0] == others
    moved = {
        (old.last_heartbeat_time, new.last_heartbeat_time)
        for old, new in zip(before.conditions[1:], after.conditions[1:], strict=True)
    }
    ((earlier, later),) = moved
    assert earlier < later
