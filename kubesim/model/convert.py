"""Documents to typed values, with every mistake as an InputError that names file, line, path and what would be right.

The happy path is one call of msgspec. Only a value that msgspec refuses is walked a second time, by
`kubesim.model.mistakes`, to say exactly what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from kubesim.errors import InputError
from kubesim.model.mistakes import Mistake, find_mistakes
from kubesim.model.paths import Path, format_path
from kubesim.model.yaml_text import Document

T = TypeVar("T")


def convert(document: Document, type_: type[T], *, path: Path = (), null_is_absent: bool = True) -> T:
    """The part of `document` at `path` as a `type_`.

    `null_is_absent` treats `key: null` as if the key were not there, which is what Go's JSON decoder does for the
    Kubernetes types. Raises InputError for the first mistake in reading order.
    """
    value = value_at(document, path)
    if null_is_absent:
        value = without_nulls(value)
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        raise _errors(document, value, type_, path, error)[0] from error


def convert_all_errors(
    document: Document, type_: type[Any], *, path: Path = (), null_is_absent: bool = True
) -> list[InputError]:
    """All mistakes of a document at once, in reading order; empty when `convert` would succeed."""
    value = value_at(document, path)
    if null_is_absent:
        value = without_nulls(value)
    try:
        msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        return _errors(document, value, type_, path, error)
    return []


def convert_or_mistakes(document: Document, type_: type[T], *, path: Path = ()) -> tuple[T | None, list[InputError]]:
    """The part of `document` at `path` as a `type_` of Kubernetes, or None and all mistakes, in reading order.

    These types take a null where it says nothing, so that most documents need no copy without them.
    """
    value = value_at(document, path)
    try:
        return msgspec.convert(value, type_, strict=True), []
    except msgspec.ValidationError:
        value = without_nulls(value)
    try:
        return msgspec.convert(value, type_, strict=True), []
    except msgspec.ValidationError as error:
        return None, _errors(document, value, type_, path, error)


def join_errors(errors: Iterable[InputError]) -> InputError:
    """One error that carries several, a line each. Raises ValueError for no errors at all."""
    lines = [str(error) for error in errors]
    if not lines:
        raise ValueError("no errors to join")
    return InputError("\n".join(lines))


def error_at(document: Document, path: Path, what: str, *, hint: str = "", at_key: bool = False) -> InputError:
    """An InputError for one place of a document: `file:line:column: $.path: what; hint`."""
    named = path[:-1] if at_key else path
    return InputError(
        f"{format_path((*document.base, *named))}: {what}" if named else what,
        where=document.where(path, of_key=at_key),
        hint=hint,
    )


def value_at(document: Document, path: Path) -> Any:
    """The plain value below `path`. Raises InputError when the path does not exist."""
    value = document.value
    for depth, step in enumerate(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError) as error:
            raise error_at(document, path[: depth + 1], "there is nothing here") from error
    return value


def without_nulls(value: Any) -> Any:
    """A copy without the keys whose value is null, at any depth. Nulls in lists stay."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [without_nulls(item) for item in value]
    return value


def _errors(
    document: Document, value: Any, type_: type[Any], path: Path, error: msgspec.ValidationError
) -> list[InputError]:
    found = [_input_error(document, path, mistake) for mistake in find_mistakes(value, type_)]
    # The walk knows the types that kubesim declares. For anything else msgspec's own words stand.
    return found or [InputError(str(error), where=document.where(path))]


def _input_error(document: Document, base: Path, mistake: Mistake) -> InputError:
    path = (*base, *mistake.path)
    hint = mistake.hint
    if mistake.wants_text:
        plain = document.plain_text(path)
        hint += f', write "{plain}" in quotes' if plain is not None else ""
    return error_at(document, path, mistake.what, hint=hint, at_key=mistake.at_key)
