"""A writable layer as a tar: the form of an OCI layer, deletions as whiteouts, so that any tool for images reads it.

A file that is really called `.wh.something`, which that form cannot name, carries the extended attribute
`user.kubesim.literal-name`. Formats: opencontainers/image-spec: layer.md, "Whiteouts" and "Opaque Whiteout".
"""

from __future__ import annotations

import io
import tarfile

from kubesim.images.layers.stacking import KIND_OF_MEMBER, OPAQUE, WHITEOUT
from kubesim.images.oci import PROGRAM_ATTRIBUTE, tar_header
from kubesim.images.tar_reader import ArchiveError, TarMember, read_tar
from kubesim.images.tree import TreeNode, file_node
from kubesim.userland.files.layer_diff import LayerDiff
from kubesim.userland.files.layer_usage import FILE_BYTES_MAX

LITERAL_ATTRIBUTE = "SCHILY.xattr.user.kubesim.literal-name"


def layer_to_tar(diff: LayerDiff) -> bytes:
    """The bytes of a diff: the same for equal diffs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for path in sorted(diff.removed):
            above, _, name = path.rpartition("/")
            archive.addfile(tar_header(f"{above}/{WHITEOUT}{name}", file_node(mode=0)))
        first_paths: dict[TreeNode, str] = {}
        for path, node in diff.entries:
            header = tar_header(path, node)
            first_path = path if node.is_directory else first_paths.setdefault(node, path)
            if first_path != path:
                header.type, header.linkname, header.size = tarfile.LNKTYPE, first_path.lstrip("/"), 0
            if path.rpartition("/")[2].startswith(WHITEOUT):
                header.pax_headers = {**header.pax_headers, LITERAL_ATTRIBUTE: "1"}
            archive.addfile(header, io.BytesIO(node.content if header.size else b""))
            if path in diff.opaque:
                archive.addfile(tar_header(f"{path}/{OPAQUE}", file_node(mode=0)))
    return buffer.getvalue()


def layer_from_tar(data: bytes) -> LayerDiff:
    """The diff that a tar holds. Raises ArchiveError for one that is broken, or that no emulated container can hold."""
    entries: dict[str, TreeNode] = {}
    removed: set[str] = set()
    opaque: set[str] = set()
    for member in read_tar(data):
        path = member.path
        above, _, name = path.rpartition("/")
        if not name.startswith(WHITEOUT) or LITERAL_ATTRIBUTE in member.attributes:
            if path in entries:
                raise ArchiveError(f"{path!r} is there twice")
            entries[path] = _node(member, entries)
        elif member.kind != "file" or member.content:
            raise ArchiveError(f"{path!r}: a whiteout is an empty file")
        elif name == OPAQUE:
            opaque.add(above or "/")
        elif name.removeprefix(WHITEOUT) not in ("", ".", ".."):
            removed.add(f"{above}/{name.removeprefix(WHITEOUT)}")
        else:
            raise ArchiveError(f"{path!r}: a whiteout of nothing")
    for path in opaque:
        if path not in entries or not entries[path].is_directory:
            raise ArchiveError(f"{path!r} is opaque, but no directory of the layer")
    return LayerDiff(entries=tuple(entries.items()), removed=frozenset(removed), opaque=frozenset(opaque))


def _node(member: TarMember, earlier: dict[str, TreeNode]) -> TreeNode:
    if member.kind == "hardlink":
        linked = earlier.get(member.target)
        if linked is None or linked.is_directory:
            raise ArchiveError(f"{member.path!r} is a hard link to {member.target!r}, which is no earlier file")
        return linked
    if len(member.content) > FILE_BYTES_MAX:
        size_bytes = len(member.content)
        raise ArchiveError(f"{member.path!r} has {size_bytes} bytes, more than a file here can: {FILE_BYTES_MAX}")
    return TreeNode(
        kind=KIND_OF_MEMBER[member.kind],
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        data=member.content,
        target=member.target if member.kind == "symlink" else "",
        program=member.attributes.get(PROGRAM_ATTRIBUTE, ""),
        mtime_ns=member.mtime_ns,
        device=member.device,
    )
