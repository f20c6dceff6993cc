"""ContainerStats: what one container uses."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"


def asked(node: Any, ctr: str) -> Any:
    return node.cri.container_stats(api.ContainerStatsRequest(container_id=ctr))


def stats_of(node: Any, ctr: str) -> api.ContainerStats:
    return node.do(asked(node, ctr)).stats


def with_memory(limit: int, swap: int = 0) -> api.LinuxContainerConfig:
    resources = api.LinuxContainerResources(memory_limit_in_bytes=limit, memory_swap_limit_in_bytes=swap)
    return api.LinuxContainerConfig(resources=resources)


def test_a_running_container_has_numbers_at_once(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000", labels={"a": "1"}, annotations={"b": "2"})
    stats = stats_of(node, ctr[:9])
    assert (stats.attributes.id, stats.attributes.metadata.name) == (ctr, "ctr")
    assert stats.attributes.labels["a"] == "1"
    assert stats.attributes.annotations["b"] == "2"
    assert stats.cpu.timestamp == stats.memory.timestamp == node.kernel.now_ns
    assert stats.cpu.usage_core_nano_seconds.value > 0
    memory = stats.memory
    assert 1 << 20 <= memory.working_set_bytes.value <= memory.usage_bytes.value
    assert 0 < memory.rss_bytes.value <= memory.working_set_bytes.value
    assert memory.available_bytes.value == 0, "no limit"
    assert memory.HasField("page_faults")
    assert memory.HasField("major_page_faults")


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO, "ideal"])
def test_counters_grow_with_time(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "10000")
    seen = []
    for seconds in (0.001, 0.1, 1, 20, 3600):
        node.advance(seconds)
        seen.append(stats_of(node, ctr))
    for first, second in itertools.pairwise(seen):
        assert first.cpu.timestamp < second.cpu.timestamp
        assert first.cpu.usage_core_nano_seconds.value < second.cpu.usage_core_nano_seconds.value
        assert first.memory.page_faults.value <= second.memory.page_faults.value


@pytest.mark.parametrize(
    ("profile", "rates"), [(CONTAINERD, [None, None, None]), (CRIO, [None, 10_000_000, 10_000_000])]
)
def test_the_rate_is_that_since_the_previous_call_or_there_is_none(
    new_node: Any, profile: str, rates: list[int | None]
) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "1000")
    for expected in rates:
        node.advance(7)
        cpu = stats_of(node, ctr).cpu
        assert (cpu.usage_nano_cores.value if cpu.HasField("usage_nano_cores") else None) == expected


def test_two_calls_at_one_instant_have_no_rate_between_them(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "1000")
    crio.advance(5)
    first, second = stats_of(crio, ctr), stats_of(crio, ctr)
    assert first.cpu == second.cpu
    assert not second.cpu.HasField("usage_nano_cores")


def test_a_limit_gives_available_bytes(node: Any) -> None:
    limit = 64 << 20
    ctr = node.start(node.run_pod(), "sleep", "1000", linux=with_memory(limit))
    memory = stats_of(node, ctr).memory
    assert memory.available_bytes.value == limit - memory.working_set_bytes.value


def test_usage_stays_within_the_limit(node: Any) -> None:
    limit = 1 << 20
    ctr = node.start(node.run_pod(), "sleep", "1000", linux=with_memory(limit))
    memory = stats_of(node, ctr).memory
    assert memory.usage_bytes.value == memory.working_set_bytes.value == limit
    assert memory.available_bytes.value == 0


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        (CONTAINERD, Code.NOT_FOUND, "failed to find container: not found"),
        (CRIO, Code.UNKNOWN, "container with ID starting with f0 not found: ID does not exist"),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    error = node.refused(asked(node, "f0"))
    assert (error.code, error.message) == (code, message)


def test_one_that_exited(node: Any, crio: Any) -> None:
    ctr = node.start(node.run_pod(), "true")
    node.advance(1)
    error = node.refused(asked(node, ctr))
    assert (error.code, error.message) == (Code.UNKNOWN, "unexpected metrics response: []")
    ctr = crio.start(crio.run_pod(), "true")
    crio.advance(1)
    assert not crio.do(asked(crio, ctr)).HasField("stats")


def test_one_that_never_started(node: Any, crio: Any) -> None:
    ctr = node.create(node.run_pod(), node.container_config("sleep", "1"))
    assert node.refused(asked(node, ctr)).message == "unexpected metrics response: []"
    ctr = crio.create(crio.run_pod(), crio.container_config("sleep", "1"))
    stats = stats_of(crio, ctr)
    assert stats.cpu.usage_core_nano_seconds.value == 1, "its cgroup is there, and nothing runs in it"
    assert stats.memory.timestamp == crio.kernel.now_ns


@pytest.mark.parametrize(
    ("profile", "has_psi", "has_swap"),
    [
        ("containerd-1.6", False, False),
        ("containerd-2.2", False, False),
        (CONTAINERD, True, False),
        ("cri-o-1.29", False, False),
        ("cri-o-1.30", False, True),
        (CRIO, False, True),
        ("ideal", True, True),
    ],
)
def test_parts_by_version(new_node: Any, profile: str, has_psi: bool, has_swap: bool) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "100", linux=with_memory(64 << 20, 128 << 20))
    stats = stats_of(node, ctr)
    for psi in (stats.cpu, stats.memory):
        assert psi.HasField("psi") is has_psi
        assert psi.psi.HasField("Full") is psi.psi.HasField("Some") is has_psi
    assert stats.HasField("io") is has_psi
    assert (stats.io.timestamp == stats.cpu.timestamp) is has_psi
    assert stats.HasField("swap") is has_swap
    if has_swap:
        assert stats.swap.timestamp == stats.cpu.timestamp
        assert (stats.swap.swap_available_bytes.value, stats.swap.swap_usage_bytes.value) == (128 << 20, 0)


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_the_writable_layer_is_what_the_container_wrote(new_node: Any, profile: str) -> None:
    node = new_node(profile, image_fs_path="/images")
    ctr = node.start(node.run_pod(), "sleep", "1000")
    before = stats_of(node, ctr).writable_layer
    assert before.fs_id.mountpoint == "/images"
    assert before.timestamp == node.kernel.now_ns
    assert before.inodes_used.value >= 1
    script = "mkdir -p /data && for i in $(seq 1 10); do echo hi >> /data/file_$i; done; rm /marker 2>/dev/null; true"
    assert node.do(node.execing(ctr, "sh", "-c", script)).exit_code == 0
    after = stats_of(node, ctr).writable_layer
    assert after.inodes_used.value - before.inodes_used.value == 11
    assert after.used_bytes.value - before.used_bytes.value == 11 * 4096
    assert node.do(node.execing(ctr, "sh", "-c", "rm -r /data")).exit_code == 0
    assert stats_of(node, ctr).writable_layer.used_bytes.value == before.used_bytes.value


def test_on_windows_a_job_object_tells_less(new_node: Any) -> None:
    node = new_node(os="windows")
    ctr = node.start(node.run_pod(), "sleep", "1000")
    stats = stats_of(node, ctr)
    assert {field.name for field, _ in stats.ListFields()} == {"attributes", "cpu", "memory", "writable_layer"}
    assert {field.name for field, _ in stats.memory.ListFields()} == {"timestamp", "working_set_bytes", "usage_bytes"}
