"""Reading a tree: paths, links, walks, listings."""

from types import MappingProxyType

import pytest

from kubesim.images.tree import (
    LINKS_MAX,
    FileTree,
    LinkRule,
    NodeKind,
    Outcome,
    TreeNode,
    components,
    directory_node,
    file_node,
    symlink_node,
)
from kubesim.images.tree_builder import build_tree


def tree_of(**links: str) -> FileTree:
    """`/etc/passwd`, `/etc/ssl/`, `/data/file`, and links by name in the root."""
    entries = [
        ("/etc/passwd", file_node(b"root:x:0:0\n")),
        ("/etc/ssl", directory_node(mode=0o700)),
        ("/data/file", file_node(b"2\n")),
    ]
    return build_tree([*entries, *((f"/{name}", symlink_node(target)) for name, target in links.items())])


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("", []),
        ("/", []),
        ("/etc//ssl/", ["etc", "ssl", "."]),
        ("etc/passwd", ["etc", "passwd"]),
        ("./a/../b", [".", "a", "..", "b"]),
        ("..", [".."]),
    ],
)
def test_components(path: str, steps: list[str]) -> None:
    assert components(path) == steps


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "etc/passwd", "//etc/./passwd", "/data/../etc/passwd", "/../etc/passwd"]
)
def test_get_reads_one_node(path: str) -> None:
    node = tree_of().get(path)

    assert node is not None
    assert node.content == b"root:x:0:0\n"
    assert node.size_bytes == 11


@pytest.mark.parametrize(
    "path", ["/nope", "/etc/nope", "/etc/passwd/x", "/etc/passwd/", "/link/passwd", "/nope/../etc"]
)
def test_get_is_none_where_nothing_is_and_behind_links(path: str) -> None:
    assert tree_of(link="etc").get(path) is None


def test_get_gives_the_link_itself() -> None:
    node = tree_of(link="etc").get("/link")

    assert node is not None
    assert (node.kind, node.target, node.size_bytes) == (NodeKind.SYMLINK, "etc", 3)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", "/"),
        ("", "/"),
        ("/etc/passwd", "/etc/passwd"),
        ("/rel/passwd", "/etc/passwd"),
        ("/chain/passwd", "/etc/passwd"),
        ("/file", "/data/file"),
        ("/up", "/etc/passwd"),
        ("/rel/", "/etc"),
        ("/rel/ssl/../passwd", "/etc/passwd"),
        ("/rel/.", "/etc"),
        ("/deep/ssl", "/etc/ssl"),
    ],
)
def test_resolve_follows_links(path: str, found: str) -> None:
    tree = tree_of(rel="etc", chain="rel", file="data/file", up="data/../etc/passwd", deep="etc/ssl/..")
    resolution = tree.resolve(path)

    assert (resolution.outcome, resolution.path, resolution.rest) == ("found", found, ())
    assert resolution.node is tree.get(found)


@pytest.mark.parametrize(
    ("path", "outcome", "where", "rest"),
    [
        ("/nope", Outcome.MISSING, "/nope", ()),
        ("/etc/nope/a/b", Outcome.MISSING, "/etc/nope", ("a", "b")),
        ("/dangling", Outcome.MISSING, "/gone", ()),
        ("/empty/x", Outcome.MISSING, "/empty", ("x",)),
        ("/etc/passwd/x", Outcome.NOT_A_DIRECTORY, "/etc/passwd", ("x",)),
        ("/etc/passwd/", Outcome.NOT_A_DIRECTORY, "/etc/passwd", (".",)),
        ("/tofile/..", Outcome.NOT_A_DIRECTORY, "/data/file", ("..",)),
        ("/loop", Outcome.LOOP, "/loop", ()),
        ("/a/x", Outcome.LOOP, "/a", ("x",)),
        ("/absolute/passwd", Outcome.ESCAPE, "/absolute", ("passwd",)),
        ("/toroot", Outcome.ESCAPE, "/toroot", ()),
        ("/above", Outcome.ESCAPE, "/..", ("etc", "passwd")),
        ("/..", Outcome.ESCAPE, "/..", ()),
        ("/etc/../../etc", Outcome.ESCAPE, "/..", ("etc",)),
    ],
)
def test_resolve_says_why_it_ended(path: str, outcome: Outcome, where: str, rest: tuple[str, ...]) -> None:
    tree = tree_of(
        dangling="gone",
        empty="",
        tofile="data/file",
        loop="loop",
        a="b",
        b="a",
        absolute="/etc",
        toroot="/",
        above="../etc/passwd",
    )
    resolution = tree.resolve(path)

    assert (resolution.outcome, resolution.path, resolution.rest) == (outcome, where, rest)
    assert resolution.node is None


@pytest.mark.parametrize(
    ("path", "found"),
    [("/absolute/passwd", "/etc/passwd"), ("/above", "/etc/passwd"), ("/..", "/"), ("/toroot/data", "/data")],
)
def test_in_root_nothing_escapes(path: str, found: str) -> None:
    tree = tree_of(absolute="/etc", toroot="/", above="../../etc/passwd")

    resolution = tree.resolve(path, link_rule=LinkRule.IN_ROOT)

    assert (resolution.outcome, resolution.path) == (Outcome.FOUND, found)


@pytest.mark.parametrize(
    ("path", "found"), [("/link", "/link"), ("/link/", "/etc"), ("/dir/passwd", "/etc/passwd"), ("/bad", "/bad")]
)
def test_follow_last_off_finds_the_link_itself(path: str, found: str) -> None:
    resolution = tree_of(link="etc", dir="etc", bad="/nowhere").resolve(path, follow_last=False)

    assert (resolution.outcome, resolution.path) == (Outcome.FOUND, found)


@pytest.mark.parametrize(("links", "outcome"), [(LINKS_MAX, Outcome.FOUND), (LINKS_MAX + 1, Outcome.LOOP)])
def test_forty_links_are_followed_and_not_one_more(links: int, outcome: Outcome) -> None:
    chain = {f"l{number}": f"l{number + 1}" for number in range(1, links)}
    tree = tree_of(**chain, **{f"l{links}": "etc/passwd"})

    assert tree.resolve("/l1").outcome is outcome


def test_a_subtree_shares_its_nodes() -> None:
    tree = tree_of()
    subtree = tree.subtree("/etc")

    assert subtree.root is tree.get("/etc")
    assert [path for path, _ in subtree.walk()] == ["/", "/passwd", "/ssl"]
    assert subtree.resolve("../etc").outcome is Outcome.ESCAPE


def test_a_subtree_can_be_one_file() -> None:
    subtree = tree_of().subtree("/data/file")

    assert subtree.root.content == b"2\n"
    assert [path for path, _ in subtree.walk()] == ["/"]
    assert subtree.resolve("/").outcome is Outcome.FOUND
    assert subtree.resolve("/x").outcome is Outcome.NOT_A_DIRECTORY


def test_a_subtree_of_nothing_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="/nope"):
        tree_of().subtree("/nope")


def test_walk_is_in_order_of_names_even_for_a_node_made_by_hand() -> None:
    root = TreeNode(
        kind=NodeKind.DIRECTORY, mode=0o755, children=MappingProxyType({"b": file_node(), "a": directory_node()})
    )

    assert [path for path, _ in FileTree(root).walk()] == ["/", "/a", "/b"]


def test_a_listing_reads_like_a_manifest() -> None:
    tree = build_tree(
        [
            ("/bin/cat", file_node(b"x", mode=0o4755, program="busybox:cat")),
            ("/a b\n", file_node(b"", uid=7, gid=8)),
            ("/link", symlink_node("bin/cat")),
            ("/z", TreeNode(kind=NodeKind.DIRECTORY, mode=0o1777, mtime_ns=5)),
        ]
    )

    assert tree.listing() == (
        "/ directory 0755 0:0\n"
        r"'/a b\n' file 0644 7:8 0 sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" + "\n"
        "/bin directory 0755 0:0\n"
        "/bin/cat file 4755 0:0 1 sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        " program=busybox:cat\n"
        "/link symlink 0777 0:0 -> bin/cat\n"
        "/z directory 1777 0:0 mtime=5\n"
    )


def test_nodes_cannot_be_changed() -> None:
    node = tree_of().root

    with pytest.raises(AttributeError):
        node.mode = 0o777  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        node.children["new"] = file_node()  # type: ignore[index]  # the point of the test
