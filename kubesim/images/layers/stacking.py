"""Indexed layers laid over each other: one tree, as a runtime's snapshot shows it.

Rule 1: a whiteout hides what lies below its layer, never what its own layer has, in whatever order they come. So does
an opaque directory. The files that stand for them are not in the tree.
Rule 2: a later entry of a layer wins over an earlier one, and over whatever lies below. A directory over a directory
keeps what is in it.
Rule 3: links among the parents of an entry are followed inside the tree.

Formats: opencontainers/image-spec: layer.md, "Whiteouts". Mirrors containerd: pkg/archive/tar.go, applyNaive; CRI-O:
vendored containers/storage: pkg/archive/diff.go, UnpackLayer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubesim.errors import InputError
from kubesim.images.layers.layer import Layer
from kubesim.images.layers.limits import LayerError
from kubesim.images.layers.tar_members import Member
from kubesim.images.oci import PROGRAM_ATTRIBUTE
from kubesim.images.programs import PROGRAMS, SCRIPT_PREFIX
from kubesim.images.tree import FileTree, NodeKind, TreeNode, directory_node
from kubesim.images.tree_builder import TreeBuilder

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."
"""What else begins so is aufs' own bookkeeping, which is in old images: nobody unpacks it."""

KIND_OF_MEMBER = {
    "file": NodeKind.FILE,
    "directory": NodeKind.DIRECTORY,
    "symlink": NodeKind.SYMLINK,
    "fifo": NodeKind.FIFO,
    "character device": NodeKind.CHARACTER_DEVICE,
    "block device": NodeKind.BLOCK_DEVICE,
}

ProgramOf = Callable[[Member], str]
"""Which emulated program runs when a file of a layer is executed; "" for none."""


def attribute_program(member: Member) -> str:
    """The program that an extended attribute names, as layers written by `kubesim.images.oci` have it."""
    program = dict(member.records).get(PROGRAM_ATTRIBUTE, "")
    return program if program in PROGRAMS or program.startswith(SCRIPT_PREFIX) else ""


def stack_layers(layers: Sequence[Layer], *, program_of: ProgramOf = attribute_program) -> FileTree:
    """The tree of layers, lowest first. Raises LayerError for an entry that cannot be where it wants to be."""
    tree = FileTree(directory_node())
    for layer in layers:
        try:
            tree = _stacked(tree, layer, program_of)
        except InputError as error:
            raise LayerError(
                f"{error.where}: {error.what}", where=f"layer {layer.blob.digest}", hint=error.hint
            ) from None
    return tree


def _stacked(tree: FileTree, layer: Layer, program_of: ProgramOf) -> FileTree:
    builder = TreeBuilder(tree.root)
    entries: list[Member] = []
    for member in layer.members:
        above, _, name = member.path.rpartition("/")
        if not name.startswith(WHITEOUT):
            entries.append(member)
        elif name == OPAQUE:
            builder.clear(above or "/")
        elif not name.startswith(_AUFS):
            builder.remove(f"{above}/{_hidden(member.path, name)}")
    for member in entries:
        if member.kind == "hardlink":
            builder.link(member.path, member.target)
        else:
            builder.add(member.path, _node(layer, member, program_of))
    return FileTree(builder.frozen())


def _hidden(path: str, name: str) -> str:
    hidden = name.removeprefix(WHITEOUT)
    if hidden in ("", ".", ".."):
        raise InputError("a whiteout of nothing", where=path)
    return hidden


def _node(layer: Layer, member: Member, program_of: ProgramOf) -> TreeNode:
    is_file = member.kind == "file"
    return TreeNode(
        kind=KIND_OF_MEMBER[member.kind],
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        data=layer.content(member) if is_file and member.size_bytes else b"",
        target=member.target,
        program=program_of(member) if is_file and member.mode & 0o111 else "",
        mtime_ns=member.mtime_ns,
        device=member.device,
    )
