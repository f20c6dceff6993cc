"""Who the processes of a container are: the rule of the profile, on the account files of the image."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Declared, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.programs import userland_nodes
from kubesim.images.tree import directory_node, file_node, symlink_node

BUSYBOX = "registry.example/busybox:1"


def linux(**security: Any) -> api.LinuxContainerConfig:
    for name in ("run_as_user", "run_as_group"):
        if name in security:
            security[name] = api.Int64Value(value=security[name])
    return api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(**security))


@pytest.mark.parametrize(
    ("profile", "security", "expected"),
    [
        ("containerd-2.3", {}, (0, 0, [0, 10])),
        ("containerd-2.3", {"run_as_user": 1000}, (1000, 1000, [1000, 50000])),
        ("containerd-2.3", {"run_as_username": "app"}, (1000, 1000, [1000, 50000])),
        (
            "containerd-2.3",
            {"run_as_user": 1000, "run_as_group": 3000, "supplemental_groups": [4000]},
            (1000, 3000, [3000, 4000, 50000]),
        ),
        (
            "containerd-2.3",
            {
                "run_as_user": 1000,
                "run_as_group": 3000,
                "supplemental_groups": [4000],
                "supplemental_groups_policy": api.Strict,
            },
            (1000, 3000, [3000, 4000]),
        ),
        ("cri-o-1.36", {"run_as_user": 1000, "supplemental_groups": [4000]}, (1000, 1000, [1000, 50000, 4000])),
    ],
)
def test_the_status_and_the_process_agree(
    new_node: Any, profile: str, security: dict[str, Any], expected: tuple[int, int, list[int]]
) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "100", linux=linux(**security))
    user = node.status(ctr).user.linux
    uid, gid, groups = expected
    assert (user.uid, user.gid, list(user.supplemental_groups)) == expected
    shown = node.do(node.execing(ctr, "id", "-G")).stdout.split()
    assert [int(shown[0]), {int(number) for number in shown}] == [gid, set(groups)]
    assert int(node.do(node.execing(ctr, "id", "-u")).stdout) == uid


@pytest.mark.parametrize(
    ("profile", "security", "message"),
    [
        ("containerd-2.3", {"run_as_group": 5}, 'user group "5" is specified without user'),
        ("cri-o-1.36", {"run_as_group": 5}, "user group is specified without user or username"),
        ("containerd-2.3", {"run_as_username": "ghost"}, "no users found"),
        ("cri-o-1.36", {"run_as_username": "ghost"}, "unable to find user ghost: no matching entries in passwd file"),
        ("containerd-2.3", {"run_as_user": 4294967296}, "uid out of range"),
        ("containerd-2.3", {"supplemental_groups_policy": 7}, "SupplementalGroupsPolicy=7"),
    ],
)
def test_refusals_come_when_the_container_is_created(
    new_node: Any, profile: str, security: dict[str, Any], message: str
) -> None:
    node = new_node(profile)
    config = node.container_config("true", linux=linux(**security))
    error = node.refused(node.creating(node.run_pod(), config))
    assert error.code is Code.UNKNOWN
    assert error.message.endswith(message)
    assert node.containers() == []


def test_the_user_of_the_image_counts_without_one_in_the_request(new_node: Any, new_image: Any) -> None:
    node = new_node(images=(new_image(BUSYBOX, config=ImageConfig(user="app:wheel", env=(("PATH", "/bin"),))),))
    user = node.status(node.create(node.run_pod(), node.container_config("true"))).user.linux
    assert (user.uid, user.gid, list(user.supplemental_groups)) == (1000, 10, [10, 50000])


def test_no_user_in_the_status_of_old_versions(new_node: Any) -> None:
    node = new_node("containerd-1.7")
    assert not node.status(node.create(node.run_pod(), node.container_config("true"))).HasField("user")


def test_links_to_account_files_are_followed_inside_the_image(new_node: Any, new_image: Any) -> None:
    files = {
        "/etc/passwd": symlink_node("../usr/lib/passwd"),
        "/usr/lib/passwd": file_node(b"app:x:1000:77::/:/bin/sh\n"),
    }
    node = new_node(images=(new_image(BUSYBOX, files=files),))
    user = node.status(node.create(node.run_pod(), node.container_config("true", linux=linux(run_as_user=1000)))).user
    assert user.linux.gid == 77


@pytest.mark.parametrize(
    ("profile", "target", "expected"),
    [
        ("containerd-2.3", "/usr/lib/passwd", ""),
        ("containerd-2.2.0", "/usr/lib/passwd", "openat etc/passwd: path escapes from parent"),
        ("containerd-2.3", "../../../outside", "openat etc/passwd: path escapes from parent"),
        ("containerd-2.0", "../../../usr/lib/passwd", ""),
        ("cri-o-1.36", "/usr/lib/passwd", ""),
    ],
)
def test_links_that_leave_the_image(new_node: Any, new_image: Any, profile: str, target: str, expected: str) -> None:
    files = {"/etc/passwd": symlink_node(target), "/usr/lib/passwd": file_node(b"app:x:1000:77::/:/bin/sh\n")}
    node = new_node(profile, images=(new_image(BUSYBOX, files=files),))
    creating = node.creating(node.run_pod(), node.container_config("true", linux=linux(run_as_user=1000)))
    if expected:
        assert node.refused(creating).message.endswith(expected)
    else:
        assert node.do(creating)


def test_a_directory_in_the_place_of_passwd(new_node: Any) -> None:
    entries = [(f"/bin/{name}", node) for name, node in userland_nodes("busybox").items()]
    entries.append(("/etc/passwd", directory_node()))
    image = make_image(
        Declared(references=(BUSYBOX,), is_present=True),
        config=ImageConfig(env=(("PATH", "/bin"),)),
        layers=[entries],
    )
    node = new_node(images=(image,))
    config = node.container_config("true", linux=linux(run_as_user=1000))
    error = node.refused(node.creating(node.run_pod(), config))
    assert error.message.endswith("etc/passwd is not a regular file")


def test_crio_gives_a_stranger_a_line_in_passwd(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "100", linux=linux(run_as_user=4242))
    passwd = crio.do(crio.execing(ctr, "cat", "/etc/passwd")).stdout
    assert passwd.endswith(b"\n4242:x:4242:0:4242 user:/:/sbin/nologin\n")
    assert b"app:x:1000" in passwd


def test_containerd_does_not(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "100", linux=linux(run_as_user=4242))
    assert b"4242" not in node.do(node.execing(ctr, "cat", "/etc/passwd")).stdout


def test_crio_leaves_a_mounted_passwd_alone(crio: Any) -> None:
    crio.files.write("/own", b"own:x:4242:1::/:/bin/sh\n")
    mounts = [api.Mount(container_path="/etc/passwd", host_path="/own")]
    ctr = crio.start(crio.run_pod(), "sleep", "100", linux=linux(run_as_user=4242), mounts=mounts)
    assert crio.do(crio.execing(ctr, "cat", "/etc/passwd")).stdout == b"own:x:4242:1::/:/bin/sh\n"
