"""Graceful shutdown: state file, metrics, gates, restarts."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.metrics import SHUTDOWN_END, SHUTDOWN_START
from kubesim.kubelet.node_shutdown import NodeShutdownManager, ShutdownHost
from kubesim.kubelet.node_shutdown_groups import ShutdownCollaborators
from kubesim.kubelet.node_shutdown_timeline import ShutdownPod
from kubesim.policy.feature_gates import DEFAULT_GATES, resolve_gates
from kubesim.policy.shutdown_groups import ShutdownConfig

NewBench = Callable[..., Any]
SECOND = 10**9

START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z

TOTAL_30_CRITICAL_10 = ShutdownConfig(grace_period_ns=30 * SECOND, grace_period_critical_pods_ns=10 * SECOND)


def pod(name: str, *, priority: int | None = 0, grace: int | None = 30, is_static: bool = False) -> ShutdownPod:
    return ShutdownPod(
        uid=name, namespace="default", name=name, priority=priority, grace_seconds=grace, is_static=is_static
    )


def test_the_state_file_and_the_metrics_hold_start_and_end(new_bench: NewBench) -> None:
    bench = new_bench([pod("p")], takes={"p": 7.5})
    bench.start()
    assert (bench.metrics.value(SHUTDOWN_START), bench.metrics.value(SHUTDOWN_END)) == (0, 0)
    bench.shutdown(at=2)
    bench.until(5)
    assert (bench.metrics.value(SHUTDOWN_START), bench.metrics.value(SHUTDOWN_END)) == (1_767_225_602, 0)
    bench.until(60)

    assert (bench.metrics.value(SHUTDOWN_START), bench.metrics.value(SHUTDOWN_END)) == (1_767_225_602, 1_767_225_609)
    assert list(bench.files.content) == ["/var/lib/kubelet/graceful_node_shutdown_state"]
    assert bench.files.written == [
        '{"startTime":"2026-01-01T00:00:02Z","endTime":"0001-01-01T00:00:00Z"}',
        '{"startTime":"2026-01-01T00:00:02Z","endTime":"2026-01-01T00:00:09.5Z"}',
    ]


def test_a_restarted_kubelet_shows_the_last_shutdown(new_bench: NewBench) -> None:
    bench = new_bench()
    state = {"startTime": "2026-01-01T00:00:02.5Z", "endTime": "0001-01-01T00:00:00Z"}
    bench.files.content["/var/lib/kubelet/graceful_node_shutdown_state"] = json.dumps(state).encode()
    bench.start()

    assert (bench.metrics.value(SHUTDOWN_START), bench.metrics.value(SHUTDOWN_END)) == (1_767_225_602, 0)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"startTime": "yesterday"}'])
def test_a_broken_state_file_is_logged(content: bytes, new_bench: NewBench) -> None:
    bench = new_bench()
    bench.files.content["/var/lib/kubelet/graceful_node_shutdown_state"] = content
    assert bench.start()

    assert bench.metrics.value(SHUTDOWN_START) == 0
    assert bench.klog.texts()[-1].startswith('E "Failed to load graceful shutdown state" err=')


def test_without_the_priority_gate_there_is_no_state_file_and_the_list_does_not_count(new_bench: NewBench) -> None:
    gates = resolve_gates("1.36", {"GracefulNodeShutdownBasedOnPodPriority": False})
    config = ShutdownConfig(grace_period_ns=30 * SECOND, by_pod_priority=((7, 7),))
    bench = new_bench([pod("p")], gates=gates, config=config)
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.manager.periods == [(0, 30), (2_000_000_000, 0)]
    assert (bench.files.content, bench.pods.kills) == ({}, [(0, "p", 30)])


@pytest.mark.parametrize(
    ("config", "overrides"),
    [
        (ShutdownConfig(), {}),
        (TOTAL_30_CRITICAL_10, {"GracefulNodeShutdown": False, "GracefulNodeShutdownBasedOnPodPriority": False,
                                "WindowsGracefulNodeShutdown": False}),
    ],
)  # fmt: skip
def test_without_configuration_or_gate_nothing_happens(
    config: ShutdownConfig, overrides: dict[str, bool], new_bench: NewBench
) -> None:
    bench = new_bench([pod("p")], config=config, gates=resolve_gates("1.36", overrides))
    assert not bench.manager.is_enabled
    assert not bench.start()
    bench.shutdown()
    bench.until(60)
    bench.manager.stop()

    assert (bench.pods.kills, bench.klog.texts(), bench.logind.inhibitors) == ([], [], ())
    assert not bench.manager.is_shutting_down


def test_a_shutdown_needs_a_host(new_bench: NewBench) -> None:
    bench = new_bench()
    for os, name in (("linux", "a logind"), ("windows", "a service control manager")):
        with pytest.raises(InputError, match=f"needs {name}"):
            NodeShutdownManager(
                bench.kernel,
                config=TOTAL_30_CRITICAL_10,
                os=os,
                gates=DEFAULT_GATES,
                node_name="golden",
                host=ShutdownHost(files=bench.files),
                around=ShutdownCollaborators(
                    active_pods=tuple,
                    kill_pod=bench.pods.kill,
                    wait_unmounted=bench.pods.wait_unmounted,
                    sync_node_status=lambda: None,
                ),
                recorder=EventRecorder(bench.kernel, bench.events, node_name="golden"),
                metrics=bench.metrics,
                klog=bench.klog,
            )


def test_a_kubelet_that_restarts_in_the_middle_forgets_the_shutdown(new_bench: NewBench) -> None:
    """kubernetes/kubernetes#122674, still open: the new process takes a lock and admits pods."""
    bench = new_bench([pod("p")], takes={"p": 15})
    bench.start()
    bench.shutdown()
    bench.until(5)
    assert bench.manager.is_shutting_down
    bench.manager.stop()
    bench.new_process()
    bench.until(5.1)
    # The descriptor of the old process is closed, so the machine went down while nobody held it.
    assert bench.logind.power_off_ns == START + 5 * SECOND
    assert bench.start()

    assert not bench.manager.is_shutting_down
    assert bench.metrics.value(SHUTDOWN_START) == 1_767_225_600
    bench.until(60)
    assert [write[:2] for write in bench.pods.kills] == [(0, "p")]
