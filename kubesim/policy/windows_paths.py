"""Paths on a Windows node: how the kubelet spells them to the runtime.

Mirrors kubelet: pkg/volume/util/util.go (GetWindowsPath, MakeAbsolutePath, IsWindowsLocalPath, IsWindowsUNCPath) and
pkg/util/filesystem/util_windows.go (IsAbs).
"""

from __future__ import annotations

import re

_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = ("/", "\\")


def windows_path(path: str) -> str:
    r"""A path with backslashes, on drive C when it begins with one.

    >>> windows_path("/var/lib")
    'c:\\var\\lib'
    """
    found = path.replace("/", "\\")
    return f"c:{found}" if found.startswith("\\") else found


def absolute_path(path: str) -> str:
    r"""A path on a drive: drive C unless it names one, which any colon does.

    >>> absolute_path("/dev/log"), absolute_path("data"), absolute_path("d:/x")
    ('c:/dev/log', 'c:\\data', 'd:/x')
    """
    if ":" in path:
        return path
    return f"c:{path}" if path.startswith(_SEPARATORS) else f"c:\\{path}"


def is_local_path(path: str) -> bool:
    """Whether a path begins at the root of a drive that it does not name."""
    return path.startswith(_SEPARATORS) and not is_unc_path(path) and ":" not in path


def is_unc_path(path: str) -> bool:
    """Whether a path names another machine, or a pipe."""
    return path.startswith("\\\\")


def is_absolute(path: str) -> bool:
    """Whether a path needs nothing before it: it begins with a separator, or with a drive and one."""
    return path.startswith(_SEPARATORS) or (_DRIVE.match(path) is not None and path[2:3] in _SEPARATORS)


def plain_path(path: str) -> str:
    r"""The path that a file of an emulated Windows node has in our tree, which knows neither drives nor backslashes.

    >>> plain_path("c:\\var\\log"), plain_path("/var/log")
    ('/var/log', '/var/log')
    """
    found = path.replace("\\", "/")
    return found[2:] if _DRIVE.match(found) else found
