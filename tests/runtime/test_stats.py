"""Stats of containers and sandboxes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"


def container_stats(node: Any, ctr: str) -> Any:
    return node.cri.container_stats(api.ContainerStatsRequest(container_id=ctr))


def listing(node: Any, **selection: Any) -> list[api.ContainerStats]:
    request = api.ListContainerStatsRequest(filter=api.ContainerStatsFilter(**selection))
    return list(node.do(node.cri.list_container_stats(request)).stats)


def sandbox_stats(node: Any, pod: str) -> Any:
    return node.cri.pod_sandbox_stats(api.PodSandboxStatsRequest(pod_sandbox_id=pod))


def sandbox_listing(node: Any, **selection: Any) -> list[api.PodSandboxStats]:
    request = api.ListPodSandboxStatsRequest(filter=api.PodSandboxStatsFilter(**selection))
    return list(node.do(node.cri.list_pod_sandbox_stats(request)).stats)


def test_a_running_container_has_numbers_at_once(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000", labels={"a": "1"})
    stats = node.do(container_stats(node, ctr[:9])).stats
    assert (stats.attributes.id, stats.attributes.metadata.name) == (ctr, "ctr")
    assert stats.attributes.labels["a"] == "1"
    assert stats.cpu.timestamp == stats.memory.timestamp == node.kernel.now_ns
    assert stats.cpu.usage_core_nano_seconds.value > 0
    assert stats.memory.working_set_bytes.value >= 1 << 20
    assert stats.writable_layer.used_bytes.value > 0
    assert stats.writable_layer.inodes_used.value > 0


def test_they_grow_with_time(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")
    first = node.do(container_stats(node, ctr)).stats
    node.advance(20)
    second = node.do(container_stats(node, ctr)).stats
    assert second.cpu.timestamp - first.cpu.timestamp == 20 * 10**9
    assert second.cpu.usage_core_nano_seconds.value > first.cpu.usage_core_nano_seconds.value
    assert not first.cpu.HasField("usage_nano_cores")
    assert second.cpu.usage_nano_cores.value == 10_000_000


def test_a_limit_gives_available_bytes(node: Any) -> None:
    limit = 64 << 20
    resources = api.LinuxContainerResources(memory_limit_in_bytes=limit)
    ctr = node.start(node.run_pod(), "sleep", "1000", linux=api.LinuxContainerConfig(resources=resources))
    memory = node.do(container_stats(node, ctr)).stats.memory
    assert memory.available_bytes.value == limit - memory.working_set_bytes.value


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        (CONTAINERD, Code.NOT_FOUND, "failed to find container: not found"),
        (CRIO, Code.UNKNOWN, "container with ID starting with f0 not found: ID does not exist"),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    error = node.refused(container_stats(node, "f0"))
    assert (error.code, error.message) == (code, message)


def test_one_that_exited(node: Any, crio: Any) -> None:
    for each in (node, crio):
        ctr = each.start(each.run_pod(), "true")
        each.advance(1)
        if each is node:
            error = each.refused(container_stats(each, ctr))
            assert (error.code, error.message) == (Code.UNKNOWN, "unexpected metrics response: []")
            assert [stats.attributes.id for stats in listing(each)] == [ctr]
            assert not listing(each)[0].HasField("cpu")
        else:
            assert not each.do(container_stats(each, ctr)).HasField("stats")
            assert listing(each) == []


def test_filters(node: Any) -> None:
    pods = [node.run_pod(node.pod_config(name)) for name in ("a", "b")]
    made = [
        node.start(pod, "sleep", "100", labels={"foo": name}, pod_config=node.pod_config(name))
        for pod, name in zip(pods, ("a", "b"), strict=True)
    ]
    assert {stats.attributes.id for stats in listing(node)} == set(made)
    assert [stats.attributes.id for stats in listing(node, id=made[1][:20])] == [made[1]]
    assert [stats.attributes.id for stats in listing(node, pod_sandbox_id=pods[0])] == [made[0]]
    assert [stats.attributes.id for stats in listing(node, label_selector={"foo": "b"})] == [made[1]]
    assert listing(node, label_selector={"foo": "c"}) == []


@pytest.mark.parametrize(
    ("profile", "has_psi", "has_swap"),
    [("containerd-2.2", False, False), ("containerd-2.3", True, False), ("cri-o-1.36", False, True)],
)
def test_parts_by_version(new_node: Any, profile: str, has_psi: bool, has_swap: bool) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "100")
    stats = node.do(container_stats(node, ctr)).stats
    assert stats.cpu.HasField("psi") is has_psi
    assert stats.memory.HasField("psi") is has_psi
    assert stats.HasField("io") is has_psi
    assert stats.HasField("swap") is has_swap


def test_a_sandbox_uses_what_its_containers_use(node: Any) -> None:
    pod = node.run_pod(node.pod_config(labels={"a": "1"}))
    ctr = node.start(pod, "sleep", "1000")
    node.advance(30)
    stats = node.do(sandbox_stats(node, pod)).stats
    assert (stats.attributes.id, stats.attributes.metadata.name) == (pod, "pod")
    linux = stats.linux
    assert [own.attributes.id for own in linux.containers] == [ctr]
    assert linux.cpu.usage_core_nano_seconds.value > linux.containers[0].cpu.usage_core_nano_seconds.value
    assert linux.memory.working_set_bytes.value > linux.containers[0].memory.working_set_bytes.value
    assert linux.process.process_count.value == 2
    assert linux.network.default_interface.name == "eth0"
    assert [interface.name for interface in linux.network.interfaces] == ["eth0"]
    before = linux.network.default_interface.rx_bytes.value
    node.advance(10)
    assert node.do(sandbox_stats(node, pod)).stats.linux.network.default_interface.rx_bytes.value > before


def test_crio_takes_the_first_link_for_the_default(crio: Any) -> None:
    network = crio.do(sandbox_stats(crio, crio.run_pod())).stats.linux.network
    assert network.default_interface.name == "lo"
    assert [interface.name for interface in network.interfaces] == ["eth0"]


def test_no_network_stats_with_the_nodes_network(node: Any) -> None:
    options = api.NamespaceOption(network=api.NODE)
    security = api.LinuxSandboxSecurityContext(namespace_options=options)
    pod = node.run_pod(node.pod_config(linux=api.LinuxPodSandboxConfig(security_context=security)))
    assert not node.do(sandbox_stats(node, pod)).stats.linux.HasField("network")


def test_a_stopped_sandbox(node: Any, crio: Any) -> None:
    pod = node.run_pod()
    node.stop_pod(pod)
    error = node.refused(sandbox_stats(node, pod[:13]))
    assert error.code is Code.UNAVAILABLE
    expected = f'since sandbox container "{pod}" is not in ready state: unavailable'
    assert error.message.endswith(expected)
    assert sandbox_listing(node) == []
    pod = crio.run_pod()
    crio.stop_pod(pod)
    assert crio.do(sandbox_stats(crio, pod)).stats.attributes.id == pod


def test_sandboxes_that_are_not_there(node: Any, crio: Any) -> None:
    error = node.refused(sandbox_stats(node, "f0"))
    assert (error.code, error.message) == (
        Code.NOT_FOUND,
        "an error occurred when trying to find sandbox f0: not found",
    )
    assert crio.refused(sandbox_stats(crio, "f0")).code is Code.UNKNOWN


def test_sandbox_filters(node: Any) -> None:
    pods = [node.run_pod(node.pod_config(name, labels={"n": name})) for name in ("a", "b")]
    assert [stats.attributes.id for stats in sandbox_listing(node)] == pods
    assert [stats.attributes.id for stats in sandbox_listing(node, id=pods[1][:20])] == [pods[1]]
    assert [stats.attributes.id for stats in sandbox_listing(node, label_selector={"n": "a"})] == [pods[0]]


def test_windows(new_node: Any) -> None:
    node = new_node(os="windows")
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "1000")
    stats = node.do(sandbox_stats(node, pod)).stats
    assert stats.HasField("windows")
    assert not stats.HasField("linux")
    assert [own.attributes.id for own in stats.windows.containers] == [ctr]
    assert stats.windows.memory.commit_memory_bytes.value > 0
    assert stats.windows.network.default_interface.rx_bytes.value > 0


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_streamed_lists_hold_the_same_rows(new_node: Any, rows: int) -> None:
    node = new_node("ideal")
    daemon = node.runtime._daemon
    statistics = dataclasses.replace(daemon.profile.statistics, stream_chunk_items=3)
    daemon.profile = dataclasses.replace(daemon.profile, statistics=statistics)
    for index in range(rows):
        config = node.pod_config(f"p{index}")
        node.start(node.run_pod(config), "sleep", "1000", pod_config=config)

    async def collect(stream: Any) -> list[Any]:
        return [message async for message in stream]

    cri = node.cri
    for unary, key, stream, part in (
        (cri.list_pod_sandbox(api.ListPodSandboxRequest()), "items",
         cri.stream_pod_sandboxes(api.StreamPodSandboxesRequest()), "pod_sandboxes"),
        (cri.list_containers(api.ListContainersRequest()), "containers",
         cri.stream_containers(api.StreamContainersRequest()), "containers"),
        (cri.list_container_stats(api.ListContainerStatsRequest()), "stats",
         cri.stream_container_stats(api.StreamContainerStatsRequest()), "container_stats"),
        (cri.list_pod_sandbox_stats(api.ListPodSandboxStatsRequest()), "stats",
         cri.stream_pod_sandbox_stats(api.StreamPodSandboxStatsRequest()), "pod_sandbox_stats"),
        (cri.list_images(api.ListImagesRequest()), "images",
         cri.stream_images(api.StreamImagesRequest()), "images"),
    ):  # fmt: skip
        whole = list(getattr(node.do(unary), key))
        messages = node.do(collect(stream))
        assert [row for message in messages for row in getattr(message, part)] == whole
        assert all(1 <= len(getattr(message, part)) <= 3 for message in messages)
