"""Paths that a runtime hides, or makes read-only."""

from __future__ import annotations

import pytest

from kubesim.images.tree import directory_node, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import FileSystem, FsError
from kubesim.userland.processes.process import ROOT

TREE = build_tree(
    [
        ("/etc/passwd", file_node(b"root:x:0:0::/:\n")),
        ("/home/u", directory_node()),
        ("/home/u/kept", file_node()),
    ]
)


def test_masked_paths_hide_what_is_there() -> None:
    files = FileSystem(TREE, masked_paths=["/etc/passwd", "/home/u", "/nowhere", "/nowhere/below"])
    view = files.view(ROOT)

    assert view.open_read("/etc/passwd").read_now(10) == b""
    assert view.list_dir("/home/u") == []
    with pytest.raises(FsError, match="Read-only file system"):
        view.open_write("/home/u/new")
    assert files.is_mount_point("/etc/passwd")
    assert not files.is_mount_point("/nowhere")


def test_read_only_paths_cannot_be_changed() -> None:
    view = FileSystem(TREE, read_only_paths=["/etc", "/nowhere"]).view(ROOT)

    assert view.read("/etc/passwd") == b"root:x:0:0::/:\n"
    with pytest.raises(FsError, match="Read-only file system"):
        view.open_write("/etc/passwd")
    view.write("/elsewhere", b"1")
    assert view.read("/elsewhere") == b"1"
