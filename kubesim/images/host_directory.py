"""Files of this machine as entries of a layer: `/data: {directory: ./data}` and `/motd: {file: ./motd}` in a fixture.

What depends on the machine and not on the files stays out, so that a checkout gives the same digests everywhere: no
times and no owners, and of the permissions only whether a file can be executed. Links are kept as links; nothing
outside the directory is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.tree import TreeNode, directory_node, file_node, symlink_node

ENTRIES_MAX = 100_000
"""Files and directories that one directory may bring in."""


def host_entries(directory: Path, *, path: str, top: TreeNode) -> Iterator[tuple[str, TreeNode]]:
    """`top` at `path`, then all that is in `directory` below it, owned as `top` is.

    Raises InputError when the directory is not there or cannot be read, holds a device, socket or pipe, or more than
    ENTRIES_MAX entries.
    """
    if not directory.is_dir():
        what = "is not a directory" if directory.exists() else "no such directory"
        raise InputError(what, where=str(directory), hint="a relative path starts at the fixture's own directory")
    yield path, top
    pending = [(directory, path.rstrip("/"))]
    count = 0
    while pending:
        here, prefix = pending.pop()
        for found, node in _read(here):
            count += 1
            if count > ENTRIES_MAX:
                raise InputError(f"more than {ENTRIES_MAX} entries", where=str(directory), hint="name a part of it")
            below = f"{prefix}/{found.name}"
            if node.is_directory:
                pending.append((found, below))
            yield below, replace(node, uid=top.uid, gid=top.gid)


def host_file(file: Path, *, mode: int | None, uid: int, gid: int) -> TreeNode:
    """One file; links are followed. `mode` None is 0755 for what can be executed there, else 0644.

    Raises InputError when it is not there, cannot be read, or is no file.
    """
    try:
        if not file.is_file():
            what = "is not a file" if file.exists() else "no such file"
            raise InputError(what, where=str(file), hint="a relative path starts at the fixture's own directory")
        node = _node(file.resolve())
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(file)) from error
    return replace(node, mode=node.mode if mode is None else mode, uid=uid, gid=gid)


def _read(directory: Path) -> Iterator[tuple[Path, TreeNode]]:
    at = directory
    try:
        for found in sorted(directory.iterdir()):
            at = found
            yield found, _node(found)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(at)) from error


def _node(found: Path) -> TreeNode:
    if found.is_symlink():
        return symlink_node(str(found.readlink()))
    if found.is_dir():
        return directory_node()
    if found.is_file():
        is_executable = bool(found.stat().st_mode & 0o111)
        return file_node(found.read_bytes(), mode=0o755 if is_executable else 0o644)
    raise InputError("neither file, directory nor link", where=str(found), hint="leave it out of the directory")
