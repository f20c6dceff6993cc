"""What ConfigMaps and Secrets share: their base64 text, and how large they may be."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from kubesim.model.k8s_v1 import ConfigMap, Secret
from kubesim.model.paths import MapKey, Path
from kubesim.model.validation.field_error import FieldError, check_problems, forbidden, too_long
from kubesim.model.validation.names import config_key_problems

DATA_BYTES_MAX = 1024 * 1024
"""All values of a ConfigMap or Secret together."""

_IMMUTABLE = "field is immutable when `immutable` is set"

_Object = TypeVar("_Object", ConfigMap, Secret)


def check_size(size_bytes: int, path: Path) -> Iterator[FieldError]:
    """The length of all values together."""
    if size_bytes > DATA_BYTES_MAX:
        yield too_long(path, DATA_BYTES_MAX)


def check_keys(entries: Mapping[str, str], field: str) -> Iterator[FieldError]:
    """The names of the entries of one field."""
    for key in entries:
        yield from check_problems((field, MapKey(key)), key, config_key_problems(key))


def check_immutable(new: _Object, old: _Object, fields: Mapping[str, str]) -> Iterator[FieldError]:
    """An object that says so never changes again; `fields` are JSON names and the attributes behind them."""
    if not old.immutable:
        return
    if not new.immutable:
        yield forbidden(("immutable",), _IMMUTABLE)
    for name, attribute in fields.items():
        if getattr(new, attribute) != getattr(old, attribute):
            yield forbidden((name,), _IMMUTABLE)


def decoded(text: str) -> bytes:
    """The bytes of a base64 text as Go reads it: line breaks do not matter. Raises binascii.Error."""
    return base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)
