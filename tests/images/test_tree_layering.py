"""Building a tree from entries: later ones win, parents appear, nothing leaves the tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.images.tree import FileTree, NodeKind, TreeNode, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree, merge_trees


def content(tree: FileTree, path: str) -> bytes:
    node = tree.get(path)
    assert node is not None, f"nothing at {path}"
    return node.content


def test_an_empty_tree_is_a_root_directory() -> None:
    assert build_tree([]).listing() == "/ directory 0755 0:0\n"


def test_parents_are_made_0755_for_root() -> None:
    tree = build_tree([("/a/b/c", file_node(b"1", mode=0o600, uid=5, gid=6))])

    assert [line.split(" sha256")[0] for line in tree.listing().splitlines()] == [
        "/ directory 0755 0:0",
        "/a directory 0755 0:0",
        "/a/b directory 0755 0:0",
        "/a/b/c file 0600 5:6 1",
    ]


def test_a_later_entry_wins() -> None:
    tree = build_tree([("/a", file_node(b"1")), ("/a", file_node(b"2"))])

    assert content(tree, "/a") == b"2"


def test_a_directory_over_a_directory_keeps_what_is_in_it() -> None:
    tree = build_tree([("/a/b", file_node(b"1")), ("/a", directory_node(mode=0o700, uid=3))])
    node = tree.get("/a")

    assert node is not None
    assert (node.mode, node.uid, content(tree, "/a/b")) == (0o700, 3, b"1")


def test_a_file_over_a_directory_removes_what_was_in_it() -> None:
    tree = build_tree([("/a/b/c", file_node(b"1")), ("/a", file_node(b"2"))])

    assert content(tree, "/a") == b"2"
    assert tree.get("/a/b") is None


def test_a_directory_over_a_file_starts_empty() -> None:
    tree = build_tree([("/a", file_node(b"1")), ("/a", directory_node()), ("/a/b", file_node(b"2"))])

    assert content(tree, "/a/b") == b"2"


def test_a_directory_that_was_replaced_and_made_again_is_the_new_one() -> None:
    tree = build_tree([("/a/old", file_node()), ("/a", file_node()), ("/a", directory_node()), ("/a/new", file_node())])

    assert [path for path, _ in tree.walk()] == ["/", "/a", "/a/new"]


def test_the_root_can_have_its_own_mode() -> None:
    tree = build_tree([("/a", file_node()), ("/", directory_node(mode=0o555, uid=9))])

    assert (tree.root.mode, tree.root.uid, list(tree.root.children)) == (0o555, 9, ["a"])


@pytest.mark.parametrize("target", ["usr/bin", "/usr/bin", "./usr/./bin", "../../usr/bin", "usr/lib/../bin"])
def test_links_among_the_parents_are_followed_inside_the_tree(target: str) -> None:
    tree = build_tree([("/usr/lib", directory_node()), ("/bin", symlink_node(target)), ("/bin/sh", file_node(b"1"))])

    assert content(tree, "/usr/bin/sh") == b"1"


def test_an_entry_replaces_a_link_instead_of_following_it() -> None:
    tree = build_tree([("/a", file_node(b"1")), ("/b", symlink_node("a")), ("/b", file_node(b"2"))])

    assert (content(tree, "/a"), content(tree, "/b")) == (b"1", b"2")


def test_a_base_is_not_changed_and_lends_its_nodes() -> None:
    base = build_tree([("/a/x", file_node(b"1")), ("/b/y", file_node(b"2"))])
    before = base.listing()
    tree = build_tree([("/a/z", file_node(b"3"))], base=base)

    assert base.listing() == before
    assert tree.get("/b") is base.get("/b")
    assert [path for path, _ in tree.walk()] == ["/", "/a", "/a/x", "/a/z", "/b", "/b/y"]


def test_trees_merge_in_order() -> None:
    lower = build_tree([("/a", file_node(b"1")), ("/b", file_node(b"1"))])
    middle = build_tree([("/b", file_node(b"2")), ("/d/e", file_node(b"2"))])
    upper = build_tree([("/d/f", file_node(b"3"))])

    merged = merge_trees(lower, middle, upper)

    assert [content(merged, path) for path in ("/a", "/b", "/d/e", "/d/f")] == [b"1", b"2", b"2", b"3"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a/../b", "/a/../b: `..` in the path of an entry; write the path without it"),
        ("/file/x", "/file/x: 'file' on the way is a file; only a directory can hold it"),
        ("/loop/x", "/loop/x: more than 40 symbolic links on the way"),
        ("/a\0b", r"/a\0b: a NUL in the path of an entry"),
        ("/" + "n" * 256, "/" + "n" * 256 + ": a name of more than 255 bytes"),
        ("/ab" * 2000, "/ab" * 2000 + ": a path of more than 4096 bytes"),
        ("/", "/: the root of a tree cannot be a file; it is a directory"),
    ],
)
def test_bad_entries_are_refused(path: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        build_tree([("/file", file_node()), ("/loop", symlink_node("loop")), (path, file_node())])

    assert str(raised.value) == message


def test_nothing_can_be_laid_over_a_bare_file() -> None:
    with pytest.raises(InputError, match="bare file"):
        build_tree([("/a", file_node())], base=FileTree(file_node()))


def test_depth_is_bounded_by_the_path_only() -> None:
    deep = "/d" * 2048
    tree = build_tree([(deep, directory_node())])

    assert sum(1 for _ in tree.walk()) == 2049


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
NODES = st.one_of(
    st.binary(max_size=2).map(file_node), st.integers(0, 0o7777).map(lambda mode: directory_node(mode=mode))
)


def slow_tree(entries: list[tuple[str, TreeNode]]) -> dict[str, TreeNode] | str:
    """The same rules, literally, over a flat mapping of paths; without links."""
    nodes: dict[str, TreeNode] = {}
    for path, node in entries:
        names = path.split("/")[1:]
        for depth in range(1, len(names)):
            parent = "/" + "/".join(names[:depth])
            if nodes.setdefault(parent, directory_node()).kind is NodeKind.FILE:
                return path
        there = nodes.get(path)
        if not (there is not None and there.is_directory and node.is_directory):
            nodes = {key: kept for key, kept in nodes.items() if not key.startswith(path + "/")}
        nodes[path] = node
    return nodes


@given(st.lists(st.tuples(PATHS, NODES), max_size=12), st.integers(0, 12))
def test_layering_agrees_with_a_flat_mapping(entries: list[tuple[str, TreeNode]], cut: int) -> None:
    expected = slow_tree(entries)
    if isinstance(expected, str):
        with pytest.raises(InputError) as raised:
            build_tree(entries)
        assert raised.value.where == expected
        return
    in_two_layers = build_tree(entries[cut:], base=build_tree(entries[:cut]))
    tree = build_tree(entries)

    assert {path: (node.kind, node.mode, node.content) for path, node in tree.walk() if path != "/"} == {
        path: (node.kind, node.mode, node.content) for path, node in expected.items()
    }
    assert in_two_layers.listing() == tree.listing()
    assert build_tree(tree.walk()).listing() == tree.listing()
