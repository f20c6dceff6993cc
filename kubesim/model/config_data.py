"""What ConfigMaps and Secrets share: the names of their keys, their base64 text, and how large they may be.

Mirrors apimachinery: pkg/util/validation/validation.go, IsConfigMapKey.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from kubesim.model.field_error import FieldError, check_label, check_subdomain, invalid, required
from kubesim.model.k8s_meta import ObjectMeta
from kubesim.model.paths import Path

DATA_BYTES_MAX = 1024 * 1024
"""All values of a ConfigMap or Secret together."""
KEY_LENGTH_MAX = 253

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def check_metadata(meta: ObjectMeta) -> Iterator[FieldError]:
    """Name and namespace of the object."""
    if not meta.name:
        yield required(("metadata", "name"), "name or generateName is required")
    else:
        yield from check_subdomain(("metadata", "name"), meta.name)
    yield from check_label(("metadata", "namespace"), meta.namespace)


def check_size(size_bytes: int) -> Iterator[FieldError]:
    """The length of all values together."""
    if size_bytes > DATA_BYTES_MAX:
        yield FieldError(path=("data",), body=f"Too long: may not be more than {DATA_BYTES_MAX} bytes")


def check_key(path: Path, key: str) -> Iterator[FieldError]:
    """The name of an entry, at `path`."""
    if len(key) > KEY_LENGTH_MAX:
        yield invalid(path, key, f"must be no more than {KEY_LENGTH_MAX} bytes")
    if not _KEY.fullmatch(key) or key == "." or key.startswith(".."):
        yield invalid(path, key, _KEY_TEXT)


def decoded(text: str) -> bytes:
    """The bytes of a base64 text as Go reads it: line breaks do not matter. Raises binascii.Error."""
    return base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)
