"""Image volumes: what is mounted, what is refused and how, and what the status says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, make_artifact
from kubesim.images.tree import symlink_node

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
BUSYBOX, DATA, BLOBS = "registry.example/busybox:1", "registry.example/data:v1", "registry.example/blobs:v1"


def volume(**changes: Any) -> api.Mount:
    fields: dict[str, Any] = {"container_path": "/volume", "image": api.ImageSpec(image=DATA), "readonly": True}
    return api.Mount(**(fields | changes))


@pytest.fixture
def with_data(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes whose image `data` has dir/file and file, and links that lead here and there."""
    files = {
        "/dir/file": b"1",
        "/file": b"2",
        "/link": symlink_node("dir"),
        "/escape": symlink_node("../../etc"),
        "/absolute": symlink_node("/etc"),
        "/loop": symlink_node("loop"),
    }
    artifact = make_artifact(
        Declared(references=(BLOBS,), is_present=True),
        Artifact(
            artifact_type="application/x",
            blobs=(ArtifactBlob("dir/file", b"1"), ArtifactBlob("file", b"2"), ArtifactBlob(None, b"3")),
        ),
    )
    return lambda profile: new_node(
        profile, images=(new_image(BUSYBOX), new_image(DATA, files=files, marker="data"), artifact)
    )


def cat(node: Any, ctr: str, path: str) -> bytes:
    response = node.do(node.execing(ctr, "cat", path))
    assert response.exit_code == 0, response.stderr
    return bytes(response.stdout)


@pytest.mark.parametrize("profile", ["containerd-2.1", "containerd-2.3", "cri-o-1.31", "cri-o-1.36", "ideal"])
def test_an_image_is_mounted_read_only(with_data: Any, profile: str) -> None:
    node = with_data(profile)
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=[volume()])
    assert cat(node, ctr, "/volume/file") == b"2"
    assert cat(node, ctr, "/volume/dir/file") == b"1"
    response = node.do(node.execing(ctr, "touch", "/volume/x"))
    assert b"Read-only file system" in response.stderr
    assert node.do(node.execing(ctr, "/volume/bin/echo", "runs")).stdout == b"runs\n"


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.0", 'failed to mkdir "": mkdir : no such file or directory'),
        ("cri-o-1.30", "mount.HostPath is empty"),
    ],
)
def test_runtimes_that_do_not_know_image_mounts(with_data: Any, profile: str, message: str) -> None:
    node = with_data(profile)
    error = node.refused(node.creating(node.run_pod(), node.container_config("true", mounts=[volume()])))
    assert error.message.endswith(message)


@pytest.mark.parametrize(
    ("profile", "changes", "code", "message"),
    [
        (
            CONTAINERD,
            {"image": api.ImageSpec(image="registry.example/none:1")},
            Code.NOT_FOUND,
            'failed to mount image volume: ImageVolumeMountFailed: failed to resolve image "registry.example/none:1"',
        ),
        (
            CRIO,
            {"image": api.ImageSpec(image="registry.example/none:1")},
            Code.UNKNOWN,
            'ImageVolumeMountFailed: image "registry.example/none:1" does not exist locally',
        ),
        (
            CONTAINERD,
            {"readonly": False},
            Code.UNKNOWN,
            f'readonly must be true while mount image: container_path:"/volume" image:{{image:"{DATA}"}}',
        ),
        (
            "containerd-2.1",
            {"readonly": False},
            Code.UNKNOWN,
            (
                "readonly must be true while mount image: &Mount{ContainerPath:/volume,HostPath:,Readonly:false,"
                "SelinuxRelabel:false,Propagation:PROPAGATION_PRIVATE,UidMappings:[]*IDMapping{},"
                "GidMappings:[]*IDMapping{},RecursiveReadOnly:false,"
                f"Image:&ImageSpec{{Image:{DATA},Annotations:map[string]string{{}},UserSpecifiedImage:,RuntimeHandler:,}},}}"
            ),
        ),
        (CONTAINERD, {"host_path": "/x"}, Code.UNKNOWN, "hostpath must be empty while mount image: "),
        (CONTAINERD, {"image_sub_path": "file"}, Code.UNKNOWN, 'only directory subpath is supported, subpath: "file"'),
        (CONTAINERD, {"image_sub_path": "none"}, Code.UNKNOWN, "openat none: no such file or directory"),
        (CONTAINERD, {"image_sub_path": "escape"}, Code.UNKNOWN, "openat escape: path escapes from parent"),
        (CONTAINERD, {"image_sub_path": "absolute"}, Code.UNKNOWN, "openat absolute: path escapes from parent"),
        (CONTAINERD, {"image_sub_path": "loop"}, Code.UNKNOWN, "openat loop: too many levels of symbolic links"),
        (CONTAINERD, {"image_sub_path": "x" * 256}, Code.UNKNOWN, "x: file name too long"),
        (CRIO, {"image_sub_path": "loop"}, Code.UNKNOWN, "merged/loop: too many levels of symbolic links"),
        (CRIO, {"image_sub_path": "file"}, Code.UNKNOWN, "failed: mount `overlay` to `volume`: Invalid argument"),
        (
            CRIO,
            {"image": api.ImageSpec(image="UPPER")},
            Code.UNKNOWN,
            'get storage image status: cannot parse input: "UPPER": repository name must be lowercase',
        ),
        (CRIO, {"image_sub_path": "none"}, Code.UNKNOWN, f'sub path "none" does not exist in image volume "{DATA}"'),
    ],
)
def test_refusals(with_data: Any, profile: str, changes: dict[str, Any], code: Code, message: str) -> None:
    node = with_data(profile)
    config = node.container_config("true", mounts=[volume(**changes)])
    error = node.refused(node.creating(node.run_pod(), config))
    assert error.code is code
    assert message in error.message
    assert node.containers() == []


@pytest.mark.parametrize(
    ("profile", "sub_path", "path", "content"),
    [
        ("containerd-2.3", "dir", "/volume/file", b"1"),
        ("containerd-2.3", "link", "/volume/file", b"1"),
        ("containerd-2.1", "dir", "/volume/file", b"2"),
        ("cri-o-1.32", "dir", "/volume/file", b"2"),
        ("cri-o-1.33", "dir", "/volume/file", b"1"),
        ("cri-o-1.33", "link", "/volume/file", b"1"),
        ("ideal", "file", "/volume", b"2"),
    ],
)
def test_sub_paths(with_data: Any, profile: str, sub_path: str, path: str, content: bytes) -> None:
    node = with_data(profile)
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=[volume(image_sub_path=sub_path)])
    assert cat(node, ctr, path) == content


@pytest.mark.parametrize("sub_path", ["..", "../dir/..", "/", "absolute/..", "escape/.."])
def test_a_sub_path_counts_from_the_root_of_the_image_for_crio(with_data: Any, sub_path: str) -> None:
    """containerd refuses what leaves the image; nothing leaves it for CRI-O."""
    node = with_data(CRIO)
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=[volume(image_sub_path=sub_path)])
    assert cat(node, ctr, "/volume/file") == b"2"
    (shown,) = node.status(ctr).mounts
    assert re.fullmatch(rf"/run/containers/storage/overlay-containers/{ctr}/userdata/subpath\d+", shown.host_path)


def test_what_the_api_of_a_version_does_not_know_is_lost(with_data: Any) -> None:
    asked = volume(image=api.ImageSpec(image=DATA, image_ref="sent"), image_sub_path="dir")
    for profile, expected in (("containerd-2.1", ("", "")), ("containerd-2.2", ("sent", "dir"))):
        node = with_data(profile)
        (shown,) = node.status(node.start(node.run_pod(), "sleep", "100", mounts=[asked])).mounts
        assert (shown.image.image_ref, shown.image_sub_path) == expected


def test_how_the_status_shows_it(with_data: Any) -> None:
    node = with_data(CONTAINERD)
    pod = node.run_pod()
    asked = volume(image_sub_path="dir", uidMappings=[api.IDMapping(length=1)])
    shown = node.status(node.start(pod, "sleep", "100", mounts=[asked])).mounts[0]
    digest = node.catalogue.find(DATA).digest.partition(":")[2]
    base = f"/run/containerd/io.containerd.grpc.v1.cri/image-volumes/{pod}/{digest}"
    assert shown.host_path == f"{base}/dir"
    assert (shown.image.image, shown.image.image_ref, shown.image_sub_path) == (DATA, "", "dir")
    assert not shown.uidMappings
    crio = with_data(CRIO)
    shown = crio.status(crio.start(crio.run_pod(), "sleep", "100", mounts=[asked])).mounts[0]
    assert shown.image.image == crio.catalogue.find(DATA).id.partition(":")[2]
    assert shown.image_sub_path == ""


def test_the_digest_in_the_status_where_a_runtime_reports_it(with_data: Any) -> None:
    node = with_data("ideal")
    shown = node.status(node.start(node.run_pod(), "sleep", "100", mounts=[volume()])).mounts[0]
    assert shown.image.image_ref == node.catalogue.find(DATA).id


def test_artifacts_are_files(with_data: Any) -> None:
    node = with_data(CRIO)
    mount = volume(image=api.ImageSpec(image=BLOBS))
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=[mount])
    assert cat(node, ctr, "/volume/dir/file") == b"1"
    assert cat(node, ctr, "/volume/file") == b"2"
    assert [shown.container_path for shown in node.status(ctr).mounts] == ["/volume", "/volume"]
    ctr = node.start(
        node.run_pod(node.pod_config("b")),
        "sleep",
        "100",
        mounts=[volume(image=api.ImageSpec(image=BLOBS), image_sub_path="dir")],
        pod_config=node.pod_config("b"),
    )
    assert cat(node, ctr, "/volume/file") == b"1"


def test_a_volume_outlives_its_image(with_data: Any) -> None:
    node = with_data(CONTAINERD)
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=[volume()])
    node.do(node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=DATA))))
    assert cat(node, ctr, "/volume/file") == b"2"


def test_crio_keeps_an_image_that_is_mounted(with_data: Any) -> None:
    node = with_data(CRIO)
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=[volume()])
    request = api.RemoveImageRequest(image=api.ImageSpec(image=DATA))
    assert node.refused(node.cri.remove_image(request)).message == f"the image is in use by {ctr}"


def test_old_versions_cannot_start_with_a_user_namespace(with_data: Any) -> None:
    node = with_data("containerd-2.1.0")
    mapping = [api.IDMapping(host_id=65536, length=65536)]
    options = api.NamespaceOption(userns_options=api.UserNamespace(mode=api.POD, uids=mapping, gids=mapping))
    pod_config = node.pod_config(
        linux=api.LinuxPodSandboxConfig(security_context=api.LinuxSandboxSecurityContext(namespace_options=options))
    )
    linux = api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(namespace_options=options))
    pod = node.run_pod(pod_config)
    ctr = node.create(pod, node.container_config("true", mounts=[volume()], linux=linux), pod_config)
    assert "failed to set MOUNT_ATTR_IDMAP" in node.refused(node.starting(ctr)).message


@pytest.mark.parametrize(
    ("source", "path", "words"),
    [
        ("/data", "/v/new", 'make mountpoint "/v/new": mkdirat {root}/v/new: read-only file system'),
        ("/data", "/v/a/b", 'make mountpoint "/v/a/b": mkdirat {root}/v/a: read-only file system'),
        ("/file", "/v/new", 'make mountpoint "/v/new": openat new: read-only file system'),
        (
            "/data",
            "/v/file/x",
            "lookup mountpoint target: securejoin.OpenInRoot /v/file/x: openat2 /v/file/x: not a directory",
        ),
    ],
)
def test_a_mount_point_that_a_read_only_volume_lacks(with_data: Any, source: str, path: str, words: str) -> None:
    node = with_data(CONTAINERD)
    node.files.write("/file", b"")
    mounts = [volume(container_path="/v"), api.Mount(container_path=path, host_path=source)]
    ctr = node.create(node.run_pod(), node.container_config("true", mounts=mounts))
    root = f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{ctr}/rootfs"
    assert node.refused(node.starting(ctr)).message.endswith(
        f'error mounting "{source}" to rootfs at "{path}": create mountpoint for {path} mount: '
        + words.format(root=root)
    )
