"""The resolver against a slow, literal one that expands the path as text, one link at a time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.images.tree import FileTree, LinkRule, TreeNode, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree


def slow_resolve(tree: FileTree, path: str, follow_last: bool, link_rule: LinkRule) -> tuple[str, str]:
    """Outcome and path. Restarts from the root with a rewritten path whenever it meets a link."""
    wanted = [step for step in path.split("/") if step] + (["."] if path.strip("/") and path.endswith("/") else [])
    links = 0
    while True:
        real: list[str] = []
        for index, step in enumerate(wanted):
            here = tree.get("/" + "/".join(real))
            assert here is not None
            if not here.is_directory:
                return "not-a-directory", "/" + "/".join(real)
            if step == "..":
                if not real and link_rule is LinkRule.BENEATH:
                    return "escape", "/.."
                real = real[:-1]
                continue
            if step == ".":
                continue
            real.append(step)
            node = here.children.get(step)
            if node is None:
                return "missing", "/" + "/".join(real)
            is_last = index == len(wanted) - 1
            if node.kind != "symlink" or (is_last and not follow_last):
                continue
            links += 1
            if links > 40:
                return "loop", "/" + "/".join(real)
            if node.target == "":
                return "missing", "/" + "/".join(real)
            if node.target.startswith("/"):
                if link_rule is LinkRule.BENEATH:
                    return "escape", "/" + "/".join(real)
                start: list[str] = []
            else:
                start = real[:-1]
            inside = [part for part in node.target.split("/") if part]
            if inside and node.target.endswith("/"):
                inside.append(".")
            wanted = [*start, *inside, *wanted[index + 1 :]]
            break
        else:
            return "found", "/" + "/".join(real)


STEPS = st.sampled_from(["a", "b", "c", "..", ".", ""])
TEXTS = st.tuples(st.sampled_from(["", "/"]), st.lists(STEPS, max_size=5), st.sampled_from(["", "/"])).map(
    lambda parts: parts[0] + "/".join(parts[1]) + parts[2]
)
ENTRY_PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
NODES: st.SearchStrategy[TreeNode] = st.one_of(
    st.just(file_node()), st.just(directory_node()), TEXTS.map(symlink_node), TEXTS.map(symlink_node)
)


def grown(entries: list[tuple[str, TreeNode]]) -> FileTree:
    """A tree of the entries that fit; one whose parents are files or loops is left out."""
    tree = build_tree([])
    for entry in entries:
        try:
            tree = build_tree([entry], base=tree)
        except InputError:
            continue
    return tree


@settings(max_examples=400)
@given(st.lists(st.tuples(ENTRY_PATHS, NODES), max_size=10), TEXTS, st.booleans(), st.sampled_from(LinkRule))
def test_resolution_agrees_with_the_literal_one(
    entries: list[tuple[str, TreeNode]], path: str, follow_last: bool, link_rule: LinkRule
) -> None:
    tree = grown(entries)
    resolution = tree.resolve(path, follow_last, link_rule=link_rule)

    assert (resolution.outcome, resolution.path) == slow_resolve(tree, path, follow_last, link_rule)
    if resolution.outcome == "found":
        assert resolution.node is tree.get(resolution.path)
    if link_rule is LinkRule.IN_ROOT:
        assert resolution.outcome != "escape"
