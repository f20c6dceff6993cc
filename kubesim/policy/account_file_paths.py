"""The way from `etc/passwd` or `etc/group` to the file a runtime opens, over symbolic links.

No two ways are alike: which links are followed, how many, whether `..` in a link is taken as text or as a step, and
what a link does that would leave the root file system. So each is followed as it is written, not by one general walk.

Mirrors containerd: pkg/oci/spec_opts.go, openUserFile; internal/fsview/overlay.go, overlayFS.resolve; continuity:
fs/path.go, RootPath; Go: os/root_openat.go, doInRoot; filepath-securejoin: join.go, SecureJoin.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from kubesim.policy.identity_dialect import IdentityDialect

TEXT_LINKS_MAX = 255
"""Links that all but os.Root follow."""

KERNEL_LINKS_MAX = 40
"""Links that Linux follows on the way to a name."""

ROOT_LINKS_MAX = 8
"""Links that Go's os.Root follows."""

_ROOT_STEPS_MAX = 255
_ROOT_RESTARTS_MAX = 8
AccountFileName = Literal["passwd", "group"]


class PathNode(Protocol):
    """What is known of a name in a file tree."""

    @property
    def kind(self) -> str:
        """`file`, `directory`, `symlink`, `fifo`, or a kind of device."""

    @property
    def target(self) -> str:
        """Where a symlink points, as it was written."""


Look = Callable[[str], PathNode | None]
"""The node at a path, following no link; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where the way ends."""

    path: str
    """The path of what was found, from the root without a leading `/`, with every link followed."""
    asked: str
    """The path that was opened to get there, which messages name."""
    failure: str = ""
    """The runtime's words for a way that leads nowhere; empty when something was found."""
    is_missing: bool = False
    """Whether such a failure counts as a missing file."""


def reach(file: AccountFileName, dialect: IdentityDialect, look: Look) -> Reached:
    """Follow the way to an account file as a dialect does."""
    name = f"etc/{file}"
    match dialect.account_file_links:
        case "rooted":
            return _rooted(name, dialect, look)
        case "viewed":
            return _reopened(name, look, _viewed)
        case "joined":
            return _joined(name, look)
        case "last-absolute":
            return _reopened(name, look, _in_os_root)
        case _:
            return _in_os_root(name, look)


class _Stuck(Exception):
    """The walk ends in an error, whose words these are."""


def _rooted(name: str, dialect: IdentityDialect, look: Look) -> Reached:
    """continuity's RootPath, then os.Open: every link, `..` taken as text and stopped at the root."""
    prefix = f"{dialect.account_files_root}/"
    walk = _RootPath(prefix, look)
    try:
        path = walk.to(f"/{name}").lstrip("/")
    except _Stuck as stuck:
        return _failed(name, str(stuck))
    if look(path) is None:
        return _failed(name, dialect.missing_file_error.replace("{path}", prefix + path), is_missing=True)
    return Reached(path=path, asked=path)


class _RootPath:
    """The walk of RootPath, again and again over the whole path until no link is left in it."""

    def __init__(self, prefix: str, look: Look) -> None:
        self._prefix = prefix
        self._look = look
        self._links = 0

    def to(self, path: str) -> str:
        while True:
            before = self._links
            path = self._links_of(path)
            if before == self._links:
                return path

    def _links_of(self, path: str) -> str:
        above = "/"
        for part in path.split("/"):
            here = _clean(f"/{above}/{part}")
            target = self._target(here) if part else None
            if target is not None:
                above = target if target.startswith("/") else _clean(f"{above}/{target}")
            elif part:
                above = here
        return above

    def _target(self, path: str) -> str | None:
        if self._links > TEXT_LINKS_MAX:
            raise _Stuck("too many links")
        node = _lstat(path.strip("/"), self._look)
        if isinstance(node, str):
            raise _Stuck(f"lstat {self._prefix}{path.lstrip('/')}: {node}")
        if node is None or node.kind != "symlink":
            return None
        self._links += 1
        return node.target


def _lstat(path: str, look: Look) -> PathNode | str | None:
    """lstat(2) on the host: a node, the words of an error, or None for nothing, also where a link leads to the host."""
    done: list[str] = []
    pending, links = path.split("/"), 0
    while pending:
        part = pending.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            if not done:
                return None
            done.pop()
            continue
        node = look("/".join([*done, part]))
        if node is None or not pending:
            return node
        if node.kind == "symlink":
            links += 1
            if links > KERNEL_LINKS_MAX:
                return "too many levels of symbolic links"
            if node.target.startswith("/"):
                return None
            pending[:0] = node.target.split("/")
        elif node.kind != "directory":
            return "not a directory"
        else:
            done.append(part)
    return look("/".join(done))


def _viewed(name: str, look: Look) -> Reached:
    """containerd's view of overlay layers: every link, `..` taken as text; one above the root is a name like others."""
    path, links, at = name, 0, 1
    while path != "." and at <= path.count("/") + 1:
        here, rest = _split(path, at)
        node = None if here in ("", "..") else look(here)
        if node is None:
            return _failed(name, f"lstat {here}: file does not exist", is_missing=True)
        if node.kind == "symlink":
            links += 1
            if links > TEXT_LINKS_MAX:
                return _failed(name, f"open {path}: too many levels of symbolic links")
            above = "" if node.target.startswith("/") else posixpath.dirname(here)
            path, at = _clean("/".join([above or ".", node.target.removeprefix("/"), *rest])), 1
            if node.target.startswith("//"):
                path = f"/{path}"
            continue
        if rest and node.kind != "directory":
            return _failed(name, f"open {path}: file does not exist", is_missing=True)
        at += 1
    return Reached(path="" if path == "." else path, asked=path)


def _reopened(name: str, look: Look, walk: Callable[[str, Look], Reached]) -> Reached:
    """A second try for a file that is itself an absolute link, with the root file system as its root."""
    first = walk(name, look)
    directory, _, file = name.rpartition("/")
    above = walk(directory, look)
    if not first.failure or above.failure:
        return first
    link = look(posixpath.join(above.path, file))
    if link is None or link.kind != "symlink" or not link.target.startswith("/"):
        return first
    return walk(_clean(link.target).lstrip("/") or ".", look)


def _in_os_root(name: str, look: Look) -> Reached:
    """Go's os.Root: relative links that stay inside, `..` taken as a step, from the root again."""
    parts, must_be_directory = _root_parts(name), False
    at = links = steps = restarts = 0
    while True:
        steps += 1
        if steps > _ROOT_STEPS_MAX and restarts > _ROOT_RESTARTS_MAX:
            return _failed(name, f"openat {name}: file name too long")
        if parts[at] == "..":
            restarts += 1
            end = at + 1
            while end < len(parts) and parts[end] == "..":
                end += 1
            count = end - at
            if count > at:
                return _failed(name, f"openat {name}: path escapes from parent")
            parts, at = [*parts[: at - count], *parts[end:]] or ["."], 0
            continue
        path = "/".join(part for part in parts[: at + 1] if part != ".")
        node, is_last = look(path), at == len(parts) - 1
        if node is None:
            return _failed(name, f"openat {name}: no such file or directory", is_missing=True)
        if node.kind == "symlink":
            links += 1
            if links > ROOT_LINKS_MAX:
                return _failed(name, f"openat {name}: too many levels of symbolic links")
            if node.target.startswith("/"):
                return _failed(name, f"openat {name}: path escapes from parent")
            target = _root_parts(node.target)
            must_be_directory = node.target.endswith("/") if is_last else must_be_directory
            rest = parts[at + 1 :]
            if rest and target[-1] == ".":
                target.pop()
            parts = [*parts[:at], *target, *rest]
            continue
        if (must_be_directory or not is_last) and node.kind != "directory":
            return _failed(name, f"openat {name}: not a directory")
        if is_last:
            return Reached(path=path, asked=name)
        at += 1


def _joined(name: str, look: Look) -> Reached:
    """SecureJoin, then os.Open: every link, stopped at the root. What cannot be opened is no file."""
    resolved: list[str] = []
    pending, links = name.split("/"), 0
    while pending:
        part = pending.pop(0)
        here = _clean("/" + "/".join([*resolved, part])).lstrip("/")
        node = look(here) if here else None
        if node is not None and node.kind == "symlink":
            links += 1
            if links > TEXT_LINKS_MAX:
                return _failed(name, f"open /{name}: too many levels of symbolic links", is_missing=True)
            if node.target.startswith("/"):
                resolved.clear()
            pending[:0] = node.target.split("/")
        else:
            resolved = here.split("/") if here else []
    path = "/".join(resolved)
    if look(path) is None:
        return _failed(name, f"open /{path}: no such file or directory", is_missing=True)
    return Reached(path=path, asked=path)


def _failed(name: str, failure: str, *, is_missing: bool = False) -> Reached:
    return Reached(path="", asked=name, failure=failure, is_missing=is_missing)


def _split(path: str, count: int) -> tuple[str, list[str]]:
    """The first so many names of a path, and the others."""
    parts = path.split("/")
    return "/".join(parts[:count]), parts[count:]


def _clean(path: str) -> str:
    """Go's path.Clean: unlike Python's, it does not keep a second slash at the start."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _root_parts(path: str) -> list[str]:
    """Go's splitPathInRoot: `.` counts at the end only."""
    parts = [part for part in path.split("/") if part]
    return [part for part in parts[:-1] if part != "."] + parts[-1:]
