"""JSON that may come from anybody -> values: bounded, strict, and every mistake with its place.

Stricter than Go's decoder, which the runtimes use, on purpose: a key given twice, text that is not UTF-8, and numbers
that JSON does not have are refused. Each is a way to show two readers two different documents. As in Go, a null is a
field that is not there, and fields that nobody asks for are passed over.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar

import msgspec

from kubesim.errors import InputError
from kubesim.model.convert import without_nulls
from kubesim.model.mistakes import find_mistakes
from kubesim.model.paths import Path, format_path

JSON_BYTES_MAX = 4 * 1024 * 1024
"""Longest document. Mirrors opencontainers/distribution-spec: spec.md, which has registries take manifests of 4 MiB."""

DEPTH_MAX = 64
"""Levels of nesting. A config has 4; the bound keeps the parser's recursion safe."""

T = TypeVar("T")

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or the rest of the text when it has no end: so that the search never starts over."""
_BRACKET = re.compile(rb"[\[{\]}]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class DocumentError(InputError):
    """A document of an image that cannot be used: `where` names the file or blob, `what` begins with the path in it."""


def document_error(where: str, path: Path, what: str, *, hint: str = "") -> DocumentError:
    """An error at one place of a document."""
    return DocumentError(f"{format_path(path)}: {what}" if path else what, where=where, hint=hint)


def parse_json(content: bytes, *, where: str) -> Any:
    """The value of a JSON text. `where` is what to call it in messages.

    Raises DocumentError for more than JSON_BYTES_MAX or DEPTH_MAX, and for text that is not strict JSON.
    """
    if len(content) > JSON_BYTES_MAX:
        raise too_long(where, len(content))
    depth = _depth(content)
    if depth > DEPTH_MAX:
        raise DocumentError(f"nested more than {DEPTH_MAX} levels deep", where=where, hint="no image document is")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(f"byte {error.start} is not UTF-8", where=where, hint="JSON is UTF-8 text") from error
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if _SURROGATE.search(content):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DocumentError("half a surrogate pair in a string", where=where, hint="JSON is UTF-8 text") from error
    except ValueError as error:
        # What the parser says has no part of the text in it; what `_unique` says names the key.
        raise DocumentError(f"not JSON: {error}", where=where) from error
    return value


def too_long(where: str, size_bytes: int) -> DocumentError:
    """The refusal of a document by its size, which a reader knows before it reads."""
    return DocumentError(f"{size_bytes} bytes of JSON", where=where, hint=f"expected at most {JSON_BYTES_MAX}")


def convert_json(value: Any, type_: type[T], *, where: str) -> T:
    """A parsed document as a `type_`. Raises DocumentError for the first mistake in reading order, with its path."""
    present = without_nulls(value)
    try:
        return msgspec.convert(present, type_, strict=True)
    except msgspec.ValidationError as error:
        for mistake in find_mistakes(present, type_):
            hint = mistake.hint.removesuffix(", start each entry with `- `")  # which is how YAML has it
            raise document_error(where, mistake.path, mistake.what, hint=hint) from error
        raise DocumentError(str(error), where=where) from error


def _depth(content: bytes) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:60]!r} is given twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON value")
