"""Node pressure: conditions of the node, and the pods that are ended for what the node lacks."""

from typing import Any

import pytest

from kubesim.kubelet.start_error import KubeletStartError

CONFIG = {"clusterDNS": ["10.96.0.10"]}


def node_conditions(story: Any) -> dict[str, str]:
    return {one["type"]: one["status"] for one in story.node.status()["status"]["conditions"]}


def node_events(story: Any) -> list[str]:
    found = [one for one in story.node.events if one["involvedObject"]["kind"] == "Node"]
    return [one["reason"] for one in found]


def requests(memory: str) -> dict[str, Any]:
    return {"resources": {"requests": {"memory": memory}}}


def test_one_pod_at_a_time_while_memory_is_short(story: Any, c: Any) -> None:
    story.pod(c("a"), name="web")
    story.pod(c("a", **requests("1Gi")), name="modest")
    story.pod(c("a"), name="critical", priorityClassName="system-node-critical", priority=2000001000)
    story.run("5s")
    story.node.fill_memory("100%")
    story.run("40s")

    assert node_conditions(story)["MemoryPressure"] == "True"
    status = story.status("default/web")
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"].startswith(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 0. "
    )
    assert "Container a was using " in status["message"]
    assert ", request is 0, has larger consumption of memory. " in status["message"]
    condition = next(one for one in status["conditions"] if one["type"] == "DisruptionTarget")
    assert (condition["reason"], condition["message"]) == ("TerminationByKubelet", status["message"])
    # The next pass comes when the first pod is gone; a critical pod never goes.
    assert story.status("default/modest")["reason"] == "Evicted"
    assert "request is 1Gi" not in story.status("default/modest")["message"]
    assert story.status("default/critical")["phase"] == "Running"
    assert story.node.metrics()['kubelet_evictions{eviction_signal="memory.available"}'] == 2

    [event] = [
        one for one in story.node.events if one["reason"] == "Evicted" and one["involvedObject"]["name"] == "web"
    ]
    assert event["metadata"]["annotations"]["starved_resource"] == "memory"
    assert event["metadata"]["annotations"]["offending_containers"] == "a"
    assert "EvictionThresholdMet" in node_events(story)
    assert "NodeHasInsufficientMemory" in node_events(story)


def test_a_hard_eviction_leaves_the_containers_a_second_or_two(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    story.node.fill_memory("100%")
    story.run("20s")
    assert story.calls(methods={"StopContainer"}).endswith("StopContainer a/0 timeout=2")
    assert story.of("a")["state"]["terminated"]["exitCode"] == 137


def test_new_pods_during_pressure_and_after_it(story: Any, c: Any) -> None:
    story.node.fill_memory("100%")
    story.run("15s")
    story.pod(c("a"), name="best-effort")
    story.pod(c("a", **requests("1Mi")), name="burstable")
    story.node.fill_memory("10%")
    story.run("1s")
    status = story.status("default/best-effort")
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"] == "Pod was rejected: The node had condition: [MemoryPressure]. "
    story.run("4m")
    assert node_conditions(story)["MemoryPressure"] == "True"
    assert story.status("default/burstable")["phase"] == "Running"
    story.run("2m")
    assert node_conditions(story)["MemoryPressure"] == "False"
    assert "NodeHasSufficientMemory" in node_events(story)


def test_a_full_disk_is_cleaned_up_first(new_story: Any, c: Any) -> None:
    unused = {
        "apiVersion": "kubesim/v1",
        "kind": "Image",
        "metadata": {"name": "registry.example/unused:1"},
        "spec": {"size": "8Gi", "present": True, "files": {"/f": ""}},
    }
    story = new_story(images=[unused], config={**CONFIG, "imageGCHighThresholdPercent": 100})
    story.pod(c("a", "true"), name="done", restartPolicy="Never")
    story.pod(c("a"))
    story.run("3m")
    story.node.fill_disk("80%")
    story.run("20s")

    assert node_conditions(story)["DiskPressure"] == "True"
    assert story.status()["phase"] == "Running", "the images made enough room"
    methods = [one.method for one in story.node.journal]
    assert methods.count("RemoveImage") > 0
    assert "RemovePodSandbox" in methods, "what ended pods left goes as well"


def test_a_full_disk_ends_the_pod_that_stores_most(story: Any, c: Any) -> None:
    story.pod(c("a", "sh", "-c", "dd if=/dev/zero of=/file bs=1M count=4; sleep 1h"), name="large")
    story.pod(c("a"), name="small")
    story.run("5s")
    story.node.fill_disk("95%")
    story.until(lambda: story.status("default/large")["phase"] == "Failed")

    status = story.status("default/large")
    assert status["reason"] == "Evicted"
    assert status["message"].startswith("The node was low on resource: ephemeral-storage. Threshold quantity: ")
    assert story.status("default/small")["phase"] == "Running"


def test_a_soft_threshold_waits_and_keeps_the_grace_of_the_pod(new_story: Any, c: Any) -> None:
    story = new_story(
        config={
            **CONFIG,
            "evictionHard": {"memory.available": "1Mi"},
            "evictionSoft": {"memory.available": "1Gi"},
            "evictionSoftGracePeriod": {"memory.available": "30s"},
            "evictionMaxPodGracePeriod": 8,
        }
    )
    story.pod(c("a"), terminationGracePeriodSeconds=5)
    story.run("1s")
    story.node.fill_memory("15500Mi")
    story.run("25s")
    assert node_conditions(story)["MemoryPressure"] == "True", "the condition does not wait"
    assert story.status()["phase"] == "Running"
    story.run("30s")
    assert story.status()["reason"] == "Evicted"
    [stop] = [one for one in story.node.journal if one.method == "StopContainer"]
    assert stop.as_dict()["request"]["timeout"] == "5"


@pytest.mark.parametrize(
    ("command", "spec", "message"),
    [
        (
            "dd if=/dev/zero of=/scratch/f bs=1M count=3",
            {"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "2Mi"}}]},
            'Usage of EmptyDir volume "scratch" exceeds the limit "2Mi". ',
        ),
        (
            "dd if=/dev/zero of=/f bs=1M count=3",
            {"volumes": [{"name": "scratch", "emptyDir": {}}], "limit": "2Mi"},
            "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
        ),
    ],
)
def test_a_pod_that_stores_more_than_it_may(
    story: Any, c: Any, command: str, spec: dict[str, Any], message: str
) -> None:
    limit = spec.pop("limit", None)
    resources = {"resources": {"limits": {"ephemeral-storage": limit}}} if limit else {}
    mounts = {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}
    story.pod(c("a", "sh", "-c", f"{command}; sleep 1h", **resources, **mounts), **spec)
    story.run("150s")

    status = story.status()
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Evicted", message)
    assert "DisruptionTarget" not in {one["type"] for one in status["conditions"]}
    assert node_conditions(story)["DiskPressure"] == "False"


def test_one_container_over_its_own_limit_though_the_pod_has_more(story: Any, c: Any) -> None:
    small = {"resources": {"limits": {"ephemeral-storage": "1Mi"}}}
    large = {"resources": {"limits": {"ephemeral-storage": "1Gi"}}}
    story.pod(c("a", "sh", "-c", "dd if=/dev/zero of=/f bs=1M count=3; sleep 1h", **small), c("b", **large))
    story.run("30s")
    assert story.status()["message"] == 'Container a exceeded its local ephemeral storage limit "1Mi". '


def test_limits_of_storage_mean_nothing_on_a_node_without_its_isolation(new_story: Any, c: Any) -> None:
    story = new_story(config={**CONFIG, "localStorageCapacityIsolation": False})
    small = {"resources": {"limits": {"ephemeral-storage": "1Mi"}, "requests": {"ephemeral-storage": "0"}}}
    story.pod(c("a", "sh", "-c", "dd if=/dev/zero of=/f bs=1M count=3; sleep 1h", **small))
    story.run("60s")
    assert story.status()["phase"] == "Running"
    status = story.node.status()["status"]
    assert sorted(status["capacity"]) == ["cpu", "hugepages-1Gi", "hugepages-2Mi", "memory", "pods"]
    assert sorted(status["allocatable"]) == sorted(status["capacity"])

    story.pod(c("a", resources={"requests": {"ephemeral-storage": "1Mi"}}), name="asks")
    story.run("1s")
    assert story.status("default/asks")["reason"] == "OutOfephemeral-storage"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"evictionHard": {"memory.free": "1Gi"}}, "unsupported eviction signal memory.free"),
        (
            {"systemReserved": {"memory": "-1Gi"}},
            '--system-reserved value failed to parse: resource quantity for "memory" cannot be negative: -1Gi',
        ),
        ({"evictionHard": {"memory.available": "0"}}, "eviction threshold memory.available must be positive: 0"),
        (
            {"evictionSoft": {"nodefs.available": "10%"}},
            "grace period must be specified for the soft eviction threshold nodefs.available",
        ),
    ],
)
def test_settings_that_a_kubelet_does_not_start_with(new_story: Any, config: dict[str, Any], text: str) -> None:
    with pytest.raises(KubeletStartError, match=text):
        new_story(config=config)
