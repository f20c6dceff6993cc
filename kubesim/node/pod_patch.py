"""A patch of a pod, merged into it as `kubectl patch` does: a strategic merge patch, as far as the spec has lists.

Mirrors apimachinery: pkg/util/strategicpatch/patch.go, StrategicMergePatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubesim.errors import InputError

_MERGED_BY_NAME = {"containers", "initContainers", "claims"}
"""Lists whose entries are found by name; all others are replaced as a whole."""


def merged(value: Mapping[str, Any], patch: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
    """The value with the patch's fields; null removes one. Raises InputError for directives such as $patch."""
    result = dict(value)
    for key, change in patch.items():
        place = f"{where}.{key}" if where else str(key)
        if not isinstance(key, str) or key.startswith("$"):
            raise InputError(f"the directive {key!r} is not known here", where=where, hint="give fields to change")
        if change is None:
            result.pop(key, None)
        elif isinstance(change, Mapping):
            before = value.get(key)
            result[key] = merged(before if isinstance(before, Mapping) else {}, change, where=place)
        elif key in _MERGED_BY_NAME and isinstance(change, list):
            result[key] = _merged_list(value.get(key) or [], change, place)
        else:
            result[key] = change
    return result


def _merged_list(entries: list[Any], changes: list[Any], where: str) -> list[Any]:
    result = list(entries)
    for index, change in enumerate(changes):
        if not isinstance(change, Mapping) or not isinstance(change.get("name"), str):
            raise InputError("does not contain declared merge key: name", where=f"{where}[{index}]")
        found = next((at for at, one in enumerate(result) if one["name"] == change["name"]), None)
        if found is None:
            result.append(merged({}, change, where=f"{where}[{index}]"))
        else:
            result[found] = merged(result[found], change, where=f"{where}[{index}]")
    return result
