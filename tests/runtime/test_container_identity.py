"""Who the processes of a container are: the rule of the profile, on the account files of the image."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Declared, Image, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.programs import userland_nodes
from kubesim.images.tree import NodeKind, TreeNode, directory_node, file_node, symlink_node
from kubesim.kernel import timeout
from kubesim.model.frozen_records import replace
from kubesim.policy.identity import IdentityError, resolve_identity
from kubesim.runtime.account_files import READ_FILES_MAX, account_files
from kubesim.runtime.profiles import load_profile

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
        ("containerd-2.2", "../../../outside", "openat etc/passwd: path escapes from parent"),
        ("containerd-2.2", "/usr/lib/passwd", ""),
        ("containerd-2.3", "../../../outside", ""),
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


MOUNT = "/var/lib/containerd/tmpmounts/containerd-mount2386521476"
STORAGE = load_profile("cri-o-1.36").identity.account_files_root
IN_MOUNT = f"failed to create containerd container: mount callback failed on {MOUNT}: "


def with_nodes(**nodes: TreeNode) -> Image:
    """An image with something else in the place of /etc/passwd or /etc/group."""
    entries = [(f"/bin/{name}", node) for name, node in userland_nodes("busybox").items()]
    entries += [("/etc/passwd", file_node(b"app:x:1000:1000\n")), ("/etc/group", file_node(b"dev:x:50000:app\n"))]
    entries += [(f"/etc/{name}", node) for name, node in nodes.items()]
    config = ImageConfig(env=(("PATH", "/bin"),), cmd=("sh",))
    return make_image(Declared(references=(BUSYBOX,), is_present=True), config=config, layers=[entries])


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ("containerd-1.7.32", f"{IN_MOUNT}read {MOUNT}/etc/passwd: is a directory"),
        ("containerd-1.7.33", f"{IN_MOUNT}{MOUNT}/etc/passwd is not a regular file"),
        ("containerd-2.1", f"{IN_MOUNT}{MOUNT}/etc/passwd is not a regular file"),
        ("containerd-2.2.4", f"{IN_MOUNT}read {MOUNT}/etc/passwd: is a directory"),
        ("containerd-2.2", f"{IN_MOUNT}etc/passwd is not a regular file"),
        ("containerd-2.3.1", "failed to create containerd container: read etc/passwd: is a directory"),
        ("containerd-2.3", "failed to create containerd container: etc/passwd is not a regular file"),
        ("cri-o-1.36", f"get exec user: unable to find user 1000: read {STORAGE}/etc/passwd: is a directory"),
    ],
)
def test_a_directory_in_the_place_of_passwd(new_node: Any, profile: str, reason: str) -> None:
    node = new_node(profile, images=(with_nodes(passwd=directory_node()),))
    config = node.container_config("true", image=BUSYBOX, linux=linux(run_as_user=1000))
    assert node.refused(node.creating(node.run_pod(), config)).message == reason


@pytest.mark.parametrize("profile", ["containerd-1.7.20", "containerd-2.2", "containerd-2.3"])
@pytest.mark.parametrize("broken", ["passwd", "group"])
def test_a_file_that_nobody_needs_may_be_anything(new_node: Any, profile: str, broken: str) -> None:
    """`uid:gid` under Strict looks at no file; versions without the field merge, and look."""
    node = new_node(profile, images=(with_nodes(**{broken: directory_node()}),))
    asked = linux(run_as_user=1000, run_as_group=5, supplemental_groups_policy=api.Strict)
    creating = node.creating(node.run_pod(), node.container_config("true", image=BUSYBOX, linux=asked))
    if profile.startswith("containerd-1"):
        assert node.refused(creating).message.endswith(f"etc/{broken}: is a directory")
    else:
        assert node.do(creating)


@pytest.mark.parametrize(
    ("gid", "reason"),
    [(5, f"read file: read {STORAGE}/etc/group: is a directory"), (0, "")],
)
def test_crio_copies_a_group_file_that_it_cannot_read(crio: Any, new_node: Any, gid: int, reason: str) -> None:
    """uid 4242 has no line, so no group is looked for; then the gid has none, and the file is copied."""
    node = new_node("cri-o-1.36", images=(with_nodes(group=directory_node()),))
    asked = linux(run_as_user=4242, run_as_group=gid)
    creating = node.creating(node.run_pod(), node.container_config("true", image=BUSYBOX, linux=asked))
    if reason:
        assert node.refused(creating).message == reason
    else:
        assert node.do(creating)


@pytest.mark.parametrize("profile", ["containerd-1.7.32", "containerd-2.2", "containerd-2.3", "cri-o-1.36"])
def test_a_pipe_in_the_place_of_passwd_is_waited_for(new_node: Any, profile: str) -> None:
    """Opening it blocks: the caller's deadline ends the call, but nothing ends what holds the name."""
    fifo = TreeNode(kind=NodeKind.FIFO, mode=0o644)
    node = new_node(profile, images=(with_nodes(passwd=fifo),))
    pod = node.run_pod()
    config = node.container_config("true", image=BUSYBOX, linux=linux(run_as_user=1000))
    with pytest.raises(TimeoutError):
        node.do(within(node.creating(pod, config), seconds=120))
    if profile.startswith("containerd"):
        assert "is reserved for" in node.refused(node.creating(pod, config)).message
    assert node.containers() == []


async def within(call: Any, *, seconds: int) -> Any:
    async with timeout(seconds * 1_000_000_000):
        return await call


def test_a_pipe_is_refused_where_the_file_is_looked_at_first(new_node: Any) -> None:
    node = new_node("containerd-2.1", images=(with_nodes(passwd=TreeNode(kind=NodeKind.FIFO, mode=0o644)),))
    config = node.container_config("true", image=BUSYBOX, linux=linux(run_as_user=1000))
    assert node.refused(node.creating(node.run_pod(), config)).message.endswith("etc/passwd is not a regular file")


class Stored:
    """A file in a layer, which counts how often it is read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reads: list[tuple[int, int]] = []

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def read_at(self, offset: int, size: int) -> bytes:
        self.reads.append((offset, size))
        return self.content[offset : offset + size]


def stored_passwd(stored: Stored) -> Image:
    image = with_nodes(passwd=TreeNode(kind=NodeKind.FILE, mode=0o644, data=stored))
    stored.reads.clear()
    return image


def test_a_file_in_a_layer_is_read_once_for_all_containers() -> None:
    stored = Stored(b"app:x:1000:1000\n")
    image = stored_passwd(stored)
    dialect = load_profile("containerd-2.3").identity
    first, second = (account_files(image.tree, dialect) for _ in range(2))

    assert first.passwd == b"app:x:1000:1000\n"
    assert second.passwd is first.passwd
    assert stored.reads == [(0, 16)]


def test_of_a_large_file_one_byte_more_than_the_bound_is_read() -> None:
    stored = Stored(b"a:x:1:1\n" * (2 << 20))
    image = stored_passwd(stored)
    bounded, unbounded = (load_profile(name).identity for name in ("containerd-2.3", "cri-o-1.36"))

    assert isinstance(account_files(image.tree, bounded).passwd, bytes)
    assert stored.reads == [(0, (10 << 20) + 1)]
    with pytest.raises(IdentityError, match=r'^failed to create containerd container: "etc/passwd" exceeds 10485760 b'):
        resolve_identity(passwd=account_files(image.tree, bounded).passwd, group=None, run_as_user=1, dialect=bounded)
    assert account_files(image.tree, unbounded).passwd == stored.content


def test_files_in_layers_are_kept_within_bounds() -> None:
    dialect = load_profile("containerd-2.3").identity
    kept = [Stored(b"app:x:%d:1\n" % number) for number in range(READ_FILES_MAX + 2)]
    images = [stored_passwd(each) for each in kept]
    for image in images:
        account_files(image.tree, dialect)
    for image in images[-1:] + images[:1]:
        account_files(image.tree, dialect)

    assert [len(kept[-1].reads), len(kept[0].reads)] == [1, 2]


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


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", "error during container init: unable to setup user: setgroups: invalid argument"),
        ("cri-o-1.30", "container create failed: unable to setup user: setgroups: invalid argument"),
        ("cri-o-1.36", "container create failed: setgroups: Invalid argument"),
    ],
)
def test_an_id_that_no_process_can_have(new_node: Any, profile: str, message: str) -> None:
    """Nobody minds 4294967295 until the OCI runtime sets the groups of the process; 4294967294 is like any other."""
    node = new_node(profile)
    pod = node.run_pod()
    fine = node.start(pod, "sleep", "100", name="fine", linux=linux(supplemental_groups=[4294967294]))
    assert node.do(node.execing(fine, "id", "-G")).stdout.split()[-1] == b"4294967294"
    config = node.container_config("sleep", "100", linux=linux(supplemental_groups=[-1]))
    if node.runtime.profile.containers.missing_program_fails == "create":
        error = node.refused(node.creating(pod, config))
    else:
        ctr = node.create(pod, config)
        assert 4294967295 in node.status(ctr).user.linux.supplemental_groups
        error = node.refused(node.starting(ctr))
    assert error.message.endswith(message)


def test_programs_read_the_account_files_as_whom_they_run(new_node: Any) -> None:
    """Names are for whoever may read the files; HOME is found by the OCI runtime, which may."""
    files = {name: replace(with_nodes().tree.get(f"/etc/{name}"), mode=0o600) for name in ("passwd", "group")}
    node = new_node(images=(with_nodes(**files),))
    pod = node.run_pod()
    shown = {}
    for user in (0, 1000):
        ctr = node.start(pod, "sleep", "100", name=str(user), image=BUSYBOX, linux=linux(run_as_user=user))
        shown[user] = node.do(node.execing(ctr, "id")).stdout
    assert shown[0].startswith(b"uid=0")
    assert shown[1000] == b"uid=1000 gid=1000 groups=1000,50000\n"


@pytest.mark.parametrize(
    ("line", "home"),
    [("u:x:7:7::/home/u:/bin/sh", "/home/u"), ("u:x:7:7", ""), ("u:x:7:7:::", ""), ("u:x:8:8::/x:", "/")],
)
def test_home_is_that_of_the_line_with_the_uid_even_an_empty_one(new_node: Any, line: str, home: str) -> None:
    node = new_node(images=(with_nodes(passwd=file_node(line.encode())),))
    ctr = node.start(node.run_pod(), "sleep", "100", image=BUSYBOX, linux=linux(run_as_user=7))
    assert node.do(node.execing(ctr, "sh", "-c", "echo $HOME")).stdout.decode() == f"{home}\n"
