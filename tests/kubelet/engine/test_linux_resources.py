"""The cgroup settings that the runtime is sent with containers and sandboxes: swap, cpu periods, huge pages."""

from typing import Any

import pytest

MIB = 1024**2
BURSTABLE = {"resources": {"requests": {"memory": "1Gi"}, "limits": {"cpu": "500m"}}}


def sent(story: Any, method: str = "CreateContainer") -> dict[str, Any]:
    """`linux.resources` of the first call."""
    (entry, *_) = (one for one in story.node.journal if one.method == method)
    found: dict[str, Any] = entry.as_dict()["request"]["config"]["linux"]["resources"]
    return found


def started(new_story: Any, c: Any, container: dict[str, Any] = BURSTABLE, **more: Any) -> Any:
    story = new_story(**more)
    story.pod(c("a", **container))
    story.run("5s")
    assert story.is_running("a")
    return story


@pytest.mark.parametrize(
    ("version", "memory_swap", "swap_max"),
    [
        ("1.36", {}, "0"),
        ("1.36", {"swapBehavior": "NoSwap"}, "0"),
        # The machine has none to share.
        ("1.36", {"swapBehavior": "LimitedSwap"}, "0"),
        ("1.30", {}, "0"),
        ("1.28", {}, "0"),
    ],
)
def test_no_container_swaps(new_story: Any, c: Any, version: str, memory_swap: dict[str, str], swap_max: str) -> None:
    story = started(new_story, c, kubelet_version=version, config={"memorySwap": memory_swap})
    assert sent(story)["unified"] == {"memory.oom.group": "1", "memory.swap.max": swap_max}
    assert sent(story, "RunPodSandbox")["unified"] == {"memory.oom.group": "1"}
    assert "memory_swap_limit_in_bytes" not in sent(story)
    found = story.node.exec("default/web", ["cat", "/sys/fs/cgroup/memory.swap.max"]).stdout
    assert found == f"{swap_max}\n".encode()


def test_every_container_swapped_before_1_30(new_story: Any, c: Any) -> None:
    config = {"featureGates": {"NodeSwap": True}, "failSwapOn": False}
    story = started(new_story, c, kubelet_version="1.29", config=config)
    assert sent(story)["unified"]["memory.swap.max"] == "max"


def test_control_groups_of_version_1_limit_swap_with_the_memory(new_story: Any, c: Any) -> None:
    limited = {"resources": {"limits": {"memory": "64Mi"}}}
    story = started(new_story, c, limited, cgroup_version=1, config={"failCgroupV1": False})
    found = sent(story)
    assert found["memory_swap_limit_in_bytes"] == found["memory_limit_in_bytes"] == str(64 * MIB)
    assert "unified" not in found


def test_cpu_quota_can_be_left_out(new_story: Any, c: Any) -> None:
    story = started(new_story, c, config={"cpuCFSQuota": False})
    for found in (sent(story), sent(story, "RunPodSandbox")):
        assert "cpu_quota" not in found
        assert "cpu_period" not in found
        assert found["cpu_shares"] == "512"


def test_the_period_of_cpu_limits(new_story: Any, c: Any) -> None:
    config = {"cpuCFSQuotaPeriod": "10ms", "featureGates": {"CustomCPUCFSQuotaPeriod": True}}
    story = started(new_story, c, config=config)
    for found in (sent(story), sent(story, "RunPodSandbox")):
        assert (found["cpu_quota"], found["cpu_period"]) == ("5000", "10000")


def test_huge_pages_of_the_pod_are_those_of_its_containers(new_story: Any, c: Any) -> None:
    story = new_story(capacity={"hugepages-2Mi": "64Mi"})
    huge = {"hugepages-2Mi": "16Mi", "cpu": "1", "memory": "64Mi"}
    own = {"resources": {"limits": {"hugepages-2Mi": "8Mi", "cpu": "100m"}}}
    story.pod(c("a"), c("b", **own), resources={"limits": huge})
    story.run("5s")
    limits = [
        entry.as_dict()["request"]["config"]["linux"]["resources"]["hugepage_limits"][0]
        for entry in story.node.journal
        if entry.method == "CreateContainer"
    ]
    assert limits == [
        {"page_size": "2MB", "limit": str(16 * MIB)},
        {"page_size": "2MB", "limit": str(8 * MIB)},
    ]
