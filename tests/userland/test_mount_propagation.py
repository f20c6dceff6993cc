"""Mounts that come from the node into containers, and from containers to the node and to each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubesim.images.tree import directory_node, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import FileSystem, FileView, FsError, HostSource, MountSpec, TmpfsSource
from kubesim.userland.files.host_files import HostFiles, MemoryHostFiles, RealHostFiles
from kubesim.userland.files.node_mounts import Propagation
from kubesim.userland.files.nodes import TreeView
from kubesim.userland.files.real_mounts import MNT_DETACH, MS_BIND, RealMounts, _libc, _mount, _mounted

TREE = build_tree([("/etc/passwd", file_node(b"root:x:0:0::/:\n")), ("/etc/group", file_node(b"root:x:0:\n"))])


def container(host: HostFiles, path: str, propagation: Propagation) -> FileView:
    spec = MountSpec(destination="/v", source=HostSource(files=host, path=path), propagation=propagation)
    return FileSystem(TREE, mounts=[spec]).as_root()


@pytest.fixture(params=["memory", "disk"])
def node(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostFiles:
    """A node with the folder /vol/point; the real one refuses to mount."""
    if request.param == "memory":
        host: HostFiles = MemoryHostFiles()
        host.make_dirs("/vol/point")
        return host

    def refuse(*_: object) -> None:
        raise FsError("EPERM")

    monkeypatch.setattr("kubesim.userland.files.real_mounts._mount", refuse)
    host = RealHostFiles(tmp_path)
    host.make_dirs("/vol/point")
    return host


def test_a_shared_mount_is_seen_by_all_who_receive_mounts(node: HostFiles) -> None:
    shared, slave, private = (container(node, "/vol", kind) for kind in ("shared", "slave", "private"))
    shared.mount_bind("/etc", "/v/point")

    assert slave.list_dir("/v/point") == ["group", "passwd"]
    assert private.list_dir("/v/point") == []
    shared.write("/etc/passwd", b"live")
    assert slave.read("/v/point/passwd") == b"live"
    assert container(node, "/vol", "private").read("/v/point/passwd") == b"live"  # it began with the mount
    shared.unmount("/v/point")
    assert slave.list_dir("/v/point") == []


def test_a_mount_below_another_bind_stays_in_its_container(node: HostFiles) -> None:
    shared, slave = container(node, "/vol", "shared"), container(node, "/vol", "slave")
    slave.mount_tmpfs("/v/point", TmpfsSource())
    slave.write("/v/point/own", b"")

    assert shared.list_dir("/v/point") == []


def test_the_node_says_why_it_does_not_show_a_mount(node: HostFiles) -> None:
    refusal = container(node, "/vol", "shared").mount_bind("/etc", "/v/point")

    assert refusal == (None if isinstance(node, MemoryHostFiles) else "Operation not permitted")


# -- on a real host, as root ------------------------------------------------------------------------------

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts on the real host")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of the real host, without mounts at the end."""
    (tmp_path / "vol/point").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/flag").write_bytes(b"flag")
    yield tmp_path
    _libc().umount2(os.fsencode(tmp_path / "vol/point"), MNT_DETACH)


@needs_root
@pytest.mark.parametrize(("kind", "seen"), [("private", []), ("slave", ["flag"]), ("shared", ["flag"])])
def test_what_the_host_mounts_later_comes_in_where_it_should(folder: Path, kind: Propagation, seen: list[str]) -> None:
    files = container(RealHostFiles(), f"{folder}/vol", kind)
    _mount(f"{folder}/other", f"{folder}/vol/point", "", MS_BIND, "")

    assert files.list_dir("/v/point") == seen


@needs_root
def test_what_the_host_had_mounted_before_is_seen_by_all(folder: Path) -> None:
    _mount(f"{folder}/other", f"{folder}/vol/point", "", MS_BIND, "")

    assert container(RealHostFiles(), f"{folder}/vol", "private").list_dir("/v/point") == ["flag"]


@needs_root
def test_the_host_gets_a_read_only_copy_of_a_containers_files(folder: Path) -> None:
    files = container(RealHostFiles(), f"{folder}/vol", "shared")
    files.set_mode("/etc/group", 0o640)
    files.set_owner("/etc/group", 1, 2)
    files.make_link("/etc/link", "passwd")

    assert files.mount_bind("/etc", "/v/point") is None
    point = folder / "vol/point"
    assert sorted(path.name for path in point.iterdir()) == ["group", "link", "passwd"]
    assert (point / "link").read_bytes() == b"root:x:0:0::/:\n"
    assert ((point / "group").stat().st_uid, (point / "group").stat().st_mode & 0o777) == (1, 0o640)
    with pytest.raises(OSError, match="Read-only file system"):
        (point / "new").write_bytes(b"")
    files.unmount("/v/point")
    assert list(point.iterdir()) == []


@needs_root
def test_a_folder_of_the_host_is_bound_itself(folder: Path) -> None:
    host = RealHostFiles()
    specs = [
        MountSpec(destination="/v", source=HostSource(files=host, path=f"{folder}/vol"), propagation="shared"),
        MountSpec(destination="/other", source=HostSource(files=host, path=f"{folder}/other")),
    ]
    files = FileSystem(TREE, mounts=specs).as_root()
    files.mount_bind("/other", "/v/point")
    (folder / "vol/point/new").write_bytes(b"from the host")

    assert files.read("/other/new") == b"from the host"
    host.unmount_all()
    assert list((folder / "vol/point").iterdir()) == []


@needs_root
@pytest.mark.parametrize(
    "undo", [lambda host, _: host.unmount_all(), lambda _, path: _libc().umount2(path, MNT_DETACH)]
)
def test_a_mount_that_is_gone_already_is_no_failure(
    folder: Path, undo: Callable[[RealHostFiles, bytes], object]
) -> None:
    host = RealHostFiles()
    files = container(host, f"{folder}/vol", "shared")
    files.mount_bind("/etc", "/v/point")
    undo(host, os.fsencode(folder / "vol/point"))
    files.unmount("/v/point")

    assert list((folder / "vol/point").iterdir()) == []
    host.unmount_all()


@needs_root
def test_a_path_that_leads_elsewhere_by_now_takes_nothing_of_the_host_away(folder: Path) -> None:
    (folder / "vol/d/point").mkdir(parents=True)
    (folder / "hosts/point").mkdir(parents=True)
    _mount(str(folder / "other"), str(folder / "hosts/point"), "", MS_BIND, "")
    mounts = RealMounts()
    try:
        point, source = (os.open(folder / name, os.O_PATH) for name in ("vol/d/point", "other"))
        mounts.mount(point, str(folder / "vol/d/point"), TreeView(directory_node()), source)
        os.close(point)
        os.close(source)
        assert (folder / "vol/d/point/flag").exists()
        (folder / "vol/d").rename(folder / "vol/e")
        (folder / "vol/d").symlink_to(folder / "hosts")

        mounts.unmount(str(folder / "vol/d/point"))

        assert str(folder / "hosts/point") in _mounted().values()
        assert str(folder / "vol/e/point") not in _mounted().values()
    finally:
        mounts.unmount_all()
        for name in ("hosts/point", "vol/e/point"):
            _libc().umount2(os.fsencode(folder / name), MNT_DETACH)
