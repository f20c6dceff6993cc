"""A static pod whose file changes: another pod with the same name, which waits until the old one has ended."""

from typing import Any

FOLDER = "/etc/kubernetes/manifests"
CONFIG = {"clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local", "staticPodPath": FOLDER}
KEY = "default/web-node-1"
CALLS = {"RunPodSandbox", "CreateContainer", "StopContainer", "StopPodSandbox"}


def manifest(*containers: Any, uid: str = "", **labels: str) -> dict[str, Any]:
    meta = {"name": "web", "labels": labels, **({"uid": uid} if uid else {})}
    spec = {"containers": list(containers), "terminationGracePeriodSeconds": 3}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def test_a_changed_file_is_another_pod(new_story: Any, c: Any) -> None:
    """It has another hash. It is looked at again 10 to 15 s after it first had to wait, and starts at the next tick."""
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest(c("a"), version="one"))
    story.run("10s")
    old = story.node.kubelet_pods()[0]["metadata"]["uid"]
    story.node.apply_static(manifest(c("a"), version="two"))
    story.run("30s")
    (pod,) = story.node.kubelet_pods()
    assert pod["metadata"]["uid"] != old
    assert story.node.pod(KEY)["metadata"]["labels"] == {"version": "two"}
    story.check(
        story.calls(methods=CALLS),
        """
        0.000s RunPodSandbox
        0.173s CreateContainer a/0
        10.000s StopContainer a/0 timeout=3
        13.035s StopPodSandbox
        13.903s StopPodSandbox
        22.900s RunPodSandbox
        23.011s CreateContainer a/0
        """,
    )
    story.check(
        story.versions(KEY),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.169s phase=Running a: running ready
        """,
    )


def test_of_several_changes_the_last_one_runs(new_story: Any, c: Any) -> None:
    """What was replaced before it could start never does."""
    story = new_story(config=CONFIG)
    for version in ("one", "two", "three"):
        story.node.apply_static(manifest(c("a"), version=version))
        story.run("2s")
    story.run("40s")
    assert [pod["metadata"]["labels"]["version"] for pod in story.node.kubelet_pods()] == ["three"]
    sandboxes = [one.request.config.labels["version"] for one in story.node.journal if one.method == "RunPodSandbox"]
    assert sandboxes == ["one", "three"]


def test_a_pod_with_a_uid_of_its_own_is_updated(new_story: Any, c: Any) -> None:
    """The same uid is the same pod: labels change, an image would restart its container, and nothing waits."""
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest(c("a"), uid="fixed", version="one"))
    story.run("10s")
    calls = story.calls(methods=CALLS)
    story.node.apply_static(manifest(c("a"), uid="fixed", version="two"))
    story.run("30s")
    assert story.node.kubelet_pods()[0]["metadata"]["labels"] == {"version": "two"}
    assert story.calls(methods=CALLS) == calls


def test_a_pod_that_comes_back_with_its_uid_starts_again_when_it_has_ended(new_story: Any, c: Any) -> None:
    """Housekeeping sees to it. The sandbox is the second one of that pod, and the container has been restarted."""
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest(c("a"), uid="fixed"))
    story.run("10s")
    story.node.remove_static(KEY)
    story.run("1s")
    story.node.apply_static(manifest(c("a"), uid="fixed"))
    story.run("20s")
    story.check(
        story.calls(methods=CALLS),
        """
        0.000s RunPodSandbox
        0.173s CreateContainer a/0
        10.000s StopContainer a/0 timeout=3
        13.035s StopPodSandbox
        15.900s StopPodSandbox
        15.900s RunPodSandbox
        16.011s CreateContainer a/1
        """,
    )
    assert story.node.metrics()['kubelet_restarted_pods_total{static="true"}'] == 1
    assert story.is_running("a", KEY)
    assert story.of("a", KEY)["restartCount"] == 1
