"""What a container's writable layer takes on the disk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubesim.images.tree import directory_node, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import FileSystem, FileView, MountSpec, TmpfsSource
from kubesim.userland.files.layer_usage import LayerUsage

BLOCK = 4096
TREE = build_tree(
    [("/image/file", file_node(b"x" * 5000)), ("/image/other", file_node(b"y"))]
    + [(f"/{name}", directory_node()) for name in ("proc", "dev", "sys", "tmp")]
)


def used(blocks: int, inodes: int) -> LayerUsage:
    return LayerUsage(blocks * BLOCK, inodes)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda files: None, used(1, 1)),
        (lambda files: files.read("/image/file"), used(1, 1)),
        (lambda files: files.write("/new", b""), used(1, 2)),
        (lambda files: files.write("/new", b"x"), used(2, 2)),
        (lambda files: files.write("/new", b"x" * 4097), used(3, 2)),
        (lambda files: files.make_directory("/new"), used(2, 2)),
        (lambda files: files.make_link("/new", "/image"), used(1, 2)),
        # A change of the image's file copies it up, with the directory above it.
        (lambda files: files.set_mode("/image/file", 0o600), used(1 + 1 + 2, 3)),
        (lambda files: files.remove_file("/image/other"), used(2, 3)),
    ],
    ids=[
        "nothing", "a read", "an empty file", "a byte", "more than a block", "a directory", "a link", "a copy-up",
        "a removal",
    ],
)  # fmt: skip
def test_what_a_change_takes(change: Callable[[FileView], object], expected: LayerUsage) -> None:
    filesystem = FileSystem(TREE)
    change(filesystem.as_root())
    assert filesystem.layer_usage() == expected


def test_what_goes_away_is_free_again() -> None:
    filesystem = FileSystem(TREE)
    files = filesystem.as_root()
    for number in range(10):
        files.write(f"/file{number}", b"hi\n")
    assert filesystem.layer_usage() == used(11, 11)
    for number in range(10):
        files.remove_file(f"/file{number}")
    assert filesystem.layer_usage() == used(1, 1)


def test_a_mount_counts_as_its_mount_point() -> None:
    filesystem = FileSystem(TREE, mounts=[MountSpec(destination="/data", source=TmpfsSource())])
    assert filesystem.layer_usage() == used(2, 2)
    filesystem.as_root().write("/data/file", b"x" * 100_000)
    assert filesystem.layer_usage() == used(2, 2)
