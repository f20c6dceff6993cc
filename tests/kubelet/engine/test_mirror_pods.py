"""Mirror pods: the API server's copies of static pods come back when somebody deletes them."""

from typing import Any

CONFIG = {
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "cluster.local",
    "staticPodPath": "/etc/kubernetes/manifests",
}
KEY = "default/web-node-1"
CHANGES = {"RunPodSandbox", "CreateContainer", "StartContainer", "StopContainer", "StopPodSandbox", "RemoveContainer"}


def running(new_story: Any, c: Any, **node: Any) -> Any:
    """A node with a static pod that runs for ten seconds."""
    story = new_story(config=CONFIG, **node)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [c("a")]}}
    story.node.apply_static(pod)
    story.run("10s")
    return story


def test_a_deleted_mirror_is_made_again_and_the_containers_run_on(new_story: Any, c: Any) -> None:
    """The new mirror shows the status with the next round of the status manager, which comes every ten seconds."""
    story = running(new_story, c)
    uid, calls = story.node.pod(KEY)["metadata"]["uid"], story.calls(methods=CHANGES)
    story.node.delete(KEY)
    story.run("15s")
    assert story.node.pod(KEY)["metadata"]["uid"] != uid
    assert story.calls(methods=CHANGES) == calls
    story.check(
        story.versions(KEY),
        """
        0.000s phase=Pending
        9.900s phase=Running a: running ready
        """,
    )


def test_a_mirror_deleted_by_force_comes_back_with_the_next_sync(new_story: Any, c: Any) -> None:
    """Nothing is left to replace; the pod is synced anew after 60 to 90 seconds."""
    story = running(new_story, c)
    story.node.delete(KEY, grace_seconds=0)
    deleted_ns = story.node.now_ns
    story.until(lambda: story.node.pods() != [])
    assert 45e9 < story.node.now_ns - deleted_ns < 95e9
    story.run("11s")
    assert story.is_running("a", KEY)


def test_a_mirror_without_its_file_is_removed_by_the_next_kubelet(new_story: Any, c: Any) -> None:
    story = running(new_story, c)
    story.node._world.stop()
    story.node._world.remove_file("/etc/kubernetes/manifests/web.json")
    story.node.restart_kubelet(down_for="1s")
    story.run("10s")
    assert story.node.pods() == []
    assert story.node.runtime.statistics().containers == 0


def test_the_next_kubelet_adopts_the_pod_and_its_mirror(new_story: Any, c: Any) -> None:
    """The static pod itself has no stored status: what only that can tell is lost, as 01-status, 5.3 says."""
    story = running(new_story, c)
    before, mirror, calls = story.status(KEY), story.node.pod(KEY)["metadata"], story.calls(methods=CHANGES)
    story.node.restart_kubelet(down_for="10s")
    story.run("30s")
    assert story.node.pod(KEY)["metadata"]["uid"] == mirror["uid"]
    assert story.calls(methods=CHANGES) == calls
    assert story.status(KEY) == before


def test_a_name_that_is_taken_has_no_mirror(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    story.pod(c("a"), name="web-node-1")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [c("a")]}}
    story.node.apply_static(pod)
    story.run("5s")
    line = 'E "Failed creating a mirror pod" err="pods \\"web-node-1\\" already exists" pod="default/web-node-1"'
    assert line in story.node.log
    assert len(story.node.kubelet_pods()) == 2


def test_mirrors_wait_for_the_node_since_1_32(new_story: Any, c: Any) -> None:
    """Older kubelets make them when they sync the pod, which may be a minute later."""
    line = 'E "Unable to register mirror pod because node is not registered yet"'
    logs = {version: story_log(new_story, version) for version in ("1.31", "1.32")}
    assert [any(one.startswith(line) for one in log) for log in logs.values()] == [False, True]


def story_log(new_story: Any, version: str) -> list[str]:
    log: list[str] = new_story(config=CONFIG, kubelet_version=version).node.log
    return log
