"""What the node keeps of a pod that it evicted, whom pressure keeps out, and what counts as storage of a pod."""

from typing import Any

REMOVALS = {"StopContainer", "RemoveContainer", "RemovePodSandbox"}
WRITES = ("sh", "-c", "dd if=/dev/zero of=/f bs=1M count=3; sleep 1h")


def limited(amount: str) -> dict[str, Any]:
    return {"resources": {"limits": {"ephemeral-storage": amount}}}


def reasons(story: Any) -> list[str]:
    return [one["reason"] for one in story.node.events]


def test_only_the_status_of_an_evicted_pod_is_kept(story: Any, c: Any) -> None:
    story.pod(c("a", "sh", "-c", "echo said; sleep 1h"))
    story.run("5s")
    uid = story.node.pod("default/web")["metadata"]["uid"]
    logs = f"/var/log/pods/default_web_{uid}"
    story.node.fill_memory("100%")
    story.run("50s")
    assert story.node._world._host_files.kind(f"{logs}/a") == "directory"
    story.run("20s")
    # The container goes when the PLEG tells of its death; the sandbox and the logs with the next collection of garbage.
    story.check(
        story.calls(methods=REMOVALS),
        """
        9.900s StopContainer a/0 timeout=2
        12.901s RemoveContainer a/0
        59.900s RemovePodSandbox
        """,
    )
    assert story.of("a")["state"]["terminated"]["exitCode"] == 137
    assert story.node._world._host_files.kind(logs) is None
    told = [line.partition(" ")[2] for line in story.node.log if "cleaned up" in line]
    assert told == [
        '"Eviction manager: pods evicted, waiting for pod to be cleaned up" pods=["default/web"]',
        '"Eviction manager: pods successfully cleaned up" pods=["default/web"]',
    ]


def test_a_preempted_pod_is_an_evicted_one(story: Any, c: Any) -> None:
    story.pod(c("a", resources={"requests": {"cpu": "3"}}), terminationGracePeriodSeconds=3)
    story.run("5s")
    critical = {"priorityClassName": "system-cluster-critical", "priority": 2000000000}
    story.pod(c("b", resources={"requests": {"cpu": "3"}}), name="vital", **critical)
    story.run("60s")
    assert story.status()["reason"] == "Preempting"
    story.check(
        story.calls(methods=REMOVALS),
        """
        5.000s StopContainer a/0 timeout=3
        8.901s RemoveContainer a/0
        59.900s RemovePodSandbox
        """,
    )


def test_handlers_of_admission_behind_preemption_refuse_when_others_are_gone(story: Any, c: Any) -> None:
    story.pod(c("a", resources={"requests": {"cpu": "3"}}), terminationGracePeriodSeconds=3)
    story.run("5s")
    profile = {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}
    critical = {"priorityClassName": "system-cluster-critical", "priority": 2000000000}
    story.pod(c("b", resources={"requests": {"cpu": "3"}}), name="vital", **critical, **profile)
    story.run("60s")
    assert story.status()["reason"] == "Preempting"
    status = story.status("default/vital")
    assert (status["reason"], status["message"]) == (
        "AppArmor",
        "Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host",
    )


def test_pods_are_kept_out_as_soon_as_the_eviction_manager_sees_pressure(story: Any, c: Any) -> None:
    """The Node tells of it only with its next status."""
    story.node.fill_memory("100%")
    story.until(lambda: "EvictionThresholdMet" in reasons(story))
    story.pod(c("a"))
    story.run("10ms")
    assert story.status()["message"] == "Pod was rejected: The node had condition: [MemoryPressure]. "
    assert "NodeHasInsufficientMemory" not in reasons(story)


def test_a_sidecar_has_no_limit_of_storage_of_its_own(story: Any, c: Any) -> None:
    sidecar = c("side", *WRITES, restartPolicy="Always", **limited("1Mi"))
    story.pod(c("a", **limited("1Gi")), initContainers=[sidecar])
    story.run("3m")
    assert story.status()["phase"] == "Running"


def test_config_maps_are_storage_of_the_pod(story: Any, c: Any) -> None:
    data = {"f": "x" * 600_000}
    story.node.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": data})
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    story.pod(c("a", **mount, **limited("500Ki")), volumes=[{"name": "v", "configMap": {"name": "large"}}])
    story.run("3m")
    text = "Pod ephemeral local storage usage exceeds the total limit of containers 500Ki. "
    assert story.status()["message"] == text


def test_ephemeral_containers_store_for_the_pod(story: Any, c: Any) -> None:
    story.pod(c("a", **limited("2Mi")))
    story.run("5s")
    story.node.add_ephemeral_container("default/web", c("debug", *WRITES))
    story.run("3m")
    text = "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. "
    assert story.status()["message"] == text
