"""A walk over a tree of files, without recursion: what chmod -R, chown -R, find and tar share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.process_life import Process

Outcome: TypeAlias = Literal["done", "skip"] | FsError
"""What a visit leads to: go on, do not descend, or an error that the visitor has said already."""

Visit: TypeAlias = Callable[[str, Stat, int], Awaitable[Outcome]]
"""Called with a path, what is there, and how far below the operand it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkOptions:
    """How a tree is walked."""

    is_recursive: bool = True
    is_depth_first: bool = False
    """What lies in a directory comes before the directory."""
    follows_operand: bool = False
    """A symbolic link that was named is followed."""
    follows_all: bool = False
    is_dangling_fine: bool = False
    """A followed link that leads nowhere is visited itself."""


@dataclass(slots=True)
class _Open:
    """A directory whose names are being visited."""

    path: str
    stat: Stat
    depth: int
    names: Iterator[str]


def joined(directory: str, name: str) -> str:
    """The path of a name in a directory. Mirrors busybox: libbb/concat_path_file.c, concat_path_file."""
    return f"{directory}{'' if directory.endswith('/') else '/'}{name.lstrip('/')}"


async def walk_tree(process: Process, operand: str, visit: Visit, options: WalkOptions) -> bool:
    """Visit what lies at and below `operand`; whether all went well.

    A directory that cannot be opened, or whose visit failed, is complained about by its path. Holds the names of the
    open directories only. Mirrors busybox: libbb/recursive_action.c, recursive_action1.
    """
    is_fine = True
    opened: list[_Open] = []
    path, depth = operand, 0
    while True:
        failed, directory = await _visited(process, path, depth, visit, options)
        is_fine &= not failed
        if directory is not None:
            opened.append(directory)
        await process.step()
        following = None
        while opened and (following := next(opened[-1].names, None)) is None:
            closed = opened.pop()
            if options.is_depth_first:
                outcome = await visit(closed.path, closed.stat, closed.depth)
                if isinstance(outcome, FsError):
                    await process.complain(f"{closed.path}: {outcome.strerror}")
                    is_fine = False
        if following is None:
            return is_fine
        path, depth = joined(opened[-1].path, following), opened[-1].depth + 1


async def _visited(
    process: Process, path: str, depth: int, visit: Visit, options: WalkOptions
) -> tuple[bool, _Open | None]:
    """Whether it failed; and the directory, opened, when the walk goes on below it."""
    try:
        stat = _stat(process, path, depth, options)
    except FsError as error:
        await process.complain(f"{path}: {error.strerror}")
        return True, None
    if not stat.is_directory:
        return isinstance(await visit(path, stat, depth), FsError), None
    failure: FsError | None = None
    if not options.is_recursive or not options.is_depth_first:
        outcome = await visit(path, stat, depth)
        if not options.is_recursive or outcome == "skip":
            return isinstance(outcome, FsError), None
        if isinstance(outcome, FsError):
            failure = outcome
    if failure is None:
        try:
            return False, _Open(path, stat, depth, iter(process.files.list_dir(path)))
        except FsError as error:
            failure = error
    await process.complain(f"{path}: {failure.strerror}")
    return True, None


def _stat(process: Process, path: str, depth: int, options: WalkOptions) -> Stat:
    files = process.files
    if not (options.follows_all or (options.follows_operand and depth == 0)):
        return files.stat(path, follow_last=False)
    try:
        return files.stat(path)
    except FsError as error:
        if not options.is_dangling_fine or error.errno_name != "ENOENT":
            raise
        return files.stat(path, follow_last=False)
