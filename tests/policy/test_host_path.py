"""What the type of a hostPath volume asks for."""

import pytest

from kubesim.policy.host_path import host_path_to_make, host_path_type_problem

KINDS = {
    "Directory": ("directory", "directory"),
    "DirectoryOrCreate": ("directory", "directory"),
    "File": ("file", "file"),
    "FileOrCreate": ("file", "file"),
    "Socket": ("socket", "socket file"),
    "CharDevice": ("device", "character device"),
    "BlockDevice": ("block device", "block device"),
}


@pytest.mark.parametrize("type_", KINDS)
@pytest.mark.parametrize("kind", ["directory", "file", "socket", "device", "block device", "fifo", None])
def test_what_is_there(type_: str, kind: str | None) -> None:
    wanted, name = KINDS[type_]
    problem = "" if kind == wanted else f"hostPath type check failed: /x is not a {name}"
    assert host_path_type_problem("/x", type_, kind) == problem


@pytest.mark.parametrize(
    ("type_", "made"), [("DirectoryOrCreate", "directory"), ("FileOrCreate", "file"), ("File", ""), ("", "")]
)
def test_what_is_made_where_nothing_is(type_: str, made: str) -> None:
    assert host_path_to_make(type_, None) == made
    assert not host_path_to_make(type_, "socket")


def test_no_type_asks_for_nothing() -> None:
    assert not host_path_type_problem("/x", "", None)
