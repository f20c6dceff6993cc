"""PodSandboxStats: what one sandbox and its containers use."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"


def asked(node: Any, pod: str) -> Any:
    return node.cri.pod_sandbox_stats(api.PodSandboxStatsRequest(pod_sandbox_id=pod))


def stats_of(node: Any, pod: str) -> api.PodSandboxStats:
    return node.do(asked(node, pod)).stats


def rate(cpu: Any) -> int | None:
    return cpu.usage_nano_cores.value if cpu.HasField("usage_nano_cores") else None


def container_with_pids(mode: api.NamespaceMode.ValueType) -> api.LinuxContainerConfig:
    options = api.NamespaceOption(pid=mode)
    return api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(namespace_options=options))


def with_namespaces(node: Any, **modes: Any) -> api.PodSandboxConfig:
    security = api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(**modes))
    return node.pod_config(linux=api.LinuxPodSandboxConfig(security_context=security))


def test_a_sandbox_uses_what_its_containers_use(node: Any) -> None:
    config = node.pod_config(labels={"a": "1"}, annotations={"b": "2"})
    pod = node.run_pod(config)
    ctr = node.start(pod, "sleep", "1000")
    node.advance(30)
    stats = stats_of(node, pod[:12])
    attributes = stats.attributes
    assert (attributes.id, attributes.metadata) == (pod, config.metadata)
    assert (dict(attributes.labels), dict(attributes.annotations)) == ({"a": "1"}, {"b": "2"})
    assert not stats.HasField("windows")
    linux = stats.linux
    assert [own.attributes.id for own in linux.containers] == [ctr]
    assert linux.cpu.timestamp == linux.memory.timestamp == linux.process.timestamp == node.kernel.now_ns
    assert linux.cpu.usage_core_nano_seconds.value > linux.containers[0].cpu.usage_core_nano_seconds.value
    assert linux.memory.working_set_bytes.value > linux.containers[0].memory.working_set_bytes.value
    assert linux.cpu.HasField("psi")
    assert linux.memory.HasField("psi")


def test_the_network_of_containerd_is_eth0_twice(node: Any) -> None:
    pod = node.run_pod()
    before = stats_of(node, pod).linux.network
    assert before.timestamp == node.kernel.now_ns
    assert before.default_interface.name == "eth0"
    assert list(before.interfaces) == [before.default_interface]
    assert before.default_interface.HasField("rx_errors")
    assert before.default_interface.HasField("tx_errors")
    node.advance(0.01)
    after = stats_of(node, pod).linux.network.default_interface
    assert after.rx_bytes.value > before.default_interface.rx_bytes.value
    assert after.tx_bytes.value > before.default_interface.tx_bytes.value


def test_crio_takes_the_first_link_for_the_default(crio: Any) -> None:
    network = stats_of(crio, crio.run_pod()).linux.network
    assert network.default_interface.name == "lo"
    assert [interface.name for interface in network.interfaces] == ["eth0"]


def test_no_network_stats_with_the_nodes_network(node: Any) -> None:
    pod = node.run_pod(with_namespaces(node, network=api.NODE))
    assert not stats_of(node, pod).linux.HasField("network")


@pytest.mark.parametrize(
    ("profile", "pid", "count"),
    [(CONTAINERD, "POD", 3), (CONTAINERD, "CONTAINER", 3), (CRIO, "POD", 4), (CRIO, "CONTAINER", 3)],
)
def test_processes(new_node: Any, profile: str, pid: str, count: int) -> None:
    """containerd adds up the containers; CRI-O reads the cgroup of the pod, in which a pause process may be."""
    node = new_node(profile)
    mode = {"POD": api.POD, "CONTAINER": api.CONTAINER}[pid]
    pod = node.run_pod(with_namespaces(node, pid=mode))
    node.start(pod, "sleep", "1000", name="one", linux=container_with_pids(mode))
    node.start(pod, "sh", "-c", "sleep 1000; true", name="two", linux=container_with_pids(mode))
    node.advance(1)
    assert stats_of(node, pod).linux.process.process_count.value == count


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO, "ideal"])
def test_time_used_stays_with_the_pod_when_a_container_ends(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    seen = [stats_of(node, pod).linux]
    ctr = node.start(pod, "sleep", "50")
    for step in ("runs", "ends", "is removed", "is gone"):
        node.advance(30)
        if step == "is removed":
            node.do(node.removing(ctr))
        seen.append(stats_of(node, pod).linux)
    for first, second in itertools.pairwise(seen):
        assert first.cpu.usage_core_nano_seconds.value < second.cpu.usage_core_nano_seconds.value
        assert first.memory.page_faults.value <= second.memory.page_faults.value


def test_a_rate_of_the_pod(node: Any, crio: Any) -> None:
    pod = node.run_pod()
    node.start(pod, "sleep", "1000")
    node.advance(5)
    assert rate(stats_of(node, pod).linux.cpu) is None
    node.advance(5)
    assert rate(stats_of(node, pod).linux.cpu) == 10_001_000, "sampled in the background meanwhile"
    pod = crio.run_pod(with_namespaces(crio, pid=api.CONTAINER))
    crio.start(pod, "sleep", "1000", linux=container_with_pids(api.CONTAINER))
    crio.advance(50)
    assert rate(stats_of(crio, pod).linux.cpu) is None
    crio.advance(1)
    stats = stats_of(crio, pod).linux
    assert [rate(stats.cpu), rate(stats.containers[0].cpu)] == [10_000_000, 10_000_000]


def test_a_limit_of_the_pod_gives_available_bytes(node: Any) -> None:
    limit = 1 << 30
    resources = api.LinuxContainerResources(memory_limit_in_bytes=limit)
    pod = node.run_pod(node.pod_config(linux=api.LinuxPodSandboxConfig(resources=resources)))
    memory = stats_of(node, pod).linux.memory
    assert memory.available_bytes.value == limit - memory.working_set_bytes.value


def test_containers_that_do_not_run(node: Any, crio: Any) -> None:
    """As in the list of containers: containerd knows what they are called."""
    for each in (node, crio):
        pod = each.run_pod()
        exited = each.start(pod, "true", name="exited")
        running = each.start(pod, "sleep", "1000", name="running")
        each.advance(1)
        own = {stats.attributes.id: stats for stats in stats_of(each, pod).linux.containers}
        assert own.keys() == ({exited, running} if each is node else {running})
        assert {key for key, stats in own.items() if stats.HasField("cpu")} == {running}


def test_a_stopped_sandbox(node: Any, crio: Any) -> None:
    pod = node.run_pod()
    node.stop_pod(pod)
    error = node.refused(asked(node, pod[:13]))
    assert error.code is Code.UNAVAILABLE
    assert error.message == (
        f"failed to decode pod sandbox metrics {pod[:13]}: failed to get pod sandbox stats since sandbox container "
        f'"{pod}" is not in ready state: unavailable'
    )
    pod = crio.run_pod()
    crio.stop_pod(pod)
    stats = stats_of(crio, pod)
    assert stats.attributes.id == pod
    assert stats.HasField("linux")
    assert not stats.linux.ListFields(), "its cgroup and its network are gone"


def test_sandboxes_that_are_not_there(node: Any, crio: Any) -> None:
    error = node.refused(asked(node, "f0"))
    assert error.code is Code.NOT_FOUND
    assert error.message == "an error occurred when trying to find sandbox f0: not found"
    error = crio.refused(asked(crio, "f0"))
    assert error.code is Code.UNKNOWN
    assert error.message == "PodSandbox with ID starting with f0 not found: ID does not exist"


def test_windows(new_node: Any) -> None:
    node = new_node(os="windows")
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "1000", name="one")
    node.start(pod, "true", name="two")
    node.advance(1)
    first = stats_of(node, pod)
    assert not first.HasField("linux")
    windows = first.windows
    assert [own.attributes.id for own in windows.containers] == [ctr], "one that does not run is left out"
    own = windows.containers[0]
    assert windows.memory.commit_memory_bytes.value > own.memory.commit_memory_bytes.value > 0
    assert windows.memory.working_set_bytes.value > own.memory.working_set_bytes.value > 0
    assert own.writable_layer.used_bytes.value > 0
    assert own.writable_layer.fs_id.mountpoint
    assert windows.process.process_count.value == 2
    network = windows.network
    assert list(network.interfaces) == [network.default_interface]
    assert network.default_interface.rx_bytes.value > 0
    assert network.default_interface.HasField("rx_packets_dropped")
    assert (windows.cpu.usage_nano_cores.value, own.cpu.usage_nano_cores.value) == (0, 0), "no previous call"
    node.advance(60)
    second = stats_of(node, pod).windows
    assert second.containers[0].cpu.usage_nano_cores.value == 10_000_000
    assert second.cpu.usage_nano_cores.value == 10_001_000


def test_a_host_process_pod_has_no_network_of_its_own(new_node: Any) -> None:
    node = new_node(os="windows")
    security = api.WindowsSandboxSecurityContext(host_process=True)
    pod = node.run_pod(node.pod_config(windows=api.WindowsPodSandboxConfig(security_context=security)))
    assert not stats_of(node, pod).windows.HasField("network")
