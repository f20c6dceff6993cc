"""Volumes of a pod: emptyDir, hostPath, sub paths; and what shows when they cannot be had."""

from typing import Any


def mount(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **more}


def run(story: Any, *command: str, container: str = "a") -> tuple[int, str]:
    answer = story.node.exec("default/web", command, container=container)
    return answer.exit_code, (answer.stdout + answer.stderr).decode()


def test_empty_dir_is_shared_between_containers(story: Any, c: Any) -> None:
    story.pod(
        c("a", volumeMounts=[mount("d", "/data")]),
        c("b", volumeMounts=[mount("d", "/other")]),
        volumes=[{"name": "d", "emptyDir": {}}],
    )
    story.run("5s")
    assert run(story, "touch", "/data/file") == (0, "")
    assert run(story, "ls", "/other", container="b") == (0, "file\n")


def test_empty_dir_outlives_a_restart_but_not_the_pod(story: Any, c: Any) -> None:
    pod = {"volumes": [{"name": "d", "emptyDir": {}}], "terminationGracePeriodSeconds": 1}
    story.pod(c("a", volumeMounts=[mount("d", "/data")]), **pod)
    story.run("5s")
    run(story, "touch", "/data/file")
    story.exit(1)
    story.run("3s")
    assert story.of("a")["restartCount"] == 1
    assert run(story, "ls", "/data") == (0, "file\n")
    story.node.delete("default/web")
    story.run("20s")
    story.pod(c("a", volumeMounts=[mount("d", "/data")]), **pod)
    story.run("5s")
    assert run(story, "ls", "/data") == (0, "")


def test_read_only_mount(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[mount("d", "/data", readOnly=True)]), volumes=[{"name": "d", "emptyDir": {}}])
    story.run("5s")
    code, text = run(story, "touch", "/data/file")
    assert (code, text.rstrip().endswith("Read-only file system")) == (1, True)
    assert story.of("a")["volumeMounts"] == [
        {"name": "d", "mountPath": "/data", "readOnly": True, "recursiveReadOnly": "Disabled"}
    ]


def test_sub_path(story: Any, c: Any) -> None:
    story.pod(
        c("a", volumeMounts=[mount("d", "/data"), mount("d", "/part", subPath="sub/dir")]),
        volumes=[{"name": "d", "emptyDir": {}}],
    )
    story.run("5s")
    run(story, "touch", "/part/file")
    assert run(story, "ls", "/data/sub/dir") == (0, "file\n")


def test_sub_path_of_an_undefined_variable(story: Any, c: Any) -> None:
    story.pod(
        c("a", volumeMounts=[mount("d", "/data", subPathExpr="$(NOT_THERE)")]), volumes=[{"name": "d", "emptyDir": {}}]
    )
    story.run("5s")
    assert story.waiting() == "CreateContainerConfigError: missing value for NOT_THERE"


def test_a_mounted_volume_delays_the_start(story: Any, c: Any) -> None:
    """The wait for mounts polls every 300 ms (00-observed, Timing)."""
    story.pod(c("a", volumeMounts=[mount("d", "/data")]), volumes=[{"name": "d", "emptyDir": {}}])
    story.run("5s")
    story.check(
        story.calls(methods={"RunPodSandbox"}),
        """
        0.300s RunPodSandbox
        """,
    )


def test_host_path_type_check(story: Any, c: Any) -> None:
    story.pod(
        c("a", volumeMounts=[mount("h", "/data")]),
        volumes=[{"name": "h", "hostPath": {"path": "/srv/missing", "type": "Directory"}}],
    )
    story.run("30s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        """,
    )
    story.check(
        story.events(),
        """
        Warning FailedMount (x6): MountVolume.SetUp failed for volume "h" : hostPath type check failed: /srv/missing
            is not a directory
        """,
    )
    assert story.calls(methods={"RunPodSandbox"}) == ""


def test_host_path_that_appears_later(story: Any, c: Any) -> None:
    story.pod(
        c("a", volumeMounts=[mount("h", "/data")]),
        volumes=[{"name": "h", "hostPath": {"path": "/srv/later", "type": "Directory"}}],
    )
    story.run("5s")
    story.node._world._host_files.make_dirs("/srv/later")
    story.run("30s")
    assert story.is_running("a")


def test_host_path_is_made_when_asked_for(story: Any, c: Any) -> None:
    story.pod(
        c("a", volumeMounts=[mount("h", "/data"), mount("f", "/file")]),
        volumes=[
            {"name": "h", "hostPath": {"path": "/srv/made", "type": "DirectoryOrCreate"}},
            {"name": "f", "hostPath": {"path": "/srv/made/file", "type": "FileOrCreate"}},
        ],
    )
    story.run("5s")
    assert story.is_running("a")
    assert run(story, "ls", "/data") == (0, "file\n")


def test_a_volume_that_nobody_mounts_does_not_matter(story: Any, c: Any) -> None:
    story.pod(c("a"), volumes=[{"name": "h", "hostPath": {"path": "/srv/missing", "type": "Directory"}}])
    story.run("5s")
    assert story.is_running("a")


def test_a_volume_that_never_comes(story: Any, c: Any) -> None:
    """Tries at doubling intervals; the sync gives up after two minutes without a word, and begins anew."""
    story.pod(
        c("a", volumeMounts=[mount("h", "/data")]),
        volumes=[{"name": "h", "hostPath": {"path": "/srv/missing", "type": "File"}}],
    )
    times: list[float] = []
    seen = ""
    for _ in range(1400):
        story.run("100ms")
        if story.events() != seen:
            seen = story.events()
            times.append(round((story.node.now_ns - story.start_ns) / 1e9, 1))
    assert times == [0.2, 0.7, 1.7, 3.7, 7.7, 15.7, 31.7, 63.7, 127.7]
    story.check(
        story.events(),
        """
        Warning FailedMount (x9): MountVolume.SetUp failed for volume "h" : hostPath type check failed: /srv/missing
            is not a file
        """,
    )
