"""Directories of a disk in memory that are not walked to anew: nobody can tell them from those that are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import MemoryHostFiles, RealHostFiles
from kubesim.userland.files.memory_node import KNOWN_MAX


@pytest.mark.parametrize(
    ("path", "is_straight"),
    [
        ("/a/b", True),
        ("/a/b/file", True),
        ("/a/b/", False),
        ("//a/b", False),
        ("/a/./b", False),
        ("/a/b/../b", False),
        ("a/b", False),
        ("/", False),
        ("", False),
        ("/none", False),
        ("/a/b/file/below", False),
        ("/link", False),
        ("/link/b", False),
        ("/bound", False),
        ("C:\\a", False),
    ],
)
def test_a_straight_path_is_one_that_needs_no_resolving(path: str, is_straight: bool) -> None:
    files = MemoryHostFiles()
    files.make_dirs("/a/b")
    files.write("/a/b/file", b"")
    files.make_link("/link", "/a")
    files.make_dirs("/bound")
    files.bind("/a", "/bound")
    assert files.leads_straight(path) is is_straight
    files.read("/a/b/file")
    files.kind("/link")
    assert files.leads_straight(path) is is_straight, "with directories that are known, too"


@pytest.mark.parametrize("size_bytes", [None, 4096])
@pytest.mark.parametrize("path", ["/a/b", "//a/b", "/a/./b", "/link/b", "/a/b/file", "/bound", "/none"])
def test_a_bind_is_the_same_from_a_directory_that_is_known(path: str, size_bytes: int | None) -> None:
    def seen(*, is_known: bool) -> object:
        files = MemoryHostFiles()
        files.make_dirs("/a/b")
        files.write("/a/b/file", b"1")
        files.make_link("/link", "/a")
        files.make_dirs("/bound")
        files.bind("/a", "/bound")
        if size_bytes is not None:
            files.mount_tmpfs("/a", size_bytes)
        files._node.known.clear()
        for walked in ("/a", "/a/b", "/a/b/file", "//a/b", "/a/./b") if is_known else ():
            files.kind(walked)
        try:
            inside = files.confined(path)
        except FsError as error:
            return error.errno_name
        return (
            inside.base,
            inside.kind("/"),
            inside.statfs(),
            inside.list_dir("/") if inside.kind("/") == "directory" else "",
        )

    assert seen(is_known=True) == seen(is_known=False)


def test_no_path_of_a_disk_is_known_to_be_straight(tmp_path: Path) -> None:
    files = RealHostFiles(tmp_path)
    files.make_dirs("/a")
    assert not files.leads_straight("/a")


def test_a_way_that_was_walked_before_is_walked_anew_once_a_directory_left_it() -> None:
    files = MemoryHostFiles()
    files.make_dirs("/a/b/c")
    files.write("/a/b/c/f", b"1")

    def seen() -> tuple[bytes | None, bytes | None, str | None]:
        return files.read("/a/b/c/f"), files.read("/a/b/c/g"), files.kind("/a/b/c")

    assert seen() == seen() == (b"1", None, "directory")
    files.write("/a/b/c/g", b"2")
    assert seen() == (b"1", b"2", "directory")
    files.rename("/a/b/c/g", "/a/b/c/f")
    assert seen() == (b"2", None, "directory")
    files.rename("/a/b", "/a/d")
    assert seen() == seen() == (None, None, None)
    files.make_link("/a/b", "d")
    assert seen() == seen() == (b"2", None, "directory")
    files.remove_one("/a/b")
    assert seen() == (None, None, None)
    files.rename("/a/d", "/a/b")
    assert seen() == (b"2", None, "directory")
    files.confined("/a").remove("/b/c")
    assert seen() == (None, None, None)
    files.make_dirs("/a/b/c")
    assert seen() == (None, None, "directory")
    files.remove("/a")
    files.write("/a", b"")
    assert seen() == (None, None, None)


def test_no_more_ways_are_remembered_than_a_few() -> None:
    files = MemoryHostFiles()
    for number in range(3 * KNOWN_MAX):
        files.make_dirs(f"/d{number}/e")
        files.write(f"/d{number}/e/f", b"%d" % number)
        assert files.read(f"/d{number}/e/f") == b"%d" % number
        assert len(files._node.known) <= KNOWN_MAX
    assert files.read("/d0/e/f") == b"0"


@given(data=st.data())
def test_a_disk_that_remembers_ways_is_one_that_does_not(data: st.DataObject) -> None:
    names = st.lists(st.sampled_from(["a", "b", "c", "..", ".", ""]), min_size=1, max_size=4).map("/".join)
    files, plain = MemoryHostFiles(), MemoryHostFiles()

    def outcome(disk: MemoryHostFiles, operation: str, paths: Sequence[object]) -> object:
        try:
            return getattr(disk, operation)(*paths)
        except FsError as error:
            return error.errno_name

    operations = {
        "make_dirs": 1,
        "make_directory": 1,
        "make_link": 2,
        "remove": 1,
        "remove_one": 1,
        "rename": 2,
        "kind": 1,
        "list_dir": 1,
        "read": 1,
        "leads_straight": 1,
    }
    for _ in range(data.draw(st.integers(1, 25))):
        operation = data.draw(st.sampled_from([*operations, "write", "append"]))
        paths = [
            f"/{data.draw(names)}/{data.draw(st.sampled_from('abc'))}" for _ in range(operations.get(operation, 1))
        ]
        arguments = [*paths, b"x"] if operation in ("write", "append") else paths
        plain._node.known.clear()
        assert outcome(files, operation, arguments) == outcome(plain, operation, arguments)
