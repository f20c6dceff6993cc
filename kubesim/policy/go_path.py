"""Paths cleaned the way Go cleans them."""

from __future__ import annotations

from posixpath import normpath


def go_clean(path: str) -> str:
    """Go's path.Clean and, on Linux, filepath.Clean. Python keeps two leading slashes, Go does not.

    >>> go_clean("//a/./b/../c/")
    '/a/c'
    """
    cleaned = normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned
