"""Paths into a document: tuples of keys and list positions, and the two ways to print them.

`$.spec.containers[0].image` is how kubesim's own messages print a path (msgspec prints it so too);
`spec.containers[0].image` is how the API server prints one.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
"""Steps from the root of a document: a str for a key, an int for a position in a list."""


class MapKey(str):
    """A key that the user chose, such as a resource name; the API server prints such a step in brackets."""

    __slots__ = ()


class ChildName(str):
    """A key that the user chose and that the API server prints as if it were a field, whatever letters it has."""

    __slots__ = ()


_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def format_path(path: Path) -> str:
    """`$.spec.containers[0]`; keys that are not words print as `['a/b']`."""
    parts = ["$"]
    for step in path:
        if isinstance(step, str) and _WORD.fullmatch(step):
            parts.append(f".{step}")
        else:
            parts.append(f"[{step!r}]")
    return "".join(parts)


def field_path(path: Path) -> str:
    """`spec.containers[0].image`; a MapKey, and a key that is no word and no ChildName, prints as `[a/b]`.

    Mirrors apimachinery: pkg/util/validation/field/path.go, Path.String.
    """
    parts: list[str] = []
    for step in path:
        is_name = isinstance(step, ChildName) or (isinstance(step, str) and bool(_WORD.fullmatch(step)))
        if is_name and not isinstance(step, MapKey):
            parts.append(f".{step}" if parts else str(step))
        else:
            parts.append(f"[{step}]")
    return "".join(parts)
