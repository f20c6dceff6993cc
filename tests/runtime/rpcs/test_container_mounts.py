"""Mounts: binds of the node's files."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
BUSYBOX, DATA, BLOBS = "registry.example/busybox:1", "registry.example/data:v1", "registry.example/blobs:v1"


def cat(node: Any, ctr: str, path: str) -> bytes:
    response = node.do(node.execing(ctr, "cat", path))
    assert response.exit_code == 0, response.stderr
    return bytes(response.stdout)


# -- binds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_directory_of_the_node(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    node.files.make_dirs("/data")
    node.files.write("/data/file", b"from the node")
    mount = api.Mount(
        container_path="/mnt", host_path="/data", selinux_relabel=True, propagation=api.PROPAGATION_BIDIRECTIONAL
    )
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=[mount])
    assert cat(node, ctr, "/mnt/file") == b"from the node"
    assert list(node.status(ctr).mounts) == [mount]
    node.files.write("/data/later", b"live")
    assert cat(node, ctr, "/mnt/later") == b"live"
    node.do(node.execing(ctr, "touch", "/mnt/from-the-container"))
    assert node.files.kind("/data/from-the-container") == "file"


def test_a_read_only_bind(node: Any) -> None:
    node.files.make_dirs("/data")
    ctr = node.start(
        node.run_pod(), "sleep", "100", mounts=[api.Mount(container_path="/mnt", host_path="/data", readonly=True)]
    )
    response = node.do(node.execing(ctr, "touch", "/mnt/x"))
    assert response.exit_code == 1
    assert b"Read-only file system" in response.stderr


def test_a_path_that_the_node_lacks_becomes_a_directory(node: Any) -> None:
    node.start(node.run_pod(), "sleep", "100", mounts=[api.Mount(container_path="/mnt", host_path="/new/dir")])
    assert node.files.kind("/new/dir") == "directory"


def test_a_path_through_a_file(node: Any) -> None:
    node.files.write("/file", b"")
    config = node.container_config("true", mounts=[api.Mount(container_path="/mnt", host_path="/file/below")])
    error = node.refused(node.creating(node.run_pod(), config))
    assert error.code is Code.UNKNOWN
    assert error.message.endswith('failed to mkdir "/file/below": mkdir /file/below: not a directory')


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (CONTAINERD, 'failed to generate spec: failed to mkdir "": mkdir : no such file or directory'),
        (CRIO, "mount.HostPath is empty"),
    ],
)
def test_an_empty_host_path(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    config = node.container_config("true", mounts=[api.Mount(container_path="/mnt")])
    assert node.refused(node.creating(node.run_pod(), config)).message.endswith(message)


def test_an_empty_container_path(crio: Any) -> None:
    config = crio.container_config("true", mounts=[api.Mount(host_path="/data")])
    assert crio.refused(crio.creating(crio.run_pod(), config)).message == "mount.ContainerPath is empty"


@pytest.mark.parametrize("path", ["/", ""])
def test_nothing_can_be_mounted_over_the_root(node: Any, path: str) -> None:
    ctr = node.create(
        node.run_pod(), node.container_config("true", mounts=[api.Mount(container_path=path, host_path="/data")])
    )
    root = f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{ctr}/rootfs"
    assert node.refused(node.starting(ctr)).message.endswith(
        f'error during container init: error mounting "/data" to rootfs at "{path}": create mountpoint for {path} '
        f'mount: mountpoint "{root}" is on the top of rootfs "{root}"'
    )
    assert node.status(ctr).reason == "StartError"


def test_a_directory_is_not_mounted_over_a_file_nor_a_file_over_a_directory(node: Any, crio: Any) -> None:
    """Mirrors what runc 1.4 said to a real containerd 2.3."""
    pod = node.run_pod()
    node.files.write("/file", b"")
    for source, path in (("/data", "/etc/passwd"), ("/file", "/etc")):
        mount = api.Mount(container_path=path, host_path=source)
        error = node.refused(
            node.starting(node.create(pod, node.container_config("true", mounts=[mount], name=source)))
        )
        assert error.message.endswith(
            f'error mounting "{source}" to rootfs at "{path}": mount src={source}, dst={path}, '
            "dstFd=/proc/thread-self/fd/14, flags=MS_BIND|MS_REC: not a directory"
        )
    config = crio.container_config("true", mounts=[api.Mount(container_path="/etc/passwd", host_path="/data")])
    error = crio.refused(crio.creating(crio.run_pod(), config))
    assert error.message == "container create failed: mount `/data` to `etc/passwd`: Not a directory"


def test_crio_shows_mounts_in_the_order_in_which_they_are_mounted(crio: Any) -> None:
    mounts = [api.Mount(container_path=path, host_path="/data") for path in ("/a/b/c", "/z", "/a/b", "/y/")]
    shown = crio.status(crio.create(crio.run_pod(), crio.container_config("true", mounts=mounts))).mounts
    assert [mount.container_path for mount in shown] == ["/z", "/y/", "/a/b", "/a/b/c"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"readonly": False}, 'recursive read-only mount conflicts with RW mount (hostPath="/data")'),
        (
            {"readonly": True, "propagation": api.PROPAGATION_HOST_TO_CONTAINER},
            'needs private propagation, got "PROPAGATION_HOST_TO_CONTAINER" (hostPath="/data")',
        ),
        ({"readonly": True}, ""),
    ],
)
def test_recursive_read_only(node: Any, fields: dict[str, Any], message: str) -> None:
    mount = api.Mount(container_path="/mnt", host_path="/data", recursive_read_only=True, **fields)
    pod = node.run_pod()
    if not message:
        assert node.create(pod, node.container_config("true", mounts=[mount]))
        node.runtime.set_feature("recursive_read_only_mounts", False)
        message = 'RROUnsupported: runtime handler does not support recursive read-only mounts (hostPath="/data")'
    error = node.refused(node.creating(pod, node.container_config("true", name="b", mounts=[mount])))
    assert error.message.endswith(message)


def test_mounts_nest_in_any_order(node: Any) -> None:
    node.files.make_dirs("/outer")
    node.files.make_dirs("/inner")
    node.files.write("/inner/file", b"inner")
    mounts = [
        api.Mount(container_path="/mnt/inner", host_path="/inner"),
        api.Mount(container_path="/mnt", host_path="/outer"),
    ]
    ctr = node.start(node.run_pod(), "sleep", "100", mounts=mounts)
    assert cat(node, ctr, "/mnt/inner/file") == b"inner"
    assert [mount.container_path for mount in node.status(ctr).mounts] == ["/mnt/inner", "/mnt"]


def test_a_mount_over_a_file_of_the_pod(node: Any) -> None:
    node.files.make_dirs("/kubelet")
    node.files.write("/kubelet/hosts", b"managed by the kubelet\n")
    ctr = node.start(
        node.run_pod(), "sleep", "100", mounts=[api.Mount(container_path="/etc/hosts", host_path="/kubelet/hosts")]
    )
    assert cat(node, ctr, "/etc/hosts") == b"managed by the kubelet\n"


def test_containers_of_a_pod_share_dev_shm(node: Any) -> None:
    pod = node.run_pod()
    one, two = (node.start(pod, "sleep", "100", name=name) for name in ("one", "two"))
    node.do(node.execing(one, "touch", "/dev/shm/shared"))
    assert node.do(node.execing(two, "ls", "/dev/shm")).stdout == b"shared\n"


def test_a_read_only_root(node: Any) -> None:
    linux = api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(readonly_rootfs=True))
    ctr = node.start(node.run_pod(), "sleep", "100", linux=linux)
    response = node.do(node.execing(ctr, "touch", "/x"))
    assert b"Read-only file system" in response.stderr


MOUNTINFO = b"""\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /private rw - tmpfs tmpfs rw
31 22 0:26 / /slave rw master:3 - tmpfs tmpfs rw
"""
BOTH_WAYS, INWARDS = api.PROPAGATION_BIDIRECTIONAL, api.PROPAGATION_HOST_TO_CONTAINER


@pytest.mark.parametrize(
    ("host_path", "propagation", "reason"),
    [
        ("/private/x", BOTH_WAYS, 'path "/private/x" is mounted on "/private" but it is not a shared mount'),
        ("/private/x", INWARDS, 'path "/private/x" is mounted on "/private" but it is not a shared or slave mount'),
        ("/slave/x", BOTH_WAYS, 'path "/slave/x" is mounted on "/slave" but it is not a shared mount'),
        ("/slave/x", INWARDS, ""),
        ("/private/x", api.PROPAGATION_PRIVATE, ""),
        ("/x", BOTH_WAYS, ""),
        ("/link", BOTH_WAYS, 'path "/private/x" is mounted on "/private" but it is not a shared mount'),
        ("/x", 7, ""),
    ],
)
@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_propagation_needs_a_mount_that_propagates(
    new_node: Any, profile: str, host_path: str, propagation: Any, reason: str
) -> None:
    node = new_node(profile)
    node.files.make_dirs("/proc/self")
    node.files.write("/proc/self/mountinfo", MOUNTINFO)
    node.files.make_dirs("/private/x")
    node.files.make_link("/link", "private/x")
    mount = api.Mount(container_path="/data", host_path=host_path, propagation=propagation)
    config = node.container_config("true", mounts=[mount])
    if not reason:
        ctr = node.create(node.run_pod(), config)
        assert node.status(ctr).mounts[0].propagation == propagation
        return
    error = node.refused(node.creating(node.run_pod(), config))
    assert error.code is Code.UNKNOWN
    assert error.message.endswith(reason)


def test_links_of_the_node_are_followed_and_crio_shows_where_they_lead(node: Any, crio: Any) -> None:
    for each, shown in ((node, "/a/link/sub"), (crio, "/real/sub")):
        each.files.make_dirs("/real/sub")
        each.files.write("/real/sub/file", b"there")
        each.files.make_dirs("/a")
        each.files.make_link("/a/link", "../real")
        mount = api.Mount(container_path="/data", host_path="/a/link/sub")
        ctr = each.start(each.run_pod(), "sleep", "1000", mounts=[mount])
        assert each.do(each.execing(ctr, "cat", "/data/file")).stdout == b"there"
        assert each.status(ctr).mounts[0].host_path == shown


def test_a_link_to_itself(node: Any) -> None:
    node.files.make_link("/loop", "loop")
    mount = api.Mount(container_path="/data", host_path="/loop")
    error = node.refused(node.creating(node.run_pod(), node.container_config("true", mounts=[mount])))
    assert error.code is Code.UNKNOWN
    assert "too many levels of symbolic links" in error.message


def test_a_source_that_goes_before_the_start(new_node: Any) -> None:
    """containerd has runc make the mounts when the container starts; runc 1.3 and 1.4 said it in these words."""
    node = new_node(CONTAINERD)
    node.files.make_dirs("/gone")
    mount = api.Mount(container_path="/mnt", host_path="/gone")
    ctr = node.create(node.run_pod(), node.container_config("true", mounts=[mount]))
    node.files.remove("/gone")
    error = node.refused(node.starting(ctr))
    assert error.code is Code.UNKNOWN
    words = "failed to fulfil mount request: open /gone: no such file or directory"
    assert error.message.endswith(f"error during container init: {words}")


def test_a_source_that_goes_when_crun_has_mounted_it(new_node: Any) -> None:
    node = new_node(CRIO)
    node.files.make_dirs("/gone")
    mount = api.Mount(container_path="/mnt", host_path="/gone")
    ctr = node.create(node.run_pod(), node.container_config("sleep", "100", mounts=[mount]))
    node.files.remove("/gone")
    node.do(node.starting(ctr))
    assert node.status(ctr).state == api.CONTAINER_RUNNING
