"""Volumes of ConfigMaps, Secrets and the downward API: their files, those that are missing, and their changes."""

import base64
import re
from typing import Any

import pytest

POD = "default/web"


def config_map(name: str = "c", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def secret(name: str = "s", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def mounted(c: Any, *mounts: dict[str, Any], **more: Any) -> dict[str, Any]:
    container: dict[str, Any] = c("a", volumeMounts=list(mounts), **more)
    return container


def with_volume(story: Any, c: Any, volume: dict[str, Any], **spec: Any) -> str:
    """A pod with a volume at /v."""
    key: str = story.pod(mounted(c, {"name": "v", "mountPath": "/v"}), volumes=[{"name": "v", **volume}], **spec)
    return key


def run(story: Any, *command: str) -> str:
    answer = story.node.exec(POD, command)
    assert answer.exit_code == 0, answer
    text: str = answer.stdout.decode()
    return text


def listing(story: Any) -> str:
    """Mode, owner, group and name of everything in /v, the time in the name of the directory left out."""
    lines = run(story, "sh", "-c", "cd /v && stat -c '%A %u:%g %N' . ..data * ..data/*").splitlines()
    return "\n".join(line.partition("..20")[0].replace("'", "") for line in lines)


def test_files_of_a_config_map(story: Any, c: Any) -> None:
    binary = base64.b64encode(b"\xff").decode()
    story.node.apply(config_map(data={"a": "1\n", "b.conf": "two"}, binaryData={"raw": binary}))
    with_volume(story, c, {"configMap": {"name": "c"}})
    story.until(lambda: story.is_running("a"))
    assert run(story, "sh", "-c", "cat /v/a /v/b.conf") == "1\ntwo"
    assert story.node.exec(POD, ["cat", "/v/raw"]).stdout == b"\xff"
    story.check(
        listing(story),
        """
        drwxrwxrwx 0:0 .
        lrwxrwxrwx 0:0 ..data ->
        lrwxrwxrwx 0:0 a -> ..data/a
        lrwxrwxrwx 0:0 b.conf -> ..data/b.conf
        lrwxrwxrwx 0:0 raw -> ..data/raw
        -rw-r--r-- 0:0 ..data/a
        -rw-r--r-- 0:0 ..data/b.conf
        -rw-r--r-- 0:0 ..data/raw
        """,
    )


def test_the_group_of_the_pod_owns_its_volumes(story: Any, c: Any) -> None:
    story.node.apply(secret(k="x"))
    source = {"secretName": "s", "defaultMode": 0o400, "items": [{"key": "k", "path": "dir/k"}]}
    with_volume(story, c, {"secret": source}, securityContext={"fsGroup": 3000, "runAsUser": 1000})
    story.until(lambda: story.is_running("a"))
    assert run(story, "cat", "/v/dir/k") == "x"
    assert run(story, "stat", "-c", "%A %u:%g", "/v/dir/k") == "-r--r----- 0:3000\n"
    story.check(
        listing(story),
        """
        drwxrwsrwt 0:3000 .
        lrwxrwxrwx 0:3000 ..data ->
        lrwxrwxrwx 0:3000 dir -> ..data/dir
        drwxr-sr-x 0:3000 ..data/dir
        """,
    )


def test_items_and_modes(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1", "b": "2"}))
    items = [{"key": "b", "path": "deep/er/name", "mode": 0o600}]
    with_volume(story, c, {"configMap": {"name": "c", "items": items, "defaultMode": 0o440}})
    story.until(lambda: story.is_running("a"))
    assert run(story, "sh", "-c", "cd /v; find . -follow -type f; stat -c %a deep/er/name").splitlines()[-1] == "600"
    assert run(story, "cat", "/v/deep/er/name") == "2"
    assert run(story, "ls", "/v") == "deep\n"


def test_volumes_are_read_only(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    with_volume(story, c, {"configMap": {"name": "c"}})
    story.until(lambda: story.is_running("a"))
    answer = story.node.exec(POD, ["sh", "-c", "echo x > /v/new"])
    assert b"Read-only file system" in answer.stderr


def test_the_downward_api(story: Any, c: Any) -> None:
    items = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "a", "resource": "limits.cpu", "divisor": "1m"}},
    ]
    with_volume(story, c, {"downwardAPI": {"items": items}}, meta={"labels": {"b": "2", "a": "1"}})
    story.until(lambda: story.is_running("a"))
    assert run(story, "cat", "/v/labels") == 'a="1"\nb="2"'
    assert run(story, "cat", "/v/name") == "web"
    assert int(run(story, "cat", "/v/cpu")) > 0


def test_a_projected_volume_has_the_files_of_all_its_sources(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "map", "both": "map"}))
    story.node.apply(secret(both="secret"))
    sources = [
        {"configMap": {"name": "c"}},
        {"secret": {"name": "s"}},
        {"secret": {"name": "none", "optional": True}},
        {"downwardAPI": {"items": [{"path": "who/ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    with_volume(story, c, {"projected": {"sources": sources}})
    story.until(lambda: story.is_running("a"))
    assert run(story, "sh", "-c", "cd /v; ls; cat a both who/ns") == "a\nboth\nwho\nmapsecretdefault"


@pytest.mark.parametrize(
    ("volume", "text"),
    [
        ({"configMap": {"name": "x"}}, 'configmap "x" not found'),
        ({"secret": {"secretName": "x"}}, 'secret "x" not found'),
        (
            {"configMap": {"name": "c", "items": [{"key": "k", "path": "k"}]}},
            "configmap references non-existent config key: k",
        ),
        (
            {"secret": {"secretName": "s", "items": [{"key": "k", "path": "k"}]}},
            "references non-existent secret key: k",
        ),
        (
            {"projected": {"sources": [{"secret": {"name": "x"}}, {"configMap": {"name": "x"}}]}},
            '[secret "x" not found, configmap "x" not found]',
        ),
    ],
)
def test_what_is_missing(story: Any, c: Any, volume: dict[str, Any], text: str) -> None:
    story.node.apply(config_map())
    story.node.apply(secret())
    with_volume(story, c, volume)
    story.run("10s")
    assert story.waiting() == "ContainerCreating: "
    assert story.events() == f'Warning FailedMount (x5): MountVolume.SetUp failed for volume "v" : {text}'
    for name in ("x", "c"):
        story.node.apply(config_map(name, data={"k": "1"}))
    for name in ("x", "s"):
        story.node.apply(secret(name, k="1"))
    story.until(lambda: story.is_running("a"), at_most="10s")
    assert run(story, "cat", "/v/k") == "1"


def test_a_container_that_waits_for_a_volume(story: Any, c: Any) -> None:
    with_volume(story, c, {"configMap": {"name": "c"}})
    story.run("130s")
    story.node.apply(config_map(data={"a": "1"}))
    story.until(lambda: story.is_running("a"), at_most="150s")
    story.check(
        story.versions() + "\n" + story.events(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        250.031s phase=Running a: running ready
        Warning FailedMount (x9): MountVolume.SetUp failed for volume "v" : configmap "c" not found
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a: Container created
        Normal Started a: Container started
        """,
    )


def test_an_optional_object_that_is_missing_is_an_empty_volume(story: Any, c: Any) -> None:
    with_volume(story, c, {"configMap": {"name": "c", "optional": True}})
    story.until(lambda: story.is_running("a"))
    assert run(story, "ls", "/v") == ""
    story.node.apply(config_map(data={"late": "1"}))
    story.run("100s")
    assert run(story, "cat", "/v/late") == "1"


def test_a_change_reaches_the_files_at_the_next_sync(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"stays": "1", "goes": "1"}))
    with_volume(story, c, {"configMap": {"name": "c"}})
    story.until(lambda: story.is_running("a"))
    story.run("5s")
    before = run(story, "readlink", "/v/..data")
    story.node.apply(config_map(data={"stays": "2", "comes": "1"}))
    story.run("1s")
    assert run(story, "cat", "/v/stays") == "1"
    story.run("90s")
    assert run(story, "sh", "-c", "cd /v; ls; cat stays comes") == "comes\nstays\n21"
    assert run(story, "readlink", "/v/..data") != before
    assert run(story, "sh", "-c", "ls -A /v | grep -c ^..20") == "1\n"
    after = run(story, "readlink", "/v/..data")
    story.run("200s")
    assert run(story, "readlink", "/v/..data") == after


def test_an_object_that_is_deleted_leaves_its_files(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    with_volume(story, c, {"configMap": {"name": "c"}})
    story.until(lambda: story.is_running("a"))
    story.run("5s")
    story.node.delete("configmap/default/c")
    story.run("100s")
    assert run(story, "cat", "/v/a") == "1"
    assert "FailedMount" in story.events()
    story.node.apply(config_map(data={"a": "2"}))
    story.run("150s")
    assert run(story, "cat", "/v/a") == "2"
    assert story.is_running("a")


def test_a_sub_path_keeps_the_file_it_was_started_with(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    mounts = [
        {"name": "v", "mountPath": "/etc/a", "subPath": "a"},
        {"name": "v", "mountPath": "/etc/b", "subPathExpr": "$(FILE)"},
        {"name": "v", "mountPath": "/v"},
    ]
    env = [{"name": "FILE", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "which"}}}]
    story.node.apply(config_map(data={"a": "1", "which": "a"}))
    story.pod(mounted(c, *mounts, env=env), volumes=[{"name": "v", "configMap": {"name": "c"}}])
    story.until(lambda: story.is_running("a"))
    assert run(story, "cat", "/etc/a", "/etc/b") == "11"
    story.node.apply(config_map(data={"a": "2", "which": "a"}))
    story.run("100s")
    assert run(story, "cat", "/v/a") == "2"
    assert run(story, "cat", "/etc/a", "/etc/b") == "11"


def test_a_volume_below_another(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    volumes = [{"name": "v", "configMap": {"name": "c"}}, {"name": "w", "emptyDir": {}}]
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/v/below/it"}]
    story.pod(mounted(c, *mounts), volumes=volumes)
    story.until(lambda: story.is_running("a"))
    assert run(story, "sh", "-c", "echo x > /v/below/it/f; cat /v/a /v/below/it/f") == "1x\n"


def test_files_are_gone_with_the_pod(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    key = with_volume(story, c, {"configMap": {"name": "c"}})
    story.until(lambda: story.is_running("a"))
    (uid,) = [one["metadata"]["uid"] for one in story.node.pods()]
    files = story.node._world._host_files
    assert files.kind(f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~configmap/v") == "directory"
    story.node.delete(key, grace_seconds=1)
    story.run("30s")
    assert files.kind(f"/var/lib/kubelet/pods/{uid}") is None


def test_a_new_kubelet_takes_over_the_files(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    with_volume(story, c, {"configMap": {"name": "c"}})
    story.until(lambda: story.is_running("a"))
    before = run(story, "readlink", "/v/..data")
    story.node.apply(config_map(data={"a": "1"}))
    story.node.restart_kubelet()
    story.run("10s")
    assert run(story, "readlink", "/v/..data") == before
    story.node.restart_kubelet(down_for="1s")
    story.node.apply(config_map(data={"a": "2"}))
    story.run("100s")
    assert run(story, "cat", "/v/a") == "2"


def test_an_item_below_another_one(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    items = [{"key": "a", "path": "x"}, {"key": "a", "path": "x/y"}]
    with_volume(story, c, {"configMap": {"name": "c", "items": items}})
    story.run("5s")
    assert story.waiting() == "ContainerCreating: "
    assert re.search(
        r"FailedMount: MountVolume.SetUp failed for volume \"v\" : open \S+/x: is a directory", story.events()
    )


def test_a_sub_path_below_a_file(story: Any, c: Any) -> None:
    story.node.apply(config_map(data={"a": "1"}))
    mounts = {"name": "v", "mountPath": "/x", "subPath": "a/b"}
    story.pod(mounted(c, mounts), volumes=[{"name": "v", "configMap": {"name": "c"}}])
    story.run("5s")
    assert story.waiting() == (
        'CreateContainerConfigError: failed to prepare subPath for volumeMount "v" of container "a"'
    )
