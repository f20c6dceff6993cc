"""Log files on the host: those of removed containers go, those that somebody still asks for stay."""

from typing import Any

import pytest


def logs(story: Any, uid: str) -> list[str]:
    files, folder = story.node._world._host_files, f"/var/log/pods/default_web_{uid}"
    return [f"{name}/{log}" for name in files.list_dir(folder) for log in files.list_dir(f"{folder}/{name}")]


def test_the_newest_dead_container_keeps_its_log(story: Any, c: Any) -> None:
    story.pod(c("a", "sh", "-c", "echo x; exit 1"), c("b"))
    story.run("90s")
    (uid,) = [one["metadata"]["uid"] for one in story.node.pods()]
    assert story.of("a")["restartCount"] == 3
    assert logs(story, uid) == ["a/3.log", "b/0.log"]


def test_init_containers_keep_the_newest_of_each_name(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "sh", "-c", "echo x; exit 1")])
    story.run("60s")
    (uid,) = [one["metadata"]["uid"] for one in story.node.pods()]
    assert story.of("i")["restartCount"] == 3
    assert logs(story, uid) == ["i/3.log"]


def test_all_go_with_the_pod(story: Any, c: Any) -> None:
    key = story.pod(c("a"), c("b"))
    story.run("5s")
    story.node.delete(key, grace_seconds=1)
    story.run("20s")
    assert story.node._world._host_files.list_dir("/var/log/pods") == []


def test_what_restarts_with_all_others_keeps_every_log(story: Any, c: Any) -> None:
    """They tell what the restart counts go on from."""
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [7]}}
    story.pod(c("a", "sh", "-c", "sleep 3; exit 7", restartPolicyRules=[rule], restartPolicy="Never"), c("b"))
    story.until(lambda: story.of("b").get("restartCount") == 1)
    story.run("2s")
    (uid,) = [one["metadata"]["uid"] for one in story.node.pods()]
    assert {"a/0.log", "b/0.log", "b/1.log"} <= set(logs(story, uid))


def test_the_log_is_asked_for_before_the_removal(story: Any, c: Any) -> None:
    story.pod(c("a", "false"))
    story.until(lambda: story.of("a").get("restartCount") == 2)
    story.run("5s")
    calls = story.calls(methods={"ContainerStatus", "RemoveContainer"}).splitlines()
    removed = next(index for index, line in enumerate(calls) if "RemoveContainer" in line)
    assert [line.partition("s ")[2] for line in calls[removed - 2 : removed + 1]] == [
        "ContainerStatus a/0",
        "ContainerStatus a/0",
        "RemoveContainer a/0",
    ]


@pytest.mark.parametrize(("version", "counts"), [("1.35", [0, 1, 0]), ("1.36", [0, 1])])
def test_what_is_removed_with_its_sandbox_forgets_its_restarts(
    new_story: Any, c: Any, version: str, counts: list[int]
) -> None:
    """Init containers go with their logs when the sandbox is another one; a sidecar in its back-off is not restarted
    in that sync, and the next one finds nothing to count from. Newer kubelets keep what they have published."""
    story = new_story(kubelet_version=version)
    story.pod(c("a"), initContainers=[c("s", "true", restartPolicy="Always")], terminationGracePeriodSeconds=0)
    story.run("3s")
    (sandbox,) = (one.response.pod_sandbox_id for one in story.node.journal if one.method == "RunPodSandbox")
    story.stop_sandbox(sandbox)
    story.run("5s")
    found: list[int] = []
    for version_ in story.node.versions("default/web"):
        for one in version_["status"].get("initContainerStatuses", ()):
            if not found or one["restartCount"] != found[-1]:
                found.append(one["restartCount"])
    assert found == counts
