"""ListPodSandboxMetrics: what the emulation knows of its pods, as metrics."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import Code, api

S = 1_000_000_000
MAX = (1 << 64) - 1


def asked(node: Any) -> Any:
    return node.cri.list_pod_sandbox_metrics(api.ListPodSandboxMetricsRequest())


def listing(node: Any) -> list[api.PodSandboxMetrics]:
    return list(node.do(asked(node)).pod_metrics)


def described(node: Any) -> dict[str, list[str]]:
    rows = node.do(node.cri.list_metric_descriptors(api.ListMetricDescriptorsRequest())).descriptors
    return {row.name: list(row.label_keys) for row in rows}


def values(metrics: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for metric in metrics:
        found.setdefault(metric.name.removeprefix("container_"), []).append(metric.value.value)
    return found


def with_limits(**fields: int) -> api.LinuxContainerConfig:
    return api.LinuxContainerConfig(resources=api.LinuxContainerResources(**fields))


@pytest.fixture
def crio_with_all(new_node: Any, tmp_path: Path) -> Any:
    """A node whose CRI-O collects everything, from a profile of the user's own."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: mine}\n"
        "spec:\n  extends: cri-o-1.36\n  changes:\n"
        "    - {why: mine, set: {statistics: {includedPodMetrics: [all]}}}\n"
    )
    return new_node(str(path))


@pytest.fixture(params=["containerd-2.3", "cri-o with all", "ideal"])
def each(request: pytest.FixtureRequest, new_node: Any) -> Any:
    """A node of each set of metrics."""
    if request.param == "cri-o with all":
        return request.getfixturevalue("crio_with_all")
    return new_node(request.param)


def test_what_is_described_is_there_with_as_many_labels(each: Any) -> None:
    limits = with_limits(
        cpu_period=100_000, cpu_quota=20_000, cpu_shares=1024, memory_limit_in_bytes=64 << 20,
        memory_swap_limit_in_bytes=64 << 20,
    )  # fmt: skip
    pod = each.run_pod()
    ctr = each.start(pod, "sleep", "1000", linux=limits)
    each.advance(10)
    (metrics,) = listing(each)
    assert metrics.pod_sandbox_id == pod
    assert [own.container_id for own in metrics.container_metrics] == [ctr]
    keys = described(each)
    samples = [*metrics.metrics, *metrics.container_metrics[0].metrics]
    assert {metric.name for metric in samples} == keys.keys()
    for metric in samples:
        own = dict(zip(keys[metric.name], metric.label_values, strict=True))
        assert (own["pod"], own["namespace"]) == ("pod", "ns")
        assert own["id"] == (pod if metric.name.startswith("container_network_") else ctr)
        assert metric.timestamp == each.kernel.now_ns
        counts = metric.name.endswith(("_total", "_failcnt")) and not metric.name.endswith("inodes_total")
        assert metric.metric_type == (api.COUNTER if counts else api.GAUGE)
        assert metric.HasField("value")


def test_labels_name_the_container_and_its_image(node: Any, crio_with_all: Any) -> None:
    for each, container, image in ((node, "", "as the user wrote it"), (crio_with_all, "POD", None)):
        pod = each.run_pod()
        spec = api.ImageSpec(image="registry.example/busybox:1", user_specified_image="as the user wrote it")
        config = each.container_config("sleep", "1000", name="main")
        config.image.CopyFrom(spec)
        ctr = each.create(pod, config)
        each.do(each.starting(ctr))
        (metrics,) = listing(each)
        keys = described(each)
        of_pod = dict(zip(keys[metrics.metrics[0].name], metrics.metrics[0].label_values, strict=True))
        assert (of_pod["container"], of_pod["image"]) == (container, "")
        sample = next(m for m in metrics.container_metrics[0].metrics if m.name == "container_last_seen")
        own = dict(zip(keys[sample.name], sample.label_values, strict=True))
        assert own["container"] == "main"
        assert own["image"] == (image or "registry.example/busybox:1")


def test_values_are_what_the_emulation_knows(node: Any) -> None:
    pod = node.run_pod()
    limits = with_limits(cpu_period=50_000, cpu_quota=25_000, cpu_shares=512, memory_limit_in_bytes=64 << 20)
    ctr = node.start(pod, "sh", "-c", "echo hi > /written; sleep 1000; true", linux=limits)
    node.advance(200)
    (metrics,) = listing(node)
    found = values(metrics.container_metrics[0].metrics)
    status = node.status(ctr)
    stats = node.do(node.cri.container_stats(api.ContainerStatsRequest(container_id=ctr))).stats
    assert found["start_time_seconds"] == [status.started_at // S]
    assert found["last_seen"] == [node.kernel.now_ns // S]
    assert found["spec_cpu_period"] == [50_000]
    assert found["spec_cpu_shares"] == [512]
    assert found["spec_memory_limit_bytes"] == found["memory_max_usage_bytes"] == [64 << 20]
    assert found["processes"] == found["threads"] == [2]
    assert found["file_descriptors"][0] >= 6
    assert found["oom_events_total"] == [0]
    assert found["cpu_usage_seconds_total"] == [stats.cpu.usage_core_nano_seconds.value // S] == [2]
    assert found["cpu_cfs_periods_total"][0] in (3999, 4000)
    assert found["memory_usage_bytes"] == [stats.memory.usage_bytes.value]
    assert found["memory_working_set_bytes"] == [stats.memory.working_set_bytes.value]
    assert found["memory_rss"] == [stats.memory.rss_bytes.value]
    assert found["fs_usage_bytes"] == [stats.writable_layer.used_bytes.value]
    assert found["fs_inodes_total"] == [stats.writable_layer.inodes_used.value]
    network = node.do(node.cri.pod_sandbox_stats(api.PodSandboxStatsRequest(pod_sandbox_id=pod))).stats.linux.network
    assert values(metrics.metrics)["network_receive_bytes_total"] == [network.default_interface.rx_bytes.value]


def test_memory_is_made_of_its_parts(each: Any) -> None:
    each.start(each.run_pod(), "sleep", "1000")
    found = {name: row[0] for name, row in values(listing(each)[0].container_metrics[0].metrics).items()}
    assert found["memory_rss"] + found["memory_cache"] + found["memory_kernel_usage"] == found["memory_usage_bytes"]
    assert found["memory_mapped_file"] <= found["memory_cache"]
    assert found["memory_working_set_bytes"] <= found["memory_usage_bytes"] <= found["memory_max_usage_bytes"]


def test_counters_never_fall(each: Any) -> None:
    each.start(each.run_pod(), "sleep", "100000")
    seen = []
    for seconds in (0, 1, 100, 10_000):
        each.advance(seconds)
        (metrics,) = listing(each)
        samples = [*metrics.metrics, *metrics.container_metrics[0].metrics]
        seen.append({(m.name, tuple(m.label_values)): m.value.value for m in samples if m.metric_type == api.COUNTER})
    for before, after in itertools.pairwise(seen):
        assert before.keys() == after.keys()
        assert all(before[key] <= after[key] for key in before)
    assert sum(seen[0].values()) < sum(seen[-1].values())


def test_an_oom_kill_is_counted(node: Any) -> None:
    script = "tail /dev/zero; sleep 1000"
    ctr = node.start(node.run_pod(), "sh", "-c", script, linux=with_limits(memory_limit_in_bytes=20 << 20))
    node.advance(60)
    (metrics,) = listing(node)
    assert [own.container_id for own in metrics.container_metrics] == [ctr], "the shell lives on"
    assert values(metrics.container_metrics[0].metrics)["oom_events_total"] == [1]


def test_a_container_without_limits(node: Any, crio_with_all: Any) -> None:
    for each in (node, crio_with_all):
        each.start(each.run_pod(), "sleep", "1000")
    found = values(listing(node)[0].container_metrics[0].metrics)
    assert not found.keys() & {"spec_cpu_period", "spec_cpu_shares", "spec_memory_limit_bytes"}
    assert found["memory_max_usage_bytes"] == [MAX]
    found = values(listing(crio_with_all)[0].container_metrics[0].metrics)
    assert found["spec_cpu_period"] == found["spec_memory_limit_bytes"] == [0]
    assert "spec_cpu_quota" not in found


def test_a_memory_reservation(crio_with_all: Any) -> None:
    linux = with_limits()
    linux.resources.unified["memory.min"] = "4096"
    crio_with_all.start(crio_with_all.run_pod(), "sleep", "1000", linux=linux)
    (metrics,) = listing(crio_with_all)
    assert values(metrics.container_metrics[0].metrics)["spec_memory_reservation_limit_bytes"] == [4096]


def test_pods_and_containers_that_do_not_run(node: Any, crio: Any) -> None:
    for each in (node, crio):
        pods = [each.run_pod(each.pod_config(name)) for name in ("a", "b")]
        each.start(pods[0], "true", name="exited", pod_config=each.pod_config("a"))
        created = each.create(pods[0], each.container_config("true", name="new"), each.pod_config("a"))
        each.stop_pod(pods[1])
        each.advance(1)
        rows = {row.pod_sandbox_id: [own.container_id for own in row.container_metrics] for row in listing(each)}
        assert rows == ({pods[0]: []} if each is node else {pods[0]: [created], pods[1]: []})


def test_interfaces(node: Any, crio_with_all: Any) -> None:
    for each, names in ((node, {"eth0"}), (crio_with_all, {"lo", "eth0"})):
        each.start(each.run_pod(), "sleep", "1000")
        (metrics,) = listing(each)
        assert {metric.label_values[-1] for metric in metrics.metrics} == names
        assert len(metrics.metrics) == 8 * len(names)


def test_with_the_nodes_network(node: Any) -> None:
    options = api.NamespaceOption(network=api.NODE)
    security = api.LinuxSandboxSecurityContext(namespace_options=options)
    node.run_pod(node.pod_config(linux=api.LinuxPodSandboxConfig(security_context=security)))
    assert list(listing(node)[0].metrics) == []


def test_crio_reads_the_network_of_one_of_the_processes(crio_with_all: Any) -> None:
    crio_with_all.run_pod()
    assert list(listing(crio_with_all)[0].metrics) == []


def test_crio_by_default(crio: Any) -> None:
    crio.start(crio.run_pod(), "sleep", "1000")
    (metrics,) = listing(crio)
    assert list(metrics.metrics) == []
    assert [metric.name for metric in metrics.container_metrics[0].metrics] == ["container_last_seen"]


@pytest.mark.parametrize(("profile", "seconds"), [("containerd-2.3", 0.5), ("cri-o-1.36", 0), ("ideal", 0)])
def test_containerd_reads_ten_pods_per_second(new_node: Callable[..., Any], profile: str, seconds: float) -> None:
    node = new_node(profile)
    pods = [node.run_pod(node.pod_config(f"p{index}")) for index in range(15)]
    start_ns = node.kernel.now_ns
    assert sorted(row.pod_sandbox_id for row in listing(node)) == sorted(pods)
    assert node.kernel.now_ns - start_ns == seconds * S


def test_a_pod_that_is_removed_meanwhile(node: Any) -> None:
    pods = [node.run_pod(node.pod_config(f"p{index}")) for index in range(12)]
    task = node.spawn(asked(node))
    node.advance(0.05)
    last = max(pods)  # in the order of lists
    node.remove_pod(last)
    node.advance(1)
    assert {row.pod_sandbox_id for row in task.result().pod_metrics} == set(pods) - {last}


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-1.7", "method ListPodSandboxMetrics not implemented"),
        ("cri-o-1.28", "method unimplemented"),
    ],
)
def test_versions_that_have_none(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(asked(node))
    assert (error.code, error.message) == (Code.UNIMPLEMENTED, message)


def test_on_windows(new_node: Any) -> None:
    node = new_node(os="windows")
    error = node.refused(asked(node))
    assert error.code is Code.UNIMPLEMENTED
    assert error.message == "ListPodSandboxMetrics not implemented on this platform"
