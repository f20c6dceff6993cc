"""A file system that is built when somebody looks into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.images.tree import FileTree, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.cgroup_files import CgroupSettings
from kubesim.userland.files.filesystem import FileSystem, HostSource, MountSpec, Namespaces, TmpfsSource
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import MemoryHostFiles
from kubesim.userland.files.memory_inode import default_disk
from kubesim.userland.files.unbuilt import (
    FileSystemPlan,
    LookedIntoBindError,
    UnbuiltFileSystem,
    closed,
    looked_at,
    mount_kinds,
)

TREE: FileTree = build_tree(
    [
        ("/etc", directory_node()),
        ("/etc/passwd", file_node(b"x")),
        ("/link", symlink_node("/data/in")),
        ("/in", file_node()),
    ]
)


class Clock:
    """A time that a test sets."""

    now_ns = 1000

    def __call__(self) -> int:
        return self.now_ns


def host() -> MemoryHostFiles:
    files = MemoryHostFiles()
    files.make_dirs("/data/in")
    files.write("/words", b"")
    return files


def mounts(files: MemoryHostFiles, *pairs: tuple[str, str]) -> tuple[MountSpec, ...]:
    specs = [MountSpec(destination=path, source=HostSource(files=files, path=source)) for path, source in pairs]
    seen = looked_at(specs)
    assert seen is not None
    return seen


def unbuilt(clock: Clock, specs: tuple[MountSpec, ...]) -> UnbuiltFileSystem:
    plan = FileSystemPlan(
        root=TREE,
        is_root_read_only=True,
        mounts=specs,
        masked_paths=("/etc/passwd",),
        read_only_paths=("/etc",),
        namespaces=Namespaces(),
        clock=clock,
        disk=default_disk,
        cgroup=CgroupSettings,
    )
    return UnbuiltFileSystem(plan, FileSystem(TREE, mounts=closed(specs)).layer_usage())


LOOKS: dict[str, Callable[[FileSystem], Any]] = {
    "a walk": lambda files: files.walk("/etc/made", files.as_root()).path,
    "its mount points": lambda files: files.mount_points(),
    "the root": lambda files: files.root.is_read_only,
    "what changed": lambda files: [(path, node.kind, node.mtime_ns) for path, node in files.changes().entries],
    "its devices": lambda files: files.dev.names(),
    "its numbers": lambda files: files.as_root().stat("/etc/made").inode,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_any_look_finds_what_was_there_when_it_was_made(look: Callable[[FileSystem], Any]) -> None:
    clock, specs = Clock(), mounts(host(), ("/etc/made", "/data"), ("/new/words", "/words"))
    files = unbuilt(clock, specs)
    built = FileSystem(
        TREE,
        is_root_read_only=True,
        mounts=specs,
        masked_paths=("/etc/passwd",),
        read_only_paths=("/etc",),
        clock=clock,
    )
    clock.now_ns = 2000
    assert look(files) == look(built)
    assert files.as_root().stat("/new").mtime_ns == built.as_root().stat("/new").mtime_ns == 1000
    assert files.clock() == 2000, "what happens later has its own time"
    assert files.layer_usage() == built.layer_usage()


def test_it_is_built_once() -> None:
    files = unbuilt(Clock(), mounts(host(), ("/mnt", "/data")))
    table = files.table
    assert files.table is table
    with pytest.raises(AttributeError, match="has no nonsense"):
        getattr(files, "nonsense")  # noqa: B009 - no type checker lets it pass otherwise


@pytest.mark.parametrize(
    "pairs",
    [
        [("/data", "/data"), ("/data/in/more", "/words")],
        [("/data", "/data"), ("/link/more", "/words")],
    ],
)
def test_a_rehearsal_ends_where_a_path_leads_into_a_bind(pairs: list[tuple[str, str]]) -> None:
    files = host()
    with pytest.raises(LookedIntoBindError):
        FileSystem(TREE, mounts=closed(mounts(files, *pairs)))
    assert files.list_dir("/data/in") == [], "nothing was made on the node"


@pytest.mark.parametrize("look", ["stat", "names", "target", "writable", "rights"])
def test_nothing_is_told_of_a_bind_in_a_rehearsal(look: str) -> None:
    (spec,) = closed(mounts(host(), ("/mnt", "/data")))
    assert isinstance(spec.source, HostSource)
    with pytest.raises(LookedIntoBindError):
        getattr(spec.source.node, look)()
    with pytest.raises(LookedIntoBindError):
        spec.source.node.read_at(0, 1)  # type: ignore[union-attr] # it is there


def test_kinds_are_those_of_the_moment() -> None:
    files = host()
    before = mount_kinds(mounts(files, ("/mnt", "/data"), ("/words", "/words")))
    assert before == (("/mnt", True), ("/words", False))
    files.remove("/words")
    with pytest.raises(FsError):
        mounts(files, ("/words", "/words"))
    files.make_dirs("/words")
    assert mount_kinds(mounts(files, ("/words", "/words"))) == (("/words", True),)


def test_only_binds_are_looked_at() -> None:
    assert looked_at([MountSpec(destination="/tmp", source=TmpfsSource())]) is None
