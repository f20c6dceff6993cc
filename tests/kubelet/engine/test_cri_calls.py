"""Which calls the runtime sees, and in which order (02-lifecycle, section 12)."""

from typing import Any

POD_CALLS = {
    "RunPodSandbox",
    "PodSandboxStatus",
    "ImageStatus",
    "PullImage",
    "CreateContainer",
    "StartContainer",
    "ContainerStatus",
    "ExecSync",
    "StopContainer",
    "StopPodSandbox",
    "RemoveContainer",
    "RemovePodSandbox",
    "ListPodSandbox",
    "ListContainers",
}


def test_start(story: Any, c: Any) -> None:
    story.pod(c("a", imagePullPolicy="IfNotPresent"))
    story.run("500ms")
    story.check(
        story.calls(methods=POD_CALLS),
        """
        -0.100s ListPodSandbox
        -0.100s ListContainers
        -0.100s ListPodSandbox
        -0.100s ListContainers
        -0.100s ListPodSandbox
        -0.100s ListContainers
        0.000s RunPodSandbox
        0.111s PodSandboxStatus
        0.111s ImageStatus
        0.111s PullImage
        0.173s ImageStatus
        0.173s ImageStatus
        0.173s CreateContainer a/0
        0.180s StartContainer a/0
        0.231s ListPodSandbox
        0.231s ListContainers
        0.231s PodSandboxStatus
        0.231s ContainerStatus a/0
        """,
    )


def test_crash(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    story.exit(1)
    story.run("1500ms")
    crashed_ns = story.node.now_ns - 1_500_000_000
    story.check(
        story.calls(methods=POD_CALLS - {"ListPodSandbox", "ListContainers"}, since_ns=crashed_ns),
        """
        6.900s PodSandboxStatus
        6.900s ContainerStatus a/0
        6.900s ImageStatus
        6.900s ImageStatus
        6.900s CreateContainer a/1
        6.907s StartContainer a/1
        6.958s PodSandboxStatus
        6.958s ContainerStatus a/1
        6.958s ContainerStatus a/0
        """,
    )


def test_deletion(story: Any, c: Any) -> None:
    hook = {"preStop": {"exec": {"command": ["true"]}}}
    story.pod(c("a", lifecycle=hook), c("b"), terminationGracePeriodSeconds=2)
    story.run("4900ms")
    deleted_ns = story.node.now_ns
    story.node.delete("default/web")
    story.run("3500ms")
    story.check(
        story.calls(methods=POD_CALLS, since_ns=deleted_ns),
        """
        4.900s ListPodSandbox
        4.900s ListContainers
        4.900s ExecSync a/0
        5.900s ListPodSandbox
        5.900s ListContainers
        6.900s ListPodSandbox
        6.900s ListContainers
        4.900s StopContainer b/0 timeout=2
        4.930s StopContainer a/0 timeout=2
        6.965s StopPodSandbox
        7.100s ListPodSandbox
        7.100s ListContainers
        7.100s PodSandboxStatus
        7.100s ContainerStatus b/0
        7.100s ContainerStatus a/0
        7.900s ListPodSandbox
        7.900s ListContainers
        7.900s PodSandboxStatus
        7.900s ContainerStatus b/0
        7.900s ContainerStatus a/0
        7.900s ListPodSandbox
        7.900s ListContainers
        7.900s PodSandboxStatus
        7.900s ContainerStatus b/0
        7.900s ContainerStatus a/0
        7.900s ContainerStatus b/0
        7.900s ContainerStatus b/0
        7.900s RemoveContainer b/0
        7.903s ContainerStatus a/0
        7.903s ContainerStatus a/0
        7.903s RemoveContainer a/0
        7.905s StopPodSandbox
        7.905s RemovePodSandbox
        """,
    )


def test_a_quiet_node_is_only_listed(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("30s")
    quiet_ns = story.node.now_ns
    story.run("10s")
    seen = {one.method for one in story.node.journal if one.time_ns >= quiet_ns}
    assert seen <= {"ListPodSandbox", "ListContainers", "Status", "Version"}


def test_what_create_container_is_given(story: Any, c: Any) -> None:
    story.pod(c("a"), c("b"), meta={"labels": {"app": "x"}, "annotations": {"note": "y"}})
    story.run("5s")
    sandbox = next(one.request.config for one in story.node.journal if one.method == "RunPodSandbox")
    uid = story.node.pod("default/web")["metadata"]["uid"]
    assert dict(sandbox.labels) == {
        "app": "x",
        "io.kubernetes.pod.name": "web",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": uid,
    }
    assert (sandbox.hostname, sandbox.log_directory) == ("web", f"/var/log/pods/default_web_{uid}")
    created = next(one.request for one in story.node.journal if one.method == "CreateContainer")
    config = created.config
    assert (config.metadata.name, config.metadata.attempt, config.log_path) == ("a", 0, "a/0.log")
    assert config.image.user_specified_image == c("a")["image"]
    assert config.image.image.startswith("sha256:")
    assert [one.container_path for one in config.mounts] == ["/etc/hosts", "/dev/termination-log"]
    assert dict(config.annotations)["io.kubernetes.container.restartCount"] == "0"
    assert dict(config.annotations)["io.kubernetes.pod.terminationGracePeriod"] == "30"
