"""Static pods: a file in the kubelet's folder is a pod of the node, and the API server shows its mirror."""

from typing import Any

import pytest

import kubesim

FOLDER = "/etc/kubernetes/manifests"
CONFIG = {"clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local", "staticPodPath": FOLDER}
KEY = "default/web-node-1"
CHANGES = {"RunPodSandbox", "CreateContainer", "StartContainer", "StopContainer", "StopPodSandbox", "RemoveContainer"}


def manifest(*containers: Any, **spec: Any) -> dict[str, Any]:
    spec = {"containers": list(containers), "terminationGracePeriodSeconds": 3, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}}, "spec": spec}


def keys(story: Any) -> list[str]:
    return [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in story.node.pods()]


def test_a_file_is_a_pod_until_it_is_removed(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    assert story.node.apply_static(manifest(c("a"))) == [KEY]
    story.run("10s")
    story.node.remove_static(KEY)
    story.run("10s")
    story.check(
        story.versions(KEY),
        """
        0.000s phase=Pending
        0.111s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        13.170s phase=Running a: terminated Error(137)
        13.900s phase=Running deleting a: terminated Error(137)
        13.900s deleted phase=Running deleting a: terminated Error(137)
        """,
    )
    story.check(
        story.calls(methods=CHANGES | {"RemovePodSandbox"}),
        """
        0.000s RunPodSandbox
        0.173s CreateContainer a/0
        0.180s StartContainer a/0
        10.000s StopContainer a/0 timeout=3
        13.035s StopPodSandbox
        13.900s RemoveContainer a/0
        13.903s StopPodSandbox
        13.903s RemovePodSandbox
        """,
    )
    assert keys(story) == []
    assert story.node.kubelet_pods() == []


def test_what_the_kubelet_adds_to_it(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest(c("a"), priorityClassName="system-node-critical"))
    story.run("5s")
    (static,), mirror = story.node.kubelet_pods(), story.node.pod(KEY)
    uid = static["metadata"]["uid"]
    assert len(uid) == 32
    seen = static["metadata"]["annotations"].pop("kubernetes.io/config.seen")
    assert static["metadata"]["annotations"] == {
        "kubernetes.io/config.source": "file",
        "kubernetes.io/config.hash": uid,
    }
    assert mirror["metadata"]["annotations"] == {
        "kubernetes.io/config.source": "file",
        "kubernetes.io/config.hash": uid,
        "kubernetes.io/config.seen": seen,
        "kubernetes.io/config.mirror": uid,
    }
    owner = {"apiVersion": "v1", "kind": "Node", "name": "node-1", "controller": True}
    assert mirror["metadata"]["ownerReferences"] == [{**owner, "uid": mirror["metadata"]["ownerReferences"][0]["uid"]}]
    assert mirror["metadata"]["uid"] != uid
    assert mirror["metadata"]["labels"] == {"app": "web"}
    # No taint of the node ends it; its priority is a number to the API server only.
    assert static["spec"]["tolerations"] == [{"operator": "Exists", "effect": "NoExecute"}]
    assert "priority" not in static["spec"]
    assert mirror["spec"]["priority"] == 2000001000
    assert static["status"] == mirror["status"]


def test_the_runtime_sees_the_hash_as_uid(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest(c("a")))
    story.run("5s")
    uid = story.node.kubelet_pods()[0]["metadata"]["uid"]
    config = next(one.request.config for one in story.node.journal if one.method == "RunPodSandbox")
    assert (config.metadata.name, config.metadata.uid) == ("web-node-1", uid)
    assert config.log_directory == f"/var/log/pods/default_web-node-1_{uid}"
    assert dict(config.annotations)["kubernetes.io/config.source"] == "file"
    assert "kubernetes.io/config.mirror" not in config.annotations


def test_a_static_pod_with_a_uid_keeps_it(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    pod = manifest(c("a"))
    pod["metadata"]["uid"] = "fixed"
    story.node.apply_static(pod)
    story.run("5s")
    assert story.node.kubelet_pods()[0]["metadata"]["uid"] == "fixed"
    assert story.node.pod(KEY)["metadata"]["annotations"]["kubernetes.io/config.mirror"] == "fixed"


def test_one_that_is_changed_while_it_waits_for_room_starts_as_changed(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    large = {"resources": {"requests": {"cpu": "3"}}}
    story.pod(c("a", **large), name="other", terminationGracePeriodSeconds=5)
    story.run("5s")
    pod = manifest(c("a", **large), priority=2000001000, priorityClassName="system-node-critical")
    pod["metadata"] |= {"uid": "fixed", "namespace": "kube-system"}
    for label in ("first", "second", "third"):
        pod["metadata"]["labels"]["app"] = label
        story.node.apply_static(pod)
        story.run("1s")
    assert not [one for one in story.node.journal if one.method == "RunPodSandbox" and "web" in str(one.as_dict())]
    story.run("30s")

    assert story.status("default/other")["reason"] == "Preempting"
    assert [one["metadata"]["labels"]["app"] for one in story.node.kubelet_pods() if "labels" in one["metadata"]] == [
        "third"
    ]
    mirror = story.node.pod("kube-system/web-node-1")
    assert (mirror["metadata"]["labels"]["app"], mirror["status"]["phase"]) == ("third", "Running")


def test_a_kubelet_without_a_node_object_has_no_mirrors(new_story: Any, c: Any) -> None:
    """A kubelet in standalone mode: its own /pods is the only one that knows."""
    story = new_story(config={**CONFIG, "registerNode": False})
    story.node.apply_static(manifest(c("a")))
    story.run("5s")
    assert keys(story) == []
    (pod,) = story.node.kubelet_pods()
    assert (pod["metadata"]["name"], pod["status"]["phase"]) == ("web-node-1", "Running")
    message = "No need to create a mirror pod, since failed to get node info from the cluster"
    assert f'E "{message}" err="node \\"node-1\\" not found" node="node-1"' in story.node.log


def test_one_that_ends_has_a_phase_like_any_other(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest(c("a", "sleep", "2"), c("b", "sh", "-c", "exit 3"), restartPolicy="Never"))
    story.run("20s")
    story.check(
        story.versions(KEY),
        """
        0.000s phase=Pending
        0.111s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        0.288s phase=Running a: running ready b: running ready
        0.900s phase=Running a: running ready b: terminated Error(3)
        2.900s phase=Failed a: terminated Completed(0) b: terminated Error(3)
        """,
    )


def test_one_that_is_removed_while_it_runs_never_gets_a_terminal_phase(new_story: Any, c: Any) -> None:
    """01-status, section 2, rule 4a is not for static pods: with Always they stay Running to the end."""
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest(c("a", "sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done")))
    story.run("10s")
    story.node.remove_static(KEY)
    story.run("10s")
    assert {version["status"]["phase"] for version in story.node.versions(KEY)} == {"Pending", "Running"}


@pytest.mark.parametrize("key", ["default/web", "default/web-node-2"])
def test_only_static_pods_of_this_node_can_be_removed(new_story: Any, key: str) -> None:
    story = new_story(config=CONFIG)
    with pytest.raises(kubesim.InputError, match="is no static pod of this node"):
        story.node.remove_static(key)


def test_a_kubelet_without_the_folder_says_so(new_story: Any, c: Any) -> None:
    with pytest.raises(kubesim.InputError, match="this kubelet reads no static pods; set staticPodPath"):
        new_story().node.apply_static(manifest(c("a")))
