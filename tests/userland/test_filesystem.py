"""A container's files: the image below, the writable layer, mounts, links, permissions, and the texts of errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubesim.images.tree import FileTree, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import (
    FileSystem,
    FileView,
    FsError,
    HostSource,
    MountSpec,
    TmpfsSource,
    TreeSource,
)
from kubesim.userland.files.host_files import MemoryHostFiles
from kubesim.userland.processes.process import ROOT, Credentials

USER = Credentials(uid=1000, gid=3000, groups=(3000, 4000))

TREE = build_tree(
    [
        ("/etc/passwd", file_node(b"root:x:0:0::/:\n")),
        ("/etc/shadow", file_node(b"", mode=0o600)),
        ("/usr/bin/tool", file_node(mode=0o755, program="busybox:true")),
        ("/bin", symlink_node("usr/bin")),
        ("/var/run", symlink_node("/run")),
        ("/run", directory_node()),
        ("/loop", symlink_node("loop")),
        ("/dangling", symlink_node("/nowhere/at/all")),
        ("/tmp", directory_node(mode=0o1777)),
        ("/home/u", directory_node(uid=1000, gid=1000, mode=0o700)),
        ("/shared", directory_node(gid=4000, mode=0o2775)),
        ("/closed/inner", file_node()),
        ("/closed", directory_node(mode=0o700)),
    ]
)


def _volume() -> FileTree:
    return build_tree([("/dir/file", file_node(b"1")), ("/file", file_node(b"2"))])


def test_changes_go_to_the_writable_layer_and_leave_the_image_alone() -> None:
    one, other = FileSystem(TREE), FileSystem(TREE)
    one.as_root().write("/etc/passwd", b"changed")
    one.as_root().remove_file("/usr/bin/tool")
    one.as_root().make_directory("/new")

    assert one.as_root().read("/etc/passwd") == b"changed"
    assert one.as_root().list_dir("/usr/bin") == []
    assert "new" in one.as_root().list_dir("/")
    assert other.as_root().read("/etc/passwd") == b"root:x:0:0::/:\n"
    assert other.as_root().list_dir("/usr/bin") == ["tool"]


def test_a_removed_name_of_the_image_can_be_made_again_and_is_empty() -> None:
    files = FileSystem(TREE).as_root()
    files.remove_file("/etc/passwd")
    files.remove_file("/etc/shadow")
    files.remove_directory("/etc")
    files.make_directory("/etc")

    assert files.list_dir("/etc") == []


def test_a_reader_that_came_before_the_first_change_keeps_the_bytes_of_the_image() -> None:
    files = FileSystem(TREE).as_root()
    before = files.open_read("/etc/passwd")
    files.write("/etc/passwd", b"changed")

    assert before.read_now(100) == b"root:x:0:0::/:\n"
    assert files.open_read("/etc/passwd").read_now(100) == b"changed"


def test_writing_over_a_program_makes_it_plain_data() -> None:
    files = FileSystem(TREE).as_root()
    assert files.stat("/bin/tool").program == "busybox:true"
    files.open_write("/bin/tool", is_append=True).write_now(b"x")

    assert files.stat("/usr/bin/tool").program == ""


def test_links_are_followed_inside_the_container() -> None:
    files = FileSystem(TREE).as_root()
    files.write("/var/run/pid", b"7")

    assert files.walk("/bin/tool").path == "/usr/bin/tool"
    assert files.read("/run/pid") == b"7"
    assert files.walk("/usr/../../../etc/./passwd").path == "/etc/passwd"
    assert files.stat("/bin", follow_last=False).kind == "symlink"
    assert files.read_link("/bin") == "usr/bin"


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (lambda files: files.read("/nope"), "No such file or directory"),
        (lambda files: files.read("/nope/deeper"), "No such file or directory"),
        (lambda files: files.read(""), "No such file or directory"),
        (lambda files: files.read("/dangling"), "No such file or directory"),
        (lambda files: files.read("/etc"), "Is a directory"),
        (lambda files: files.read("/etc/passwd/x"), "Not a directory"),
        (lambda files: files.read("/etc/passwd/"), "Not a directory"),
        (lambda files: files.list_dir("/etc/passwd"), "Not a directory"),
        (lambda files: files.read("/loop"), "Too many levels of symbolic links"),
        (lambda files: files.write("/etc", b""), "Is a directory"),
        (lambda files: files.write("/new/", b""), "Is a directory"),
        (lambda files: files.make_directory("/etc"), "File exists"),
        (lambda files: files.make_directory("/etc/passwd"), "File exists"),
        (lambda files: files.make_directory("/a/b"), "No such file or directory"),
        (lambda files: files.make_link("/etc/passwd", "x"), "File exists"),
        (lambda files: files.remove_file("/etc"), "Is a directory"),
        (lambda files: files.remove_file("/nope"), "No such file or directory"),
        (lambda files: files.remove_directory("/etc"), "Directory not empty"),
        (lambda files: files.remove_directory("/etc/passwd"), "Not a directory"),
        (lambda files: files.remove_directory("/"), "Device or resource busy"),
        (lambda files: files.read_link("/etc"), "Invalid argument"),
        (lambda files: files.write("/" + "x" * 300, b""), "File name too long"),
        (lambda files: files.rename("/etc", "/etc/inside"), "Invalid argument"),
        (lambda files: files.rename("/etc/passwd", "/usr"), "Is a directory"),
        (lambda files: files.rename("/run", "/etc"), "Directory not empty"),
        (lambda files: files.rename("/missing", "/etc/passwd/below"), "Not a directory"),
        (lambda files: files.change_directory("/etc/passwd"), "Not a directory"),
        (lambda files: files.open_write("/etc/passwd", is_exclusive=True), "File exists"),
    ],
)
def test_errors_carry_the_text_users_know(operation: Callable[[FileView], object], text: str) -> None:
    with pytest.raises(FsError) as caught:
        operation(FileSystem(TREE).as_root())
    assert caught.value.strerror == text


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (lambda files: files.read("/etc/shadow"), "Permission denied"),
        (lambda files: files.write("/etc/passwd", b""), "Permission denied"),
        (lambda files: files.write("/etc/new", b""), "Permission denied"),
        (lambda files: files.make_directory("/etc/new"), "Permission denied"),
        (lambda files: files.remove_file("/etc/passwd"), "Permission denied"),
        (lambda files: files.read("/closed/inner"), "Permission denied"),
        (lambda files: files.list_dir("/closed"), "Permission denied"),
        (lambda files: files.change_directory("/closed"), "Permission denied"),
        (lambda files: files.touch("/etc/passwd"), "Permission denied"),
        (lambda files: files.set_mode("/etc/passwd", 0o777), "Operation not permitted"),
        (lambda files: files.set_owner("/home/u", 0, 0), "Operation not permitted"),
        (lambda files: files.rename("/etc/passwd", "/tmp/x"), "Permission denied"),
    ],
)
def test_permission_bits_bind_everyone_but_root(operation: Callable[[FileView], object], text: str) -> None:
    files = FileSystem(TREE)
    with pytest.raises(FsError) as caught:
        operation(files.view(USER))
    assert caught.value.strerror == text
    if text == "Permission denied" and "rename" not in str(operation):
        operation(files.as_root())


def test_owner_group_and_umask_of_what_is_made() -> None:
    system = FileSystem(TREE)
    files = system.view(USER, umask=0o027)
    files.write("/tmp/f", b"")
    files.make_directory("/tmp/d")
    files.write("/shared/f", b"")
    files.make_directory("/shared/d")

    plain, inherited = files.stat("/tmp/f"), files.stat("/shared/f")
    assert (plain.uid, plain.gid, plain.mode) == (1000, 3000, 0o640)
    assert files.stat("/tmp/d").mode == 0o750
    assert inherited.gid == 4000
    assert files.stat("/shared/d").mode == 0o2750


def test_a_sticky_directory_protects_the_files_of_others() -> None:
    system = FileSystem(TREE)
    system.view(USER).write("/tmp/mine", b"")
    stranger = system.view(Credentials(uid=2000, gid=2000))

    with pytest.raises(FsError, match="Operation not permitted"):
        stranger.remove_file("/tmp/mine")
    system.view(USER).remove_file("/tmp/mine")
    assert system.as_root().list_dir("/tmp") == []


def test_a_tree_is_mounted_read_only() -> None:
    system = FileSystem(TREE, mounts=[MountSpec(destination="/volume", source=TreeSource(tree=_volume()))])
    files = system.as_root()

    assert files.list_dir("/volume") == ["dir", "file"]
    assert files.read("/volume/dir/file") == b"1"
    changes: tuple[Callable[[], object], ...] = (
        lambda: files.write("/volume/file", b"x"),
        lambda: files.write("/volume/new", b"x"),
        lambda: files.make_directory("/volume/new"),
        lambda: files.remove_file("/volume/file"),
        lambda: files.remove_file("/volume/nope"),
        lambda: files.set_mode("/volume/file", 0o777),
        lambda: files.touch("/volume/file"),
    )
    for change in changes:
        with pytest.raises(FsError, match="Read-only file system"):
            change()
    with pytest.raises(FsError, match="File exists"):
        files.make_directory("/volume/dir")


def test_a_bare_file_of_a_tree_can_be_a_volume() -> None:
    system = FileSystem(
        TREE, mounts=[MountSpec(destination="/etc/config.txt", source=TreeSource(tree=_volume().subtree("/file")))]
    )

    assert system.as_root().read("/etc/config.txt") == b"2"
    with pytest.raises(FsError, match="Read-only file system"):
        system.as_root().write("/etc/config.txt", b"x")


def test_a_host_bind_is_live_in_both_directions() -> None:
    host = MemoryHostFiles()
    host.make_dirs("/kubelet/vol")
    host.write("/kubelet/hosts", b"127.0.0.1 localhost\n")
    system = FileSystem(
        TREE,
        mounts=[
            MountSpec(destination="/d", source=HostSource(files=host, path="/kubelet/vol")),
            MountSpec(
                destination="/etc/hosts", source=HostSource(files=host, path="/kubelet/hosts"), is_read_only=True
            ),
        ],
    )
    files = system.as_root()
    files.open_write("/d/n", is_append=True).write_now(b"x\n")
    files.open_write("/d/n", is_append=True).write_now(b"y\n")
    host.write("/kubelet/vol/later", b"from the host")
    host.write("/kubelet/hosts", b"changed")

    assert host.read("/kubelet/vol/n") == b"x\ny\n"
    assert files.read("/d/later") == b"from the host"
    assert files.read("/etc/hosts") == b"changed"
    with pytest.raises(FsError, match="Read-only file system"):
        files.write("/etc/hosts", b"")
    with pytest.raises(FsError, match="Device or resource busy"):
        files.remove_file("/etc/hosts")
    files.remove_file("/d/n")
    assert host.kind("/kubelet/vol/n") is None


def test_a_link_in_a_bind_leads_into_the_container_and_not_to_the_host() -> None:
    host = MemoryHostFiles()
    host.make_dirs("/vol")
    host.make_dirs("/etc")
    host.write("/etc/passwd", b"of the host")
    host.make_link("/vol/absolute", "/etc/passwd")
    host.make_link("/vol/relative", "../../etc/passwd")
    host.make_link("/vol/..data", "gen1")
    host.make_dirs("/vol/gen1")
    host.write("/vol/gen1/key", b"value")
    host.make_link("/vol/key", "..data/key")
    system = FileSystem(TREE, mounts=[MountSpec(destination="/mnt/vol", source=HostSource(files=host, path="/vol"))])
    files = system.as_root()

    assert files.read("/mnt/vol/absolute") == b"root:x:0:0::/:\n"
    assert files.read("/mnt/vol/relative") == b"root:x:0:0::/:\n"
    assert files.read("/mnt/vol/key") == b"value"
    files.write("/mnt/vol/absolute", b"written")
    assert host.read("/etc/passwd") == b"of the host"


def test_what_a_user_makes_in_a_bind_stays_the_users() -> None:
    host = MemoryHostFiles()
    host.make_dirs("/vol", 0o777)
    system = FileSystem(TREE, mounts=[MountSpec(destination="/d", source=HostSource(files=host, path="/vol"))])
    files = system.view(USER)
    files.open_write("/d/f", is_append=True).write_now(b"1")
    files.open_write("/d/f", is_append=True).write_now(b"2")

    stat = host.stat("/vol/f")
    assert stat is not None
    assert (stat.uid, stat.gid, stat.mode, stat.size_bytes) == (1000, 3000, 0o644, 2)


def test_mounts_go_on_in_the_order_of_their_depth_whatever_order_they_come_in() -> None:
    host = MemoryHostFiles()
    host.make_dirs("/outer")
    host.write("/inner", b"inner")
    mounts = [
        MountSpec(destination="/var/run/a/token", source=HostSource(files=host, path="/inner")),
        MountSpec(destination="/var/run/a", source=HostSource(files=host, path="/outer")),
        MountSpec(destination="/cache", source=TmpfsSource()),
    ]
    system = FileSystem(TREE, mounts=mounts)

    assert system.as_root().read("/run/a/token") == b"inner"
    assert host.kind("/outer/token") == "file"
    assert system.mount_points() == ["/cache", "/dev", "/proc", "/run/a", "/run/a/token", "/sys", "/sys/fs/cgroup"]
    assert system.as_root().stat("/cache").mode == 0o1777


def test_the_root_can_be_read_only_with_mounts_that_are_not() -> None:
    system = FileSystem(
        TREE, is_root_read_only=True, mounts=[MountSpec(destination="/made/for/it", source=TmpfsSource())]
    )
    files = system.as_root()
    files.write("/made/for/it/f", b"x")
    files.write("/dev/null", b"x")

    for path in ("/x", "/etc/passwd", "/tmp/x", "/made/x"):
        with pytest.raises(FsError, match="Read-only file system"):
            files.write(path, b"")
    with pytest.raises(FsError, match="Read-only file system"):
        files.remove_file("/etc/passwd")
    with pytest.raises(FsError, match="Invalid cross-device link"):
        files.rename("/made/for/it/f", "/x")


def test_the_termination_log_is_one_file_in_dev() -> None:
    host = MemoryHostFiles()
    host.make_dirs("/pods")
    host.write("/pods/log", b"")
    system = FileSystem(
        TREE, mounts=[MountSpec(destination="/dev/termination-log", source=HostSource(files=host, path="/pods/log"))]
    )
    system.as_root().write("/dev/termination-log", b"why\n")

    assert host.read("/pods/log") == b"why\n"
    assert "termination-log" in system.as_root().list_dir("/dev")


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (MountSpec(destination="/", source=TmpfsSource()), "Invalid argument"),
        (MountSpec(destination="/etc/passwd/x", source=TmpfsSource()), "Not a directory"),
        (MountSpec(destination="/loop/x", source=TmpfsSource()), "Too many levels of symbolic links"),
        (
            MountSpec(destination="/x", source=HostSource(files=MemoryHostFiles(), path="/nope")),
            "No such file or directory",
        ),
    ],
)
def test_an_impossible_mount_is_an_error_at_the_start(spec: MountSpec, text: str) -> None:
    with pytest.raises(FsError, match=text):
        FileSystem(TREE, mounts=[spec])


def test_a_mount_inside_a_read_only_tree_needs_its_place_to_be_there() -> None:
    volume = MountSpec(destination="/v", source=TreeSource(tree=_volume()))
    FileSystem(TREE, mounts=[volume, MountSpec(destination="/v/dir", source=TmpfsSource())])

    with pytest.raises(FsError, match="Read-only file system"):
        FileSystem(TREE, mounts=[volume, MountSpec(destination="/v/new", source=TmpfsSource())])


def test_rename_moves_files_and_whole_directories_of_the_image() -> None:
    files = FileSystem(TREE).as_root()
    files.rename("/etc", "/home/etc")
    files.rename("/home/etc/passwd", "/home/etc/shadow")

    assert files.read("/home/etc/shadow") == b"root:x:0:0::/:\n"
    assert not files.exists("/etc")
    assert files.list_dir("/home/etc") == ["shadow"]
    files.rename("/home/etc", "/home/etc")
    assert files.list_dir("/home") == ["etc", "u"]


def test_times_come_from_the_clock_that_was_given() -> None:
    now = 5
    system = FileSystem(TREE, clock=lambda: now)
    system.as_root().write("/f", b"x")
    now = 9
    system.as_root().touch("/etc/passwd")

    assert (system.as_root().stat("/f").mtime_ns, system.as_root().stat("/etc/passwd").mtime_ns) == (5, 9)


def test_relative_paths_start_at_the_working_directory() -> None:
    files = FileSystem(TREE).view(ROOT, cwd="/etc")
    assert files.read("passwd") == files.read("../etc/passwd")
    files.change_directory("../bin")

    assert files.cwd == "/usr/bin"
    assert files.exists("tool")


def test_a_file_in_memory_has_a_limit() -> None:
    files = FileSystem(TREE).as_root()
    files.write("/f", b"")

    with pytest.raises(FsError, match="No space left on device"):
        files.open_write("/f").write_now(bytes(256 * 1024 * 1024 + 1))
