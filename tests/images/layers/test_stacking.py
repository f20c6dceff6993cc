"""Layers over each other show what a snapshot of a runtime shows."""

import tarfile

import pytest

from kubesim.images.layers.limits import LayerError
from kubesim.images.layers.stacking import stack_layers
from kubesim.images.tree import FileTree, NodeKind

from .archives import Entry, entry, layer_of


def stacked(*layers: list[Entry]) -> FileTree:
    return stack_layers([layer_of(*rows) for rows in layers])


def shown(tree: FileTree) -> dict[str, str]:
    return {
        path: node.content.decode() if node.kind is NodeKind.FILE else node.target or str(node.kind)
        for path, node in tree.walk()
        if path != "/"
    }


def link(name: str, target: str) -> Entry:
    return entry(name, None, type=tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> Entry:
    return entry(name, None, type=tarfile.LNKTYPE, linkname=target)


def test_a_later_layer_wins_and_keeps_what_is_beside() -> None:
    tree = stacked(
        [entry("etc", mode=0o700), entry("etc/a", b"1"), entry("etc/b", b"1")],
        [entry("etc", mode=0o750, uid=7), entry("etc/a", b"2")],
    )

    assert shown(tree) == {"/etc": "directory", "/etc/a": "2", "/etc/b": "1"}
    node = tree.get("/etc")
    assert node is not None
    assert (node.mode, node.uid) == (0o750, 7)


def test_a_whiteout_hides_what_lies_below() -> None:
    tree = stacked(
        [entry("a/b/c", b"1"), entry("a/d", b"1"), entry("e", b"1")],
        [entry("a/.wh.b", b""), entry(".wh.e", b""), entry(".wh.never", b""), entry("x/.wh.y", b"")],
    )

    assert shown(tree) == {"/a": "directory", "/a/d": "1"}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_whiteout_never_hides_what_its_own_layer_has(is_first: bool) -> None:
    rows = [entry("a/.wh.b", b""), entry("a/b", b"2")]

    tree = stacked([entry("a/b/c", b"1")], rows if is_first else rows[::-1])

    assert shown(tree) == {"/a": "directory", "/a/b": "2"}


@pytest.mark.parametrize("is_first", [True, False])
def test_an_opaque_directory_shows_only_its_own_layer(is_first: bool) -> None:
    rows = [entry("a"), entry("a/new", b"2"), entry("a/.wh..wh..opq", b"")]

    tree = stacked([entry("a/b/c", b"1"), entry("a/d", b"1")], rows if is_first else rows[::-1])

    assert shown(tree) == {"/a": "directory", "/a/new": "2"}


def test_the_root_can_be_opaque() -> None:
    tree = stacked([entry("a", b"1")], [entry(".wh..wh..opq", b""), entry("b", b"2")])

    assert shown(tree) == {"/b": "2"}


def test_the_bookkeeping_of_aufs_is_not_unpacked() -> None:
    tree = stacked([entry(".wh..wh.plnk"), entry(".wh..wh.aufs", b""), entry("a", b"1")])

    assert shown(tree) == {"/a": "1"}


def test_links_among_the_parents_are_followed_inside() -> None:
    tree = stacked(
        [entry("usr/bin"), link("bin", "usr/bin"), link("root", "/"), link("out", "../../../usr")],
        [entry("bin/sh", b"1"), entry("root/x", b"2"), entry("out/y", b"3"), entry("bin/.wh.none", b"")],
    )

    found = shown(tree)
    assert (found["/usr/bin/sh"], found["/x"], found["/usr/y"]) == ("1", "2", "3")
    assert found["/bin"] == "usr/bin"


def test_a_whiteout_behind_a_link() -> None:
    tree = stacked([entry("usr/bin/sh", b"1"), link("bin", "usr/bin")], [entry("bin/.wh.sh", b"")])

    assert "/usr/bin/sh" not in shown(tree)


def test_hard_links_share_a_file_also_over_layers() -> None:
    tree = stacked([entry("a", b"1"), hard("b", "a")], [hard("c/d", "b")])

    assert tree.get("/a") is tree.get("/b") is tree.get("/c/d") is not None


def test_what_replaces_a_directory_takes_it_whole() -> None:
    tree = stacked([entry("a/b/c", b"1")], [entry("a", b"file")], [entry("a"), entry("a/x", b"2")])

    assert shown(tree) == {"/a": "directory", "/a/x": "2"}


def test_devices_and_pipes() -> None:
    rows = [
        entry("null", None, type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
        entry("sda", None, type=tarfile.BLKTYPE, devmajor=8, devminor=300),
        entry("pipe", None, type=tarfile.FIFOTYPE),
    ]

    tree = stacked(rows)

    null, sda, pipe = (tree.get(name) for name in ("null", "sda", "pipe"))
    assert null is not None
    assert sda is not None
    assert pipe is not None
    assert (null.kind, null.device, null.mode) == (NodeKind.CHARACTER_DEVICE, (1, 3), 0o666)
    assert (sda.kind, sda.device) == (NodeKind.BLOCK_DEVICE, (8, 300))
    assert pipe.kind is NodeKind.FIFO


def test_a_program_goes_with_its_attribute() -> None:
    name = {"SCHILY.xattr.user.kubesim.program": "busybox:cat"}
    tree = stacked(
        [
            entry("cat", b"x", mode=0o755, pax_headers=name),
            entry("data", b"x", mode=0o644, pax_headers=name),
            entry("odd", b"x", mode=0o755, pax_headers={"SCHILY.xattr.user.kubesim.program": "rm -rf"}),
        ]
    )

    assert [node.program for _, node in tree.walk() if node.kind is NodeKind.FILE] == ["busybox:cat", "", ""]


HOSTILE = {
    "hard link to nothing": ([hard("a", "b")], "/a: a hard link to '/b', which is not there"),
    "hard link to a directory": ([entry("b"), hard("a", "b")], "/a: a hard link to '/b', which is a directory"),
    "hard link below a file": ([entry("b", b""), hard("a", "b/c")], "/a: a hard link to '/b/c', which is not there"),
    "below a file": ([entry("a", b"1"), entry("a/b", b"2")], "/a/b: 'a' on the way is a file"),
    "a loop of links": ([link("a", "b"), link("b", "a"), entry("a/x", b"")], "/a/x: more than 40 symbolic links"),
    "a link to itself": ([link("a", "a/a"), entry("a/x", b"")], "/a/x: more than 40 symbolic links"),
    "the root as a file": ([entry("/", b"x")], "/: the root of a tree cannot be a file"),
    "the root as a link": ([link(".", "/etc")], "/: the root of a tree cannot be a symlink"),
    "a whiteout of nothing": ([entry("a/.wh.", b"")], "/a/.wh.: a whiteout of nothing"),
    "a whiteout of the parent": ([entry("a/.wh...", b"")], "/a/.wh...: a whiteout of nothing"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_cannot_be_is_refused_by_name(case: str) -> None:
    rows, message = HOSTILE[case]
    layer = layer_of(*rows)

    with pytest.raises(LayerError) as caught:
        stack_layers([layer])

    assert caught.value.what.startswith(message)
    assert caught.value.where == f"layer {layer.blob.digest}"
