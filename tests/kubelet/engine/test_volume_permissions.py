"""Who may do what with the directories of volumes, and what lies under them. Seen on a real kubelet 1.36."""

from typing import Any

import pytest

LIST = "ls -ldn {} | tr -s ' ' | cut -d' ' -f1,3,4,9"
EMPTY = [{"name": "v", "emptyDir": {}}]
MEMORY = [{"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}]


def shown(story: Any, script: str) -> list[str]:
    answer = story.node.exec("default/web", ["sh", "-c", script])
    lines: list[str] = (answer.stdout + answer.stderr).decode().splitlines()
    return lines


@pytest.mark.parametrize(
    ("volumes", "context", "line"),
    [
        (EMPTY, {}, "drwxrwxrwx 0 0 /v"),
        (EMPTY, {"fsGroup": 3000}, "drwxrwsrwx 0 3000 /v"),
        (MEMORY, {}, "drwxrwxrwt 0 0 /v"),
        (MEMORY, {"fsGroup": 3000}, "drwxrwsrwt 0 3000 /v"),
        ([{"name": "v", "downwardAPI": {"items": []}}], {}, "drwxrwxrwt 0 0 /v"),
        ([{"name": "v", "projected": {"sources": []}}], {}, "drwxrwxrwt 0 0 /v"),
        ([{"name": "v", "configMap": {"name": "c", "optional": True}}], {}, "drwxrwxrwx 0 0 /v"),
        ([{"name": "v", "secret": {"secretName": "s", "optional": True}}], {}, "drwxrwxrwt 0 0 /v"),
    ],
)
def test_the_root_of_a_volume(story: Any, c: Any, volumes: Any, context: dict[str, Any], line: str) -> None:
    story.pod(c("a", volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=volumes, securityContext=context)
    story.run("5s")
    assert shown(story, LIST.format("/v")) == [line]
    kind = "tmpfs" if line.startswith(("drwxrwxrwt", "drwxrwsrwt")) else "ext4"
    assert shown(story, "mount | grep ' /v ' | cut -d' ' -f5") == [kind]


def test_the_room_of_a_volume_in_memory(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=MEMORY)
    story.run("5s")
    shown(story, "head -c 1048577 /dev/zero > /v/x")
    assert shown(story, "df -k /v | tail -1 | tr -s ' '") == ["tmpfs 8192 1028 7164 13% /v"]


@pytest.mark.parametrize(
    ("context", "above", "line"),
    [
        ({}, "drwxrwxrwx 0 0 /v/x", "drwxrwxrwx 0 0 /y"),
        ({"fsGroup": 3000}, "drwxrwsrwx 0 3000 /v/x", "drwxrwsrwx 0 3000 /y"),
    ],
)
def test_directories_of_a_sub_path(story: Any, c: Any, context: dict[str, Any], above: str, line: str) -> None:
    """All that are made have the permissions of the volume, so that any user of the container may write there."""
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/y", "subPath": "x/y"}]
    user = c("a", volumeMounts=mounts, securityContext={"runAsUser": 1000})
    story.pod(user, volumes=EMPTY, securityContext=context)
    story.run("5s")
    assert shown(story, f"{LIST.format('/v/x')}; {LIST.format('/y')}") == [above, line]
    group = context.get("fsGroup", 0)
    assert shown(story, f"echo > /y/f && {LIST.format('/y/f')}") == [f"-rw-r--r-- 1000 {group} /y/f"]


def test_a_host_path_behind_a_link(story: Any, c: Any) -> None:
    files = story.node._world._host_files
    files.make_dirs("/srv/real")
    files.make_link("/srv/link", "real")
    files.make_link("/srv/nowhere", "none")
    files.make_link("/srv/round", "round")
    mounts = [{"name": "v", "mountPath": "/v"}]
    for name, path in (("web", "link"), ("nowhere", "nowhere"), ("round", "round")):
        volumes = [{"name": "v", "hostPath": {"path": f"/srv/{path}", "type": "Directory"}}]
        story.pod(c("a", volumeMounts=mounts), name=name, volumes=volumes)
    story.run("5s")
    assert story.is_running("a")
    for name in ("nowhere", "round"):
        failed = f"hostPath type check failed: /srv/{name} is not a directory"
        assert story.events(f"default/{name}").endswith(f'MountVolume.SetUp failed for volume "v" : {failed}')


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("FileOrCreate", "open /none/a/b: no such file or directory"),
        ("DirectoryOrCreate", "mkdir /file/a: not a directory"),
    ],
)
def test_a_host_path_that_cannot_be_made(story: Any, c: Any, kind: str, problem: str) -> None:
    path = problem.split()[1].rstrip(":")
    story.node._world._host_files.write("/file", b"")
    volumes = [{"name": "v", "hostPath": {"path": path, "type": kind}}]
    story.pod(c("a", volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=volumes)
    story.run("5s")
    assert story.events().endswith(f'MountVolume.SetUp failed for volume "v" : {problem}')


def test_a_file_that_is_made(story: Any, c: Any) -> None:
    story.node._world._host_files.make_dirs("/srv")
    volumes = [{"name": "v", "hostPath": {"path": "/srv/f", "type": "FileOrCreate"}}]
    story.pod(c("a", volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=volumes)
    story.run("5s")
    assert shown(story, LIST.format("/v")) == ["-rw-r--r-- 0 0 /v"]
