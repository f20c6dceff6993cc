"""Which nodes one `serve` stands in for: a name and a socket each, checked before anything is left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubesim.errors import InputError
from kubesim.server.address import Address, TcpAddress, UnixAddress, parse_address

DEFAULT_NAME = "node"
"""The host name of a node that has no name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedNode:
    """One node: its name, "" for the only one, and where its runtime listens."""

    name: str
    address: Address

    @property
    def hostname(self) -> str:
        """What the node calls itself."""
        return self.name or DEFAULT_NAME

    @property
    def default_image_fs_path(self) -> str:
        """A directory that exists: that of the socket, or the working directory where there is none."""
        return str(self.address.path.parent if isinstance(self.address, UnixAddress) else Path.cwd())


def only_node(address: str, *, allow_remote: bool) -> ServedNode:
    """The one node behind `--socket ADDRESS`. Raises InputError."""
    return _served_node("", address, option="--socket", allow_remote=allow_remote)


def named_nodes(pairs: Sequence[str], *, allow_remote: bool) -> tuple[ServedNode, ...]:
    """The nodes of `--node NAME=ADDRESS` pairs, each with a name and an address of its own. Raises InputError."""
    from kubesim.node.arguments import check_node_name

    nodes: list[ServedNode] = []
    for pair in pairs:
        name, equals, address = pair.partition("=")
        if not equals:
            raise InputError(f'"{pair}" is no pair', where="--node", hint="use NAME=unix:///absolute/path.sock")
        check_node_name(name, "--node")
        node = _served_node(name, address, option="--node", allow_remote=allow_remote)
        for other in nodes:
            if other.name == name:
                raise InputError(f'two nodes have the name "{name}"', where="--node", hint="give each its own")
            if _is_same_place(other.address, node.address):
                what = f"the nodes {other.name} and {name} have one address, {node.address}"
                raise InputError(what, where="--node", hint="give each its own")
        nodes.append(node)
    return tuple(nodes)


def _served_node(name: str, text: str, *, option: str, allow_remote: bool) -> ServedNode:
    try:
        address = parse_address(text)
    except InputError as error:
        raise InputError(error.what, where=error.where or option, hint=error.hint) from error
    if isinstance(address, UnixAddress):
        folder = address.path.parent
        if not folder.is_dir():
            what = "is not a directory" if folder.exists() else "does not exist"
            hint = "name a socket in an existing directory"
            raise InputError(f"the socket's folder {folder} {what}", where=option, hint=hint)
    elif not (address.is_loopback or allow_remote):
        what = f"{address} can be reached from other machines, and whoever reaches it rules the node"
        raise InputError(what, where=option, hint="use tcp://127.0.0.1:PORT, or add --allow-remote")
    return ServedNode(name=name, address=address)


def _is_same_place(one: Address, other: Address) -> bool:
    if isinstance(one, UnixAddress) and isinstance(other, UnixAddress):
        return _real_path(one.path) == _real_path(other.path)
    # Port 0 is another port each time.
    return isinstance(one, TcpAddress) and one == other and one.port != 0


def _real_path(path: Path) -> Path:
    return path.parent.resolve() / path.name
