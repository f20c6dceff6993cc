"""Finds values in objects by paths such as `status.containerStatuses[0].ready`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubesim.errors import InputError

MISSING = object()
"""What `lookup` gives for a path that leads nowhere."""

_STEP = re.compile(
    r"""\.?(?P<name>[^.\[\]]+)|\[(?P<index>-?\d+)\]|\["(?P<quoted>[^"]+)"\]|\[(?P<key>\w+)=(?P<value>[^\]]+)\]"""
)


def lookup(value: Any, path: str) -> Any:
    """The value at `path`, or MISSING.

    Steps are names, `[0]`, `["a.b/c"]` and `[type=Ready]` (the first entry of a list whose field has that text).
    Raises InputError for a path that cannot be read, also beyond the point where it leads nowhere.
    """
    for step in _steps(path):
        if value is not MISSING:
            value = _step(value, step)
    return value


def check_path(path: str) -> None:
    """Raises InputError for a path that cannot be read."""
    for _ in _steps(path):
        pass


def _steps(path: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise InputError(
                f"cannot read the path {path!r} from {path[position:]!r} on",
                hint='write it like status.conditions[type=Ready].status or metadata.labels["a.b/c"]',
            )
        yield match
        position = match.end()


def _step(value: Any, match: re.Match[str]) -> Any:
    name = match["name"] or match["quoted"]
    if name is not None:
        return value.get(name, MISSING) if isinstance(value, Mapping) else MISSING
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return MISSING
    if match["index"] is not None:
        index = int(match["index"])
        return value[index] if -len(value) <= index < len(value) else MISSING
    found = (one for one in value if isinstance(one, Mapping) and str(one.get(match["key"])) == match["value"])
    return next(found, MISSING)


def is_part(part: Any, whole: Any) -> bool:
    """Whether `whole` has at least what `part` has: fields of mappings, entries of lists, parts of texts."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            name in whole and is_part(value, whole[name]) for name, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(is_part(one, other) for other in whole) for one in part)
    return bool(part == whole)
