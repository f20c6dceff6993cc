"""The files and programs of an image document as entries of layers."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.host_directory import host_entries, host_file
from kubesim.images.programs import PROGRAMS, SCRIPT_PREFIX, USERLANDS, program_node, userland_nodes
from kubesim.images.tree import FileTree, LinkRule, NodeKind, TreeNode, directory_node, file_node, symlink_node
from kubesim.model.image_fixture import HOST_MODE, FileEntry, FileKind, ImageFixture
from kubesim.model.mistakes import nearest, one_of
from kubesim.model.program_script import ProgramSpec, encoded_script


def fixture_layers(
    fixture: ImageFixture, directory: Path, *, base: FileTree | None = None
) -> list[list[tuple[str, TreeNode]]]:
    """The layers of a document, lowest first; `directory` is where its relative paths start, `base` what lies below.

    Raises InputError, with the path in the image as its place.
    """
    layers: list[list[tuple[str, TreeNode]]] = [[] for _ in range(1 + len(fixture.spec.layers))]
    # What a document names itself wins over what a whole directory brings, wherever it is written.
    for entry in sorted(fixture.entries, key=lambda entry: not _is_bulk(entry)):
        try:
            layers[entry.layer].extend(_entry_nodes(entry, directory))
        except InputError as error:
            if error.where == entry.path:
                raise
            # A file of this machine: which entry asked for it is what the author can change.
            raise InputError(f"{error.where}: {error.what}", where=entry.path, hint=error.hint) from error
    for path, program in fixture.spec.programs.items():
        there = dict(layers[0]).get(path)
        below = None if there is not None or base is None else base.resolve(path, link_rule=LinkRule.IN_ROOT).node
        layers[0].append((path, _program(path, program, there, below)))
    return layers if layers[0] else layers[1:]


def _is_bulk(entry: FileEntry) -> bool:
    return entry.kind in {FileKind.USERLAND, FileKind.HOST_DIRECTORY}


def _entry_nodes(entry: FileEntry, directory: Path) -> Iterator[tuple[str, TreeNode]]:
    if entry.kind is FileKind.FILE:
        yield entry.path, file_node(entry.content, mode=entry.mode, uid=entry.uid, gid=entry.gid)
        return
    if entry.kind is FileKind.LINK:
        yield entry.path, symlink_node(entry.source, uid=entry.uid, gid=entry.gid)
        return
    if entry.kind is FileKind.HOST_FILE:
        mode = None if entry.mode == HOST_MODE else entry.mode
        yield entry.path, host_file(directory / entry.source, mode=mode, uid=entry.uid, gid=entry.gid)
        return
    top = directory_node(mode=entry.mode, uid=entry.uid, gid=entry.gid)
    if entry.kind is FileKind.HOST_DIRECTORY:
        yield from host_entries(directory / entry.source, path=entry.path, top=top)
        return
    yield entry.path, top
    if entry.kind is FileKind.USERLAND:
        if entry.source not in USERLANDS:
            raise InputError(
                f"unknown userland {entry.source!r}", where=entry.path, hint=_known(entry.source, USERLANDS)
            )
        prefix = entry.path.rstrip("/")
        for name, node in userland_nodes(entry.source).items():
            yield f"{prefix}/{name}", replace(node, uid=entry.uid, gid=entry.gid)


def _program(path: str, spec: str | ProgramSpec, there: TreeNode | None, below: TreeNode | None) -> TreeNode:
    """The file at `path` made to run a program; a new executable when the document has no file there.

    A file of the image below gives its mode and owner, and is hidden.
    """
    program = spec if isinstance(spec, str) else f"{SCRIPT_PREFIX}{encoded_script(spec.script)}"
    if posixpath.normpath(path) != path or not path.startswith("/") or path.startswith("//"):
        raise InputError("no clean absolute path", where=path, hint="expected e.g. /usr/bin/server")
    if program == spec and program not in PROGRAMS:
        raise InputError(f"unknown program {program!r}", where=path, hint=_known(program, PROGRAMS))
    found = there or below
    if found is None:
        return program_node(program)
    if found.kind is not NodeKind.FILE:
        named = repr(spec) if isinstance(spec, str) else "a script"
        raise InputError(f"a {found.kind} cannot run {named}", where=path, hint="only a file is executed")
    if there is None:
        return program_node(program, mode=found.mode | 0o111, uid=found.uid, gid=found.gid)
    if there.program:
        return program_node(program, mode=there.mode, uid=there.uid, gid=there.gid)
    return replace(there, program=program)


def _known(word: str, choices: Iterable[str]) -> str:
    return f"expected {one_of(sorted(choices))}{nearest(word, sorted(choices))}"
