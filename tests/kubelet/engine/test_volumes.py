"""Directories and mounts made from a pod's volumes."""

from typing import Any

import msgspec
import pytest

from kubesim.cri import api
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.volumes import ContainerConfigError, ImageVolume, PodVolumes, mounted_volumes
from kubesim.model import k8s_v1 as v1
from kubesim.userland.files.host_files import MemoryHostFiles

EMPTY = v1.Volume(name="d", empty_dir=v1.EmptyDirVolumeSource())
IMAGE = v1.Volume(name="v", image=v1.ImageVolumeSource(reference="x", pull_policy="Always"))
UNRESOLVED = "failed to resolve recursive read-only mode"
EMPTY_PATH = "/var/lib/kubelet/pods/u-1/volumes/kubernetes.io~empty-dir/d"


def host_path(path: str, kind: str | None = None) -> v1.Volume:
    return v1.Volume(name="h", host_path=v1.HostPathVolumeSource(path=path, type=kind))


class Bench:
    """One pod with some volumes, and a container `a` with some mounts."""

    def __init__(self, *volumes: v1.Volume, mounts: list[v1.VolumeMount]) -> None:
        self.files = MemoryHostFiles()
        self.volumes = PodVolumes(self.files, PodDirectories(), supports_rro=lambda: True, config_volumes=None)
        self.container = v1.Container(name="a", volume_mounts=mounts)
        self.pod = v1.Pod(
            metadata=v1.ObjectMeta(name="web", namespace="default", uid="u-1"),
            spec=v1.PodSpec(containers=[self.container], volumes=list(volumes)),
        )

    def mounts(self, **environment: str) -> list[api.Mount]:
        pulled = {"v": ImageVolume(image_ref="sha256:1", user_specified_image="x")}
        return self.volumes.mounts(self.pod, self.container, environment=environment, image_volumes=pulled)


def mount(name: str, **more: Any) -> v1.VolumeMount:
    return v1.VolumeMount(name=name, mount_path="/m", **more)


def test_empty_dir() -> None:
    bench = Bench(EMPTY, mounts=[mount("d")])
    assert bench.volumes.set_up(bench.pod) == {}
    assert bench.files.kind(EMPTY_PATH) == "directory"
    (found,) = bench.mounts()
    assert (found.container_path, found.host_path, found.readonly, found.selinux_relabel) == (
        "/m",
        EMPTY_PATH,
        False,
        True,
    )
    bench.volumes.tear_down(bench.pod)
    assert bench.files.kind(EMPTY_PATH) is None


def test_sub_path_is_made() -> None:
    bench = Bench(EMPTY, mounts=[mount("d", sub_path_expr="$(WHO)/x")])
    (found,) = bench.mounts(WHO="me")
    assert found.host_path == "/var/lib/kubelet/pods/u-1/volume-subpaths/d/a/0"
    assert bench.files.kind(f"{EMPTY_PATH}/me/x") == "directory"


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (None, ""),
        ("", ""),
        ("DirectoryOrCreate", ""),
        ("FileOrCreate", ""),
        ("Directory", "hostPath type check failed: /srv/x is not a directory"),
        ("File", "hostPath type check failed: /srv/x is not a file"),
        ("Socket", "hostPath type check failed: /srv/x is not a socket file"),
        ("CharDevice", "hostPath type check failed: /srv/x is not a character device"),
        ("BlockDevice", "hostPath type check failed: /srv/x is not a block device"),
    ],
)
def test_host_path_of_a_missing_file(kind: str | None, problem: str) -> None:
    bench = Bench(host_path("/srv/x", kind), mounts=[mount("h")])
    bench.files.make_dirs("/srv")
    text = f'MountVolume.SetUp failed for volume "h" : {problem}'
    assert bench.volumes.set_up(bench.pod) == ({"h": text} if problem else {})


def test_host_path_of_the_wrong_kind() -> None:
    bench = Bench(host_path("/srv/x", "DirectoryOrCreate"), mounts=[mount("h")])
    bench.files.make_dirs("/srv")
    bench.files.write("/srv/x", b"")
    assert list(bench.volumes.set_up(bench.pod)) == ["h"]
    (found,) = bench.mounts()
    assert (found.host_path, found.selinux_relabel) == ("/srv/x", False)


def test_a_volume_that_nobody_mounts_is_not_looked_at() -> None:
    bench = Bench(host_path("/srv/x", "Directory"), EMPTY, mounts=[mount("d")])
    assert mounted_volumes(bench.pod) == ["d"]
    assert bench.volumes.set_up(bench.pod) == {}


def test_image_volume() -> None:
    bench = Bench(IMAGE, mounts=[mount("v", sub_path="dir")])
    (found,) = bench.mounts()
    assert (found.host_path, found.readonly, found.image_sub_path, found.selinux_relabel) == ("", True, "dir", False)
    assert (found.image.image, found.image.user_specified_image) == ("sha256:1", "x")


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (mount("ghost"), 'cannot find volume "ghost" to mount into container "a"'),
        (mount("d", sub_path_expr="$(B)$(A)"), "missing value for A, B"),
        (mount("d", sub_path="../x"), "unable to provision SubPath `../x`: must not contain '..'"),
        (mount("d", sub_path="/x"), "error SubPath `/x` must not be an absolute path"),
        (
            mount("d", recursive_read_only="Enabled"),
            f'{UNRESOLVED}: volume "d" requested recursive read-only mode, but it is not read-only',
        ),
    ],
)
def test_refusals(wrong: v1.VolumeMount, text: str) -> None:
    with pytest.raises(ContainerConfigError) as refused:
        Bench(EMPTY, mounts=[wrong]).mounts()
    assert str(refused.value) == text


def test_an_empty_dir_belongs_to_the_group_of_the_pod() -> None:
    bench = Bench(EMPTY, mounts=[mount("d")])
    bench.pod = msgspec.structs.replace(
        bench.pod,
        spec=msgspec.structs.replace(bench.pod.spec, security_context=v1.PodSecurityContext(fs_group=3000)),
    )
    assert bench.volumes.set_up(bench.pod) == {}
    found = bench.files.stat(EMPTY_PATH)
    assert found is not None
    assert (found.mode, found.uid, found.gid) == (0o2777, 0, 3000)


def test_without_an_api_server_there_are_no_files_of_objects() -> None:
    bench = Bench(v1.Volume(name="c", config_map=v1.ConfigMapVolumeSource(name="x")), mounts=[mount("c")])
    text = "cannot setup volume c because kube client is not configured"
    assert bench.volumes.set_up(bench.pod) == {"c": f'MountVolume.SetUp failed for volume "c" : {text}'}


@pytest.mark.parametrize(
    ("path", "kind", "starts"),
    [
        ("/etc/hostname", "File", True),
        ("/etc/passwd", "File", True),
        ("/var/log", "Directory", True),
        ("/tmp", "Directory", True),
        ("/etc/hostname", "Directory", False),
        ("/var/log", "File", False),
        ("/etc/no-such", "File", False),
    ],
)
def test_a_machine_has_what_every_machine_has(story: Any, c: Any, path: str, kind: str, starts: bool) -> None:
    mounts = [{"name": "h", "mountPath": "/h"}]
    story.pod(c("a", volumeMounts=mounts), volumes=[{"name": "h", "hostPath": {"path": path, "type": kind}}])
    story.run("3s")
    assert story.status()["phase"] == ("Running" if starts else "Pending")


def test_the_name_of_the_machine_is_in_a_file(story: Any, c: Any) -> None:
    story.pod(
        c("a", "sh", "-c", "cat /h > /dev/termination-log", volumeMounts=[{"name": "h", "mountPath": "/h"}]),
        volumes=[{"name": "h", "hostPath": {"path": "/etc/hostname", "type": "File"}}],
        restartPolicy="Never",
    )
    story.run("3s")
    assert story.of("a")["state"]["terminated"]["message"] == "node-1\n"
