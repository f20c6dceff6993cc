"""UpdateContainerResources, and the resources that ContainerStatus shows."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api

MIB = 1 << 20


def updating(node: Any, ctr: str, **linux: Any) -> Any:
    return node.cri.update_container_resources(
        api.UpdateContainerResourcesRequest(container_id=ctr, linux=api.LinuxContainerResources(**linux))
    )


def container(node: Any, *command: str, **linux: Any) -> str:
    resources = api.LinuxContainerConfig(resources=api.LinuxContainerResources(**linux))
    return str(node.create(node.run_pod(), node.container_config(*(command or ("sleep", "100")), linux=resources)))


def test_the_status_shows_what_was_asked_for(node: Any) -> None:
    asked = {"cpu_period": 100_000, "cpu_quota": 20_000, "cpu_shares": 204, "oom_score_adj": 900, "cpuset_cpus": "0-1"}
    shown = node.status(container(node, **asked, unified={"memory.high": "1"})).resources.linux
    assert shown == api.LinuxContainerResources(**asked, unified={"memory.high": "1"})


def test_the_swap_limit_follows_the_memory_limit(node: Any) -> None:
    shown = node.status(container(node, memory_limit_in_bytes=64 * MIB)).resources.linux
    assert shown.memory_swap_limit_in_bytes == 64 * MIB


@pytest.mark.parametrize(("patch", "has_them"), [("containerd-1.6.8", False), ("containerd-1.6", True)])
def test_old_versions_do_not_show_them(new_node: Any, patch: str, has_them: bool) -> None:
    node = new_node(patch)
    assert node.status(container(node)).HasField("resources") is has_them


def test_zero_means_keep(node: Any) -> None:
    ctr = container(node, cpu_shares=100, cpu_quota=10_000, memory_limit_in_bytes=64 * MIB, cpuset_cpus="0")
    node.do(node.starting(ctr))
    node.do(updating(node, ctr, cpu_quota=-1, memory_limit_in_bytes=128 * MIB))
    shown = node.status(ctr).resources.linux
    assert (shown.cpu_shares, shown.cpu_quota, shown.cpuset_cpus) == (100, -1, "0")
    assert (shown.memory_limit_in_bytes, shown.memory_swap_limit_in_bytes) == (128 * MIB, 128 * MIB)


def test_the_swap_limit_follows_the_memory_limit_down_as_well(node: Any) -> None:
    ctr = container(node, memory_limit_in_bytes=128 * MIB)
    node.do(updating(node, ctr, memory_limit_in_bytes=64 * MIB))
    shown = node.status(ctr).resources.linux
    assert (shown.memory_limit_in_bytes, shown.memory_swap_limit_in_bytes) == (64 * MIB, 64 * MIB)
    node.do(updating(node, ctr, memory_limit_in_bytes=32 * MIB, memory_swap_limit_in_bytes=48 * MIB))
    shown = node.status(ctr).resources.linux
    assert (shown.memory_limit_in_bytes, shown.memory_swap_limit_in_bytes) == (32 * MIB, 48 * MIB)


@pytest.mark.parametrize(
    ("profile", "takes"),
    [
        ("containerd-1.6.39", {"huge", "unified", "swap"}),
        ("containerd-2.3", {"huge", "unified", "swap"}),
        ("cri-o-1.28", set()),
        ("cri-o-1.35", set()),
        ("cri-o-1.36", {"unified"}),
        ("ideal", {"huge", "unified", "swap"}),
    ],
)
def test_what_of_an_update_counts(new_node: Any, profile: str, takes: set[str]) -> None:
    node = new_node(profile)
    ctr = container(node, memory_limit_in_bytes=64 * MIB, unified={"memory.high": "1"})
    huge = [api.HugepageLimit(page_size="2MB", limit=2 * MIB)]
    more = {"memory_limit_in_bytes": 32 * MIB, "memory_swap_limit_in_bytes": 48 * MIB}
    node.do(updating(node, ctr, **more, hugepage_limits=huge, unified={"memory.high": "2", "memory.swap.max": "0"}))
    shown = node.status(ctr).resources.linux
    assert shown.memory_limit_in_bytes == 32 * MIB
    assert shown.memory_swap_limit_in_bytes == (48 if "swap" in takes else 32) * MIB
    assert list(shown.hugepage_limits) == (huge if "huge" in takes else [])
    changed = {"memory.high": "2", "memory.swap.max": "0"}
    assert dict(shown.unified) == (changed if "unified" in takes else {"memory.high": "1"})


@pytest.mark.parametrize(
    ("linux", "shown"),
    [
        ({}, "max"),
        ({"memory_limit_in_bytes": 64 * MIB}, "0"),
        ({"memory_limit_in_bytes": 64 * MIB, "memory_swap_limit_in_bytes": 96 * MIB}, str(32 * MIB)),
        ({"unified": {"memory.swap.max": "0"}}, "0"),
        ({"memory_limit_in_bytes": 64 * MIB, "unified": {"memory.swap.max": "max"}}, "max"),
        ({"memory_limit_in_bytes": 64 * MIB, "unified": {"memory.swap.max": "4096"}}, "4096"),
    ],
)
def test_the_file_of_the_swap_limit(node: Any, linux: dict[str, Any], shown: str) -> None:
    ctr = container(node, **linux)
    node.do(node.starting(ctr))
    assert node.do(node.execing(ctr, "cat", "/sys/fs/cgroup/memory.swap.max")).stdout == f"{shown}\n".encode()


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.28"])
def test_minus_one_is_no_limit_and_less_is_none_that_the_kernel_takes(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    ctr = container(node, memory_limit_in_bytes=64 * MIB)
    node.do(node.starting(ctr))
    node.do(updating(node, ctr, memory_limit_in_bytes=-1))
    shown = node.status(ctr).resources.linux
    assert (shown.memory_limit_in_bytes, shown.memory_swap_limit_in_bytes) == (-1, -1)
    assert node.runtime._daemon.containers.get(ctr).process.cgroup.limit_bytes is None
    error = node.refused(updating(node, ctr, memory_limit_in_bytes=-2))
    assert error.code is Code.UNKNOWN
    assert error.message.endswith("invalid argument")
    assert node.status(ctr).resources.linux == shown


def test_the_oom_score_stays(node: Any) -> None:
    ctr = container(node, oom_score_adj=900)
    node.do(updating(node, ctr, oom_score_adj=-500))
    assert node.status(ctr).resources.linux.oom_score_adj == 900


def test_the_new_limit_is_the_processes(node: Any) -> None:
    ctr = container(node, memory_limit_in_bytes=64 * MIB)
    node.do(node.starting(ctr))
    node.do(updating(node, ctr, memory_limit_in_bytes=32 * MIB))
    assert node.runtime._daemon.containers.get(ctr).process.cgroup.limit_bytes == 32 * MIB


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        ("containerd-2.3", Code.NOT_FOUND, "failed to find container: not found"),
        ("cri-o-1.36", Code.UNKNOWN, "container with ID starting with f0 not found: ID does not exist"),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    error = node.refused(updating(node, "f0", cpu_shares=2))
    assert (error.code, error.message) == (code, message)


def test_an_exited_container(node: Any, crio: Any) -> None:
    for each in (node, crio):
        ctr = container(each, "true")
        each.do(each.starting(ctr))
        each.advance(1)
        if each is node:
            each.do(updating(each, ctr, cpu_shares=7))
            assert each.status(ctr).resources.linux.cpu_shares == 7
        else:
            message = f"container {ctr} is not running or created state: stopped"
            assert each.refused(updating(each, ctr, cpu_shares=7)).message == message


def test_crio_refuses_a_memory_limit_below_the_usage(crio: Any) -> None:
    ctr = container(crio)
    crio.do(crio.starting(ctr))
    before = crio.status(ctr)
    message = crio.refused(updating(crio, ctr, memory_limit_in_bytes=4096)).message
    assert message.startswith("memory validation failed: cannot decrease memory limit to 4096 bytes: current usage is ")
    assert crio.refused(updating(crio, ctr, memory_limit_in_bytes=-1)).message == (
        "memory validation failed: invalid memory limit: -1 bytes (cannot be negative)"
    )
    assert crio.status(ctr) == before


def test_windows_resources(new_node: Any) -> None:
    node = new_node(os="windows")
    windows = api.WindowsContainerConfig(resources=api.WindowsContainerResources(cpu_count=2, cpu_maximum=5000))
    ctr = node.create(node.run_pod(), node.container_config("sleep", "100", windows=windows))
    request = api.UpdateContainerResourcesRequest(
        container_id=ctr,
        windows=api.WindowsContainerResources(cpu_count=3, affinity_cpus=[api.WindowsCpuGroupAffinity(cpu_mask=1)]),
    )
    node.do(node.cri.update_container_resources(request))
    shown = node.status(ctr).resources.windows
    assert (shown.cpu_count, shown.cpu_maximum, shown.affinity_cpus[0].cpu_mask) == (3, 5000, 1)
    assert not node.status(ctr).HasField("user")
