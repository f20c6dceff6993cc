"""Deviations of stats, metrics and events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubesim.cri import CriError, api

Check = Callable[[str, Callable[[str], bool]], None]
LIMIT = 64 << 20


def test_rate_in_lists_only(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        ctr = node.start(node.run_pod(), "sleep", "1000")
        for _ in range(2):
            node.advance(30)
            stats = node.do(node.cri.container_stats(api.ContainerStatsRequest(container_id=ctr))).stats
        (row,) = node.do(node.cri.list_container_stats(api.ListContainerStatsRequest())).stats
        assert row.cpu.HasField("usage_nano_cores") or profile.startswith("cri-o")
        return not stats.cpu.HasField("usage_nano_cores")

    shown_exactly_where_listed("rate-in-lists-only", shows)


def metrics_of(node: Any) -> dict[str, int]:
    """One value of each metric of a limited container; empty where there are no pod metrics."""
    resources = api.LinuxContainerResources(memory_limit_in_bytes=LIMIT)
    node.start(node.run_pod(), "sleep", "1000", linux=api.LinuxContainerConfig(resources=resources))
    try:
        answer = node.do(node.cri.list_pod_sandbox_metrics(api.ListPodSandboxMetricsRequest()))
    except CriError:
        return {}
    return {metric.name: metric.value.value for metric in answer.pod_metrics[0].container_metrics[0].metrics}


def test_memory_maximum_is_limit(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        return metrics_of(new_node(profile)).get("container_memory_max_usage_bytes") == LIMIT

    shown_exactly_where_listed("memory-maximum-is-limit", shows)


def test_inodes_of_layer(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        found = metrics_of(new_node(profile))
        return found.get("container_fs_inodes_total", 0) < found.get("container_fs_inodes_free", 0)

    shown_exactly_where_listed("inodes-of-layer", shows)


def test_pod_metrics_missing(new_node: Any, shown_exactly_where_listed: Check) -> None:
    missing = {
        "container_spec_cpu_quota",
        "container_hugetlb_usage_bytes",
        "container_pressure_cpu_waiting_seconds_total",
    }

    def shows(profile: str) -> bool:
        node = new_node(profile)
        try:
            answer = node.do(node.cri.list_metric_descriptors(api.ListMetricDescriptorsRequest()))
        except CriError:
            return False
        names = {descriptor.name for descriptor in answer.descriptors}
        # Where nothing is collected, nothing is missing: that is a deviation of its own.
        return "container_spec_cpu_period" in names and not missing & names

    shown_exactly_where_listed("pod-metrics-missing", shows)


def test_pod_metrics_off(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        return list(metrics_of(new_node(profile))) == ["container_last_seen"]

    shown_exactly_where_listed("pod-metrics-off", shows)


def test_events_off(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)

        async def collect() -> list[api.ContainerEventResponse]:
            return [event async for event in node.cri.get_container_events(api.GetEventsRequest())]

        task = node.spawn(collect())
        node.advance(0)
        return bool(task.is_done and task.error is None)

    shown_exactly_where_listed("events-off", shows)
