"""Fields that the chosen version of Kubernetes does not have.

The types of `kubesim.model.k8s_v1` hold the fields of all supported versions. An API server of one version refuses, or
with field validation off drops, what it does not know; here it is refused, with the versions that do know it.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields

from kubesim.errors import InputError
from kubesim.model.convert import error_at
from kubesim.model.k8s_versions import FIELD_VERSIONS
from kubesim.model.paths import Path
from kubesim.model.yaml_text import Document


def version_errors(
    value: Any, type_: type[Struct], document: Document, path: Path = (), *, minor: int
) -> list[InputError]:
    """An error for every field of `value` that Kubernetes 1.`minor` does not have.

    `value` is the plain value that `document` holds at `path`, already known to convert to `type_`.
    """
    return [
        error_at(
            document,
            (*path, *where),
            f"field {where[-1]!r} is not in Kubernetes 1.{minor}",
            hint=f"{owner}.{where[-1]} {_span(owner, str(where[-1]))}",
            at_key=True,
        )
        for where, owner in _outside(value, type_, (), minor)
    ]


def _outside(value: Any, struct: type[Struct], path: Path, minor: int) -> Iterator[tuple[Path, str]]:
    """Paths of the fields outside the version, each with the name of the type that owns it."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _outside(item, struct, (*path, index), minor)
    elif isinstance(value, dict):
        wanted = _to_look_at(struct, minor)
        for key, item in value.items():
            if item is None or key not in wanted:
                continue
            below = wanted[key]
            if below is None:
                yield (*path, key), struct.__name__
            else:
                yield from _outside(item, below, (*path, key), minor)


@functools.cache
def _to_look_at(struct: type[Struct], minor: int) -> dict[str, type[Struct] | None]:
    """JSON names of the fields outside the version (None), and of those that have such a field below them."""
    found: dict[str, type[Struct] | None] = {}
    for field in fields(struct):
        since, until = FIELD_VERSIONS.get((struct.__name__, field.encode_name), (None, None))
        below = _struct_of(field.type)
        if (since is not None and minor < since) or (until is not None and minor > until):
            found[field.encode_name] = None
        elif below is not None and _to_look_at(below, minor):
            found[field.encode_name] = below
    return found


def _struct_of(type_: Any) -> type[Struct] | None:
    """The Struct inside `X`, `X | None` and `list[X]`; None for plain values and for maps of them."""
    if isinstance(type_, type) and issubclass(type_, Struct):
        return type_
    if get_origin(type_) in (list, Union, types.UnionType):
        for argument in get_args(type_):
            found = _struct_of(argument)
            if found is not None:
                return found
    return None


def _span(owner: str, key: str) -> str:
    since, until = FIELD_VERSIONS[owner, key]
    if since is None:
        return f"was removed after 1.{until}"
    return f"exists since 1.{since}" if until is None else f"exists from 1.{since} to 1.{until}"
