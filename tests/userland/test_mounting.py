"""mount(2) and umount(2) by processes of a container, and the table that shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubesim.images.tree import FileTree, directory_node, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.policy.capabilities import capability_mask
from kubesim.userland.files.device_files import DeviceSpec
from kubesim.userland.files.file_stat import FileKind, device_number
from kubesim.userland.files.filesystem import (
    FileSystem,
    FileView,
    FsError,
    HostSource,
    MountSpec,
    TmpfsSource,
    TreeSource,
)
from kubesim.userland.files.host_files import MemoryHostFiles, RealHostFiles
from kubesim.userland.processes.process import Credentials

if TYPE_CHECKING:
    from conftest import World

TREE = build_tree(
    [
        ("/etc/passwd", file_node(b"root:x:0:0::/:\n")),
        ("/mnt", directory_node()),
        ("/a/b/c", file_node(b"deep")),
        ("/with space", directory_node()),
    ]
)


def view(**options: object) -> FileView:
    return FileSystem(TREE, **options).as_root()  # type: ignore[arg-type]


def test_a_bind_shows_the_same_files_at_two_places() -> None:
    files = view()
    files.mount_bind("/etc", "/mnt")
    files.write("/etc/new", b"1")
    files.write("/mnt/passwd", b"2")

    assert files.list_dir("/mnt") == ["new", "passwd"]
    assert files.read("/etc/passwd") == b"2"
    assert files.stat("/mnt/new").inode == files.stat("/etc/new").inode
    with pytest.raises(FsError, match="Invalid cross-device link"):
        files.rename("/mnt/new", "/etc/other")
    files.unmount("/mnt")
    assert files.list_dir("/mnt") == []


def test_a_file_is_bound_on_a_file() -> None:
    files = view()
    files.write("/mnt/f", b"")
    files.mount_bind("/etc/passwd", "/mnt/f")

    assert files.read("/mnt/f") == b"root:x:0:0::/:\n"
    for source, target in (("/etc", "/mnt/f"), ("/etc/passwd", "/a")):
        with pytest.raises(FsError, match="Not a directory"):
            files.mount_bind(source, target)
    with pytest.raises(FsError, match="Device or resource busy"):
        files.remove_file("/mnt/f")


def test_mounts_stack_and_come_off_in_turn() -> None:
    files = view()
    files.mount_tmpfs("/mnt", TmpfsSource())
    files.write("/mnt/first", b"")
    files.mount_tmpfs("/mnt", TmpfsSource(mode=0o700, size_bytes=65536))
    assert (files.list_dir("/mnt"), files.stat("/mnt").mode) == ([], 0o700)

    assert [row.path for row in files.mounts()].count("/mnt") == 2
    files.unmount("/mnt")
    assert files.list_dir("/mnt") == ["first"]
    files.unmount("/mnt")
    with pytest.raises(FsError, match="Invalid argument"):
        files.unmount("/mnt")


def test_what_is_mounted_below_comes_along_only_when_asked() -> None:
    volume = build_tree([("/v", file_node(b"volume"))])
    mounts = [MountSpec(destination="/a/b", source=TreeSource(tree=volume))]
    plain, recursive = view(mounts=mounts), view(mounts=mounts)
    plain.mount_bind("/a", "/mnt")
    recursive.mount_bind("/a", "/mnt", is_recursive=True)

    assert plain.list_dir("/mnt/b") == ["c"]
    assert recursive.list_dir("/mnt/b") == ["v"]
    with pytest.raises(FsError, match="Device or resource busy"):
        recursive.unmount("/mnt")
    recursive.unmount("/mnt", is_lazy=True)
    assert recursive.list_dir("/mnt") == []


def test_remount_read_only_and_back() -> None:
    files = view()
    files.mount_bind("/etc", "/mnt")
    files.remount("/mnt", is_read_only=True, flags=("noexec",))

    with pytest.raises(FsError, match="Read-only file system"):
        files.write("/mnt/x", b"")
    files.write("/etc/x", b"")
    assert files.mounts()[-1].options == ("ro", "noexec")
    files.remount("/mnt", is_read_only=False)
    files.write("/mnt/y", b"")
    files.remount("/", is_read_only=True)
    with pytest.raises(FsError, match="Read-only file system"):
        files.write("/etc/z", b"")


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (lambda files: files.mount_bind("/nope", "/mnt"), "No such file or directory"),
        (lambda files: files.mount_bind("/etc", "/nope"), "No such file or directory"),
        (lambda files: files.mount_tmpfs("/etc/passwd", TmpfsSource()), "Not a directory"),
        (lambda files: files.unmount("/etc"), "Invalid argument"),
        (lambda files: files.unmount("/nope"), "No such file or directory"),
        (lambda files: files.unmount("/"), "Device or resource busy"),
        (lambda files: files.remount("/etc", is_read_only=True), "Invalid argument"),
    ],
)
def test_refusals(operation: Callable[[FileView], object], text: str) -> None:
    with pytest.raises(FsError, match=text):
        operation(view())


def test_mounting_needs_cap_sys_admin() -> None:
    usual = Credentials(uid=0, gid=0, capabilities=capability_mask(["CAP_CHOWN", "CAP_DAC_OVERRIDE"]))
    for who in (usual, Credentials(uid=1000, gid=1000)):
        files = FileSystem(TREE).view(who)
        for operation in (
            lambda files=files: files.mount_bind("/etc", "/mnt"),
            lambda files=files: files.mount_tmpfs("/mnt", TmpfsSource()),
            lambda files=files: files.remount("/proc", is_read_only=True),
            lambda files=files: files.unmount("/proc"),
        ):
            with pytest.raises(FsError, match="Operation not permitted"):
                operation()  # type: ignore[no-untyped-call]


def test_a_directory_takes_the_mounts_below_it_along_when_it_is_renamed() -> None:
    files = view()
    files.make_directory("/mnt/m")
    files.mount_tmpfs("/mnt/m", TmpfsSource())
    files.write("/mnt/m/f", b"1")
    files.rename("/mnt", "/moved")

    assert files.read("/moved/m/f") == b"1"
    with pytest.raises(FsError, match="Device or resource busy"):
        files.rename("/moved/m", "/elsewhere")
    with pytest.raises(FsError, match="Device or resource busy"):
        files.remove_directory("/moved/m")
    with pytest.raises(FsError, match="Directory not empty"):
        files.remove_directory("/moved")


def test_the_table_says_what_is_mounted_in_the_order_of_mounting() -> None:
    host = MemoryHostFiles()
    host.make_dirs("/vol/sub")
    mounts = [MountSpec(destination="/mnt", source=HostSource(files=host, path="/vol/sub"), is_read_only=True)]
    files = view(mounts=mounts)
    files.mount_tmpfs("/with space", TmpfsSource(size_bytes=1 << 20, source="none"), flags=("nosuid",))
    rows = files.mounts()

    assert [row.path for row in rows] == ["/", "/proc", "/dev", "/sys", "/sys/fs/cgroup", "/mnt", "/with space"]
    root, bind, tmpfs = rows[0], rows[-2], rows[-1]
    assert (root.type, root.source, root.options) == ("overlay", "overlay", ("rw", "relatime"))
    assert (bind.type, bind.source, bind.root, bind.options[0]) == ("ext4", "/dev/sda1", "/vol/sub", "ro")
    assert (bind.device, bind.parent_id) == (files.stat("/mnt").device, root.mount_id)
    assert (tmpfs.super_options, tmpfs.source) == (("rw", "size=1024k"), "none")
    assert len({row.device for row in rows}) == len(rows)


def test_each_file_system_tells_its_room() -> None:
    host = MemoryHostFiles()
    host.make_dirs("/vol")
    files = view(mounts=[MountSpec(destination="/mnt", source=HostSource(files=host, path="/vol"))])

    assert (files.statfs("/etc").type, files.statfs("/mnt").type) == ("overlay", "ext4")
    assert files.statfs("/etc").size_bytes == files.statfs("/mnt").size_bytes == 64 * 1024**3
    assert (files.statfs("/dev").type, files.statfs("/dev").size_bytes) == ("tmpfs", 64 * 1024**2)
    assert (files.statfs("/proc").type, files.statfs("/proc").size_bytes) == ("proc", 0)


@pytest.mark.parametrize(("flags", "code", "text"), [(("noexec",), 126, "Permission denied"), (("nosuid",), 0, "1000")])
def test_flags_of_a_mount_bind_what_is_executed(world: World, flags: tuple[str, ...], code: int, text: str) -> None:
    files = world.container()
    root = files.as_root()
    root.set_mode("/bin/id", 0o4755)
    root.mount_bind("/bin", "/data")
    root.remount("/data", is_read_only=False, flags=flags)
    ran = world.sh("/data/id -u", files=files, who=Credentials(uid=1000, gid=1000))

    assert ran.code == code
    assert text in ran.out + ran.err
    assert world.sh("/bin/id -u", files=files, who=Credentials(uid=1000, gid=1000)).out == "0\n"


def test_devices_of_a_mount_that_has_none_do_not_open(world: World) -> None:
    files = world.container()
    root = files.as_root()
    root.make_device("/tmp/null", FileKind.DEVICE, device_number(1, 3))
    root.mount_bind("/tmp", "/data")
    root.remount("/data", is_read_only=False, flags=("nodev",))

    assert "Permission denied" in world.sh("echo 1 > /data/null", files=files).err
    assert world.sh("echo 1 > /tmp/null", files=files).code == 0


def test_the_applet_says_when_the_host_refused(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise FsError("EPERM")

    monkeypatch.setattr("kubesim.userland.files.real_mounts._mount", refuse)
    (tmp_path / "point").mkdir()
    spec = MountSpec(
        destination="/v", source=HostSource(files=RealHostFiles(), path=str(tmp_path)), propagation="shared"
    )
    mounted = world.sh("mount --bind /etc /v/point; ls /v/point", files=world.container(mounts=[spec]))

    assert "passwd" in mounted.out
    assert mounted.err == "mount: /v/point: mounted in containers only, the host refused: Operation not permitted\n"


def test_devices_that_a_container_is_given(world: World) -> None:
    devices = [
        DeviceSpec(path="/dev/own/zero", kind=FileKind.DEVICE, number=device_number(1, 5), mode=0o600, gid=7),
        DeviceSpec(path="/dev/fuse", kind=FileKind.DEVICE, number=device_number(10, 229), mode=0o666),
    ]
    files = world.container(devices=devices)

    assert world.sh("head -c 2 /dev/own/zero | wc -c", files=files).out == "2\n"
    assert "No such device or address" in world.sh("cat /dev/fuse", files=files).err
    assert files.as_root().stat("/dev/own/zero").device_number == device_number(1, 5)
    assert not world.container().as_root().exists("/dev/fuse")


def test_sys_of_a_privileged_container_is_not_read_only() -> None:
    plain, privileged = view(), view(is_privileged=True)

    def access(files: FileView) -> dict[str, str]:
        return {row.path: row.options[0] for row in files.mounts() if row.path.startswith("/sys")}

    assert access(plain) == {"/sys": "ro", "/sys/fs/cgroup": "ro"}
    assert access(privileged) == {"/sys": "rw", "/sys/fs/cgroup": "rw"}


def test_what_a_mount_covers_is_there_once_it_is_gone_and_each_containers_own() -> None:
    mounts = [
        MountSpec(destination="/made/deep", source=TmpfsSource()),
        MountSpec(destination="/etc/hosts", source=TreeSource(tree=FileTree(file_node(b"shown")))),
    ]
    first, second = (view(mounts=mounts, clock=lambda: 7_000_000_000) for _ in range(2))
    assert first.list_dir("/made") == ["deep"]
    for path in ("/etc/hosts", "/made/deep"):
        first.unmount(path)

    covered = first.stat("/etc/hosts")
    assert (covered.kind, covered.mode, covered.size_bytes, covered.links_count) == ("file", 0o644, 0, 1)
    assert covered.mtime_ns == covered.ctime_ns == 7_000_000_000
    assert (first.stat("/made/deep").mode, first.stat("/made/deep").links_count) == (0o755, 2)
    first.write("/etc/hosts", b"own")
    first.set_mode("/made/deep", 0o700)
    second.unmount("/etc/hosts")
    second.unmount("/made/deep")
    assert second.read("/etc/hosts") == b""
    assert second.stat("/made/deep").mode == 0o755
