"""/etc/passwd and /etc/group of an image, as a runtime opens them before a container is created.

Account files are those of the image: mounts and the writable layer do not count. The way to them and what lies at its
end is `policy.account_file_paths` and `policy.account_file_access`; here it is looked up in the image's tree.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from kubesim.images.tree import FileTree, NodeKind, TreeNode
from kubesim.policy.account_file_access import not_reached, special_file
from kubesim.policy.account_file_paths import AccountFileName, reach
from kubesim.policy.accounts import FileContent
from kubesim.policy.identity_dialect import IdentityDialect

READ_FILES_MAX = 64
"""Files that lie in a layer and were read are kept, so many at most."""

READ_BYTES_MAX = 16 << 20
"""All of them together."""


class AccountFiles(Struct, frozen=True, kw_only=True):
    """What a runtime gets to read, and the nodes it read from."""

    passwd: FileContent
    group: FileContent
    passwd_node: TreeNode | None = None
    """The file that was opened; None when none was."""
    group_node: TreeNode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFileCopy:
    """A copy of an account file with a line more, which is mounted over the image's file."""

    path: str
    """Where: /etc/passwd or /etc/group."""
    content: bytes
    mode: int
    """Permission bits, as those of the file itself; so are the owners."""
    uid: int
    gid: int


def account_files(tree: FileTree, dialect: IdentityDialect) -> AccountFiles:
    """The account files of an image under a dialect: `passwd` and `group` go into an `IdentityRequest` as they are.

    A file that cannot be opened is an error only for who needs it, so it is one of the values and not raised here.
    """
    passwd, passwd_node = _opened(tree, dialect, "passwd")
    group, group_node = _opened(tree, dialect, "group")
    return AccountFiles(passwd=passwd, group=group, passwd_node=passwd_node, group_node=group_node)


def _opened(tree: FileTree, dialect: IdentityDialect, file: AccountFileName) -> tuple[FileContent, TreeNode | None]:
    way = reach(file, dialect, tree.get)
    if way.failure:
        return not_reached(way, dialect), None
    node = tree.get(way.path)
    if node is None:
        raise AssertionError("unreachable: a way without a failure ends at a node")
    if node.kind is not NodeKind.FILE:
        return special_file(way, file, dialect, kind=node.kind, device=node.device), node
    bytes_max = dialect.account_file_bytes_max
    # One byte more than the bound tells that there is more.
    size = node.size_bytes if bytes_max is None else min(node.size_bytes, bytes_max + 1)
    return node.data[:size] if isinstance(node.data, bytes) else _kept(node, size), node


_read: dict[int, tuple[TreeNode, bytes]] = {}
"""By the node's address, which is its own as long as the node is kept here."""


def _kept(node: TreeNode, size: int) -> bytes:
    """The start of a file that lies in a layer. The next container of the image gets the same bytes."""
    known = _read.get(id(node))
    if known is not None and len(known[1]) == size:
        return known[1]
    content = node.read_at(0, size)
    _read.pop(id(node), None)
    if size <= READ_BYTES_MAX:
        _read[id(node)] = (node, content)
    while len(_read) > READ_FILES_MAX or sum(len(each) for _, each in _read.values()) > READ_BYTES_MAX:
        _read.pop(next(iter(_read)))
    return content
