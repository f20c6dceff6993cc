"""The lines that CRI-O adds to /etc/passwd and /etc/group of a container for ids without one."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import api
from kubesim.images.image import Declared, Image, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.programs import userland_nodes
from kubesim.images.tree import directory_node, file_node, symlink_node

NAME = "registry.example/own:1"
PASSWD = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000\n"
GROUP = b"root:x:0:\ndev:x:50000:app\n"


def own(*, mode: int = 0o644, uid: int = 0, gid: int = 0, env: tuple[tuple[str, str], ...] = (), **nodes: Any) -> Image:
    entries = [(f"/bin/{name}", node) for name, node in userland_nodes("busybox").items()]
    entries += [("/work", directory_node())]
    entries += [
        ("/etc/passwd", nodes.get("passwd", file_node(PASSWD, mode=mode, uid=uid, gid=gid))),
        ("/etc/group", nodes.get("group", file_node(GROUP, mode=mode, uid=uid, gid=gid))),
        ("/usr/lib/passwd", file_node(PASSWD)),
    ]
    config = ImageConfig(env=(("PATH", "/bin"), *env), cmd=("sh",))
    return make_image(Declared(references=(NAME,), is_present=True), config=config, layers=[entries])


def run(
    new_node: Any, profile: str, image: Image, *command: str, uid: int = 4242, gid: int | None = None, **fields: Any
) -> str:
    """What a command prints in a new container."""
    node = new_node(profile, images=(image,))
    security: dict[str, Any] = {"run_as_user": api.Int64Value(value=uid)}
    if gid is not None:
        security["run_as_group"] = api.Int64Value(value=gid)
    linux = api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(**security))
    if "mounts" in fields:
        node.files.make_dirs("/own")
        node.files.write("/own/passwd", b"own:x:1:1\n")
        node.files.write("/own/group", b"own:x:1:\n")
    ctr = node.start(node.run_pod(), "sleep", "100", image=NAME, linux=linux, **fields)
    shown: str = node.do(node.execing(ctr, *command)).stdout.decode()
    return shown


LINE = "4242:x:4242:0:4242 user:/:/sbin/nologin\n"


@pytest.mark.parametrize(
    ("profile", "uid", "gid", "passwd", "group"),
    [
        ("cri-o-1.36", 4242, 3000, LINE, "3000:x:3000:\n"),
        ("cri-o-1.36", 4242, None, LINE, ""),
        ("cri-o-1.36", 1000, 3000, "", "3000:x:3000:\n"),
        ("cri-o-1.36", 1000, None, "", "1000:x:1000:\n"),
        ("cri-o-1.36", 1000, 50000, "", ""),
        ("cri-o-1.36", 0, None, "", ""),
        ("cri-o-1.28.11", 4242, 3000, LINE, "3000:x:3000:\n"),
        ("cri-o-1.28.10", 4242, 3000, LINE, ""),
        ("cri-o-1.30.5", 4242, 3000, LINE, ""),
        ("containerd-2.3", 4242, 3000, "", ""),
        ("ideal", 4242, 3000, "", ""),
    ],
)
def test_ids_without_a_line_get_one(
    new_node: Any, profile: str, uid: int, gid: int | None, passwd: str, group: str
) -> None:
    image = own()

    assert run(new_node, profile, image, "cat", "/etc/passwd", uid=uid, gid=gid) == PASSWD.decode() + passwd
    assert run(new_node, profile, image, "cat", "/etc/group", uid=uid, gid=gid) == GROUP.decode() + group


def test_so_the_number_is_a_name(new_node: Any) -> None:
    assert run(new_node, "cri-o-1.36", own(), "id", "-nu") == "4242\n"
    assert run(new_node, "cri-o-1.36", own(), "id", gid=3000) == "uid=4242(4242) gid=3000(3000) groups=3000(3000)\n"
    assert run(new_node, "containerd-2.3", own(), "id", gid=3000) == "uid=4242 gid=3000 groups=3000\n"


@pytest.mark.parametrize(
    ("envs", "working_dir", "home"),
    [
        ({}, "", "/"),
        ({}, "/work", "/work"),
        ({"HOME": "/h"}, "/work", "/h"),
        ({"HOME": ""}, "/work", "/work"),
    ],
)
def test_the_home_of_the_line(new_node: Any, envs: dict[str, str], working_dir: str, home: str) -> None:
    fields = {"envs": [api.KeyValue(key=key, value=value.encode()) for key, value in envs.items()]}
    shown = run(new_node, "cri-o-1.36", own(), "cat", "/etc/passwd", working_dir=working_dir, **fields)

    assert shown == PASSWD.decode() + f"4242:x:4242:0:4242 user:{home}:/sbin/nologin\n"


def test_home_of_the_image_counts(new_node: Any) -> None:
    shown = run(new_node, "cri-o-1.36", own(env=(("HOME", "/of-image"),)), "tail", "-n", "1", "/etc/passwd")

    assert shown == "4242:x:4242:0:4242 user:/of-image:/sbin/nologin\n"


def test_the_copy_has_mode_and_owners_of_the_file_and_strict_options(new_node: Any) -> None:
    image = own(mode=0o604, uid=5, gid=7)
    shown = run(new_node, "cri-o-1.36", image, "stat", "-c", "%a %u %g", "/etc/passwd", "/etc/group", gid=3000)
    mounts = run(new_node, "cri-o-1.36", image, "grep", "-E", " /etc/(passwd|group) ", "/proc/mounts", gid=3000)

    assert shown == "604 5 7\n604 5 7\n"
    assert [line.split()[1:4:2] for line in mounts.splitlines()] == [
        ["/etc/passwd", "rw,nosuid,nodev,noexec,relatime"],
        ["/etc/group", "rw,nosuid,nodev,noexec,relatime"],
    ]


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "is_passwd_copied", "is_group_copied"),
    [
        (0o644, 0, 0, True, True),
        (0o664, 0, 0, False, False),
        (0o646, 0, 0, False, False),
        (0o644, 4242, 0, False, True),
        (0o644, 0, 3000, True, False),
        (0o444, 4242, 3000, True, True),
    ],
)
def test_a_file_that_the_process_may_write_is_left_alone(
    new_node: Any, mode: int, uid: int, gid: int, is_passwd_copied: bool, is_group_copied: bool
) -> None:
    image = own(mode=mode, uid=uid, gid=gid)
    found = run(new_node, "cri-o-1.36", image, "cat", "/proc/mounts", gid=3000)

    assert (" /etc/passwd " in found, " /etc/group " in found) == (is_passwd_copied, is_group_copied)


@pytest.mark.parametrize(
    ("destination", "passwd", "group"),
    [
        ("/etc/passwd", "own:x:1:1\n", GROUP.decode() + "3000:x:3000:\n"),
        ("/etc/group", PASSWD.decode() + LINE, "own:x:1:\n"),
        ("/etc", "own:x:1:1\n", "own:x:1:\n"),
        ("/etc/other", PASSWD.decode() + LINE, GROUP.decode() + "3000:x:3000:\n"),
    ],
)
def test_what_the_request_mounts_there_wins(new_node: Any, destination: str, passwd: str, group: str) -> None:
    source = {"/etc/passwd": "/own/passwd", "/etc/group": "/own/group"}.get(destination, "/own")
    mounts = [api.Mount(container_path=destination, host_path=source)]
    shown = run(new_node, "cri-o-1.36", own(), "cat", "/etc/passwd", "/etc/group", gid=3000, mounts=mounts)

    assert shown == passwd + group


def test_an_image_without_the_files_or_with_empty_ones(new_node: Any) -> None:
    empty = own(passwd=file_node(b""), group=file_node(b""))

    assert run(new_node, "cri-o-1.36", empty, "cat", "/etc/passwd", "/etc/group", gid=3000) == "3000:x:3000:\n"
    assert run(new_node, "cri-o-1.28.10", empty, "cat", "/etc/passwd", "/etc/group", gid=3000) == LINE
    dangling = own(group=symlink_node("nowhere"))
    assert " /etc/group " not in run(new_node, "cri-o-1.36", dangling, "cat", "/proc/mounts", gid=3000)


def test_a_linked_file_is_copied_to_where_the_link_is(new_node: Any) -> None:
    image = own(passwd=symlink_node("/usr/lib/passwd"))

    assert run(new_node, "cri-o-1.36", image, "cat", "/etc/passwd") == PASSWD.decode() + LINE
