"""Parts of volumes: the place that the runtime is given, what lies behind it, and what leads out of the volume."""

from typing import Any

import pytest

from kubesim.kubelet.host_path import real_path
from kubesim.kubelet.sub_paths import SubPathFailed, prepare_sub_path
from kubesim.userland.files.host_files import MemoryHostFiles

PLACE = "/pods/u/volume-subpaths/v/c/0"


def exec_in(story: Any, container: str, *command: str) -> str:
    result = story.node.exec("default/web", list(command), container=container)
    assert result.exit_code == 0, result.stderr
    return str(result.stdout.decode())


def host_paths(story: Any) -> list[tuple[str, str]]:
    """Container paths and host paths of the volume mounts that the runtime was sent."""
    (uid,) = {one["metadata"]["uid"] for one in story.node.pods()}
    return [
        (mount["container_path"], mount["host_path"].replace(uid, "UID"))
        for entry in story.node.journal
        if entry.method == "CreateContainer"
        for mount in entry.as_dict()["request"]["config"]["mounts"]
        if mount["container_path"].startswith("/m")
    ]


def test_the_runtime_is_given_a_place_of_the_pod(story: Any, c: Any) -> None:
    mounts = [
        {"name": "d", "mountPath": "/m0"},
        {"name": "d", "mountPath": "/m1", "subPath": "a/b"},
        {"name": "d", "mountPath": "/m2", "subPathExpr": "$(WHO)"},
    ]
    again = [{"name": "d", "mountPath": "/m3", "subPath": "a"}]
    env = [{"name": "WHO", "value": "me"}]
    volumes = [{"name": "d", "emptyDir": {}}]
    story.pod(c("x", volumeMounts=mounts, env=env), c("y", volumeMounts=again), volumes=volumes)
    story.run("5s")
    assert host_paths(story) == [
        ("/m0", "/var/lib/kubelet/pods/UID/volumes/kubernetes.io~empty-dir/d"),
        ("/m1", "/var/lib/kubelet/pods/UID/volume-subpaths/d/x/1"),
        ("/m2", "/var/lib/kubelet/pods/UID/volume-subpaths/d/x/2"),
        ("/m3", "/var/lib/kubelet/pods/UID/volume-subpaths/d/y/0"),
    ]
    exec_in(story, "x", "sh", "-c", "echo hello > /m1/f; echo you > /m2/g")
    assert exec_in(story, "y", "cat", "/m3/b/f") == "hello\n"
    assert exec_in(story, "x", "cat", "/m0/a/b/f", "/m0/me/g") == "hello\nyou\n"


def test_the_place_goes_and_the_part_of_the_host_stays(story: Any, c: Any) -> None:
    story.node.write_file("/srv/part/f", "of the host")
    volumes = [{"name": "h", "hostPath": {"path": "/srv"}}]
    key = story.pod(c("x", volumeMounts=[{"name": "h", "mountPath": "/m", "subPath": "part"}]), volumes=volumes)
    story.run("5s")
    assert exec_in(story, "x", "cat", "/m/f") == "of the host"
    (uid,) = [one["metadata"]["uid"] for one in story.node.pods()]
    files = story.node._world._host_files
    assert files.kind(f"/var/lib/kubelet/pods/{uid}/volume-subpaths/h/x/0") == "directory"
    story.node.delete(key, grace_seconds=1)
    story.run("30s")
    assert files.kind(f"/var/lib/kubelet/pods/{uid}") is None
    assert files.read("/srv/part/f") == b"of the host"


def test_the_next_life_gets_what_is_there_now(story: Any, c: Any) -> None:
    """A file of a ConfigMap is another file after each change; the place is bound anew at each start."""
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    story.node.apply({**made, "data": {"a": "1"}})
    mounts = [{"name": "v", "mountPath": "/m", "subPath": "a"}, {"name": "v", "mountPath": "/all"}]
    story.pod(c("x", volumeMounts=mounts), volumes=[{"name": "v", "configMap": {"name": "c"}}])
    story.run("5s")
    story.node.apply({**made, "data": {"a": "2"}})
    story.run("100s")
    assert exec_in(story, "x", "cat", "/m", "/all/a") == "12"
    story.node.exit_container("default/web", 1, container="x")
    story.run("30s")
    assert exec_in(story, "x", "cat", "/m", "/all/a") == "22"
    assert [path for at, path in host_paths(story) if at == "/m"] == [
        "/var/lib/kubelet/pods/UID/volume-subpaths/v/x/0"
    ] * 2


def test_a_new_kubelet_finds_the_place(story: Any, c: Any) -> None:
    volumes = [{"name": "d", "emptyDir": {}}]
    story.pod(c("x", volumeMounts=[{"name": "d", "mountPath": "/m", "subPath": "a"}]), volumes=volumes)
    story.run("5s")
    exec_in(story, "x", "touch", "/m/f")
    story.node.restart_kubelet()
    story.node.exit_container("default/web", 1, container="x")
    story.run("30s")
    assert exec_in(story, "x", "ls", "/m") == "f\n"


def test_a_part_of_a_volume_in_memory(story: Any, c: Any) -> None:
    volumes = [{"name": "d", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    story.pod(c("x", volumeMounts=[{"name": "d", "mountPath": "/m", "subPath": "a"}]), volumes=volumes)
    story.run("5s")
    assert exec_in(story, "x", "df", "/m").splitlines()[1].split()[:2] == ["tmpfs", "1024"]


def test_a_link_out_of_the_volume(story: Any, c: Any) -> None:
    """What a container put into a volume leads another one nowhere else."""
    link = c("i", "ln", "-s", "/", "/v/out", volumeMounts=[{"name": "d", "mountPath": "/v"}])
    story.pod(
        c("x", volumeMounts=[{"name": "d", "mountPath": "/m", "subPath": "out"}]),
        initContainers=[link],
        volumes=[{"name": "d", "emptyDir": {}}],
    )
    story.run("20s")
    assert story.waiting("x") == (
        'CreateContainerConfigError: failed to prepare subPath for volumeMount "d" of container "x"'
    )


@pytest.fixture
def disk() -> MemoryHostFiles:
    """A volume at /v with files and links, some of them out of it."""
    files = MemoryHostFiles()
    files.make_dirs("/v/dir")
    files.make_dirs("/etc")
    files.write("/v/file", b"x")
    for name, target in {
        "within": "dir",
        "absolute": "/v/dir",
        "around": "../v/dir",
        "out": "/etc",
        "nowhere": "gone",
        "circle": "circle",
    }.items():
        files.make_link(f"/v/{name}", target)
    return files


def prepared(files: MemoryHostFiles, sub_path: str) -> str:
    return prepare_sub_path(files, volume="/v", sub_path=sub_path, place=PLACE)


@pytest.mark.parametrize(
    ("sub_path", "real"),
    [
        ("dir", "/v/dir"),
        ("./dir//", "/v/dir"),
        ("within", "/v/dir"),
        ("absolute", "/v/dir"),
        ("around", "/v/dir"),
        ("within/new/one", "/v/dir/new/one"),
        ("new", "/v/new"),
        (".", "/v"),
        ("file", "/v/file"),
    ],
)
def test_where_a_path_leads(disk: MemoryHostFiles, sub_path: str, real: str) -> None:
    assert prepared(disk, sub_path) == PLACE
    assert disk.kind(PLACE) == disk.kind(real)
    assert disk.confined(PLACE).base == real
    assert prepared(disk, sub_path) == PLACE  # as for the next life of the container


@pytest.mark.parametrize(
    ("sub_path", "step"),
    [
        ("out", "prepare subPath"),
        ("circle", "prepare subPath"),
        ("file/below", "prepare subPath"),
        ("nowhere", "create subPath directory"),
        ("nowhere/below", "create subPath directory"),
        ("out/new", "create subPath directory"),
    ],
)
def test_where_no_path_leads(disk: MemoryHostFiles, sub_path: str, step: str) -> None:
    with pytest.raises(SubPathFailed) as caught:
        prepared(disk, sub_path)
    assert str(caught.value) == step
    assert disk.list_dir("/etc") == []


def test_a_file_in_the_place_of_a_directory(disk: MemoryHostFiles) -> None:
    prepared(disk, "dir")
    with pytest.raises(SubPathFailed, match="prepare subPath"):
        prepared(disk, "file")


def test_without_binds_the_part_itself(disk: MemoryHostFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryHostFiles, "can_bind", False)
    assert prepared(disk, "within") == "/v/dir"
    assert disk.kind("/pods") is None


def test_paths_without_links(disk: MemoryHostFiles) -> None:
    assert real_path(disk, "/v/within/../file") == "/v/file"
    assert real_path(disk, "/../v") == "/v"
    assert real_path(disk, "/") == "/"
    assert real_path(disk, "/v/nowhere") is None
