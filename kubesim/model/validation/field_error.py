"""Refusals in the API server's words, and the checks of numbers and choices that many fields share.

Mirrors apimachinery: pkg/util/validation/field/errors.go (Error.ErrorBody).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.model.go_json_text import go_json_text
from kubesim.model.go_quote import go_quote
from kubesim.model.paths import Path, field_path
from kubesim.model.yaml_text import Document

ID_MAX = 2**31 - 1
NOT_NEGATIVE = "must be greater than or equal to 0"
POSITIVE = "must be greater than zero"


class Named(str):
    """A value that upstream holds in a type of its own, or behind a pointer: it is shown as JSON, not as Go quotes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One refusal: the field, and what the API server says about it after the field's path."""

    path: Path
    body: str
    place: Path | None = None
    """Where in the document the mistake is; None: at `path`."""

    def __str__(self) -> str:
        """`spec.containers[0].image: Required value`."""
        return f"{field_path(self.path)}: {self.body}"


def input_errors(errors: Iterable[FieldError], document: Document, path: Path = ()) -> list[InputError]:
    """Refusals with the place in the document that holds the object at `path`; none is said twice of one place."""
    found = {}
    for error in errors:
        where = document.where((*path, *(error.path if error.place is None else error.place)))
        text = f"{field_path((*document.base, *error.path))}: {error.body}"
        found[where, text] = InputError(text, where=where)
    return list(found.values())


def required(path: Path, detail: str = "", *, place: Path | None = None) -> FieldError:
    """`Required value`, with an optional detail."""
    return FieldError(path=path, body=f"Required value{': ' + detail if detail else ''}", place=place)


def invalid(path: Path, value: object, detail: str, *, place: Path | None = None) -> FieldError:
    """`Invalid value: "x": detail`."""
    return FieldError(path=path, body=f"Invalid value: {_shown(value)}: {detail}", place=place)


def unsupported(path: Path, value: str | None, choices: Iterable[str], *, place: Path | None = None) -> FieldError:
    """`Unsupported value: "x": supported values: "a", "b"`. Nearly all such values are `Named` upstream."""
    shown = ", ".join(go_quote(choice) for choice in choices)
    return FieldError(
        path=path, body=f"Unsupported value: {go_json_text(value)}: supported values: {shown}", place=place
    )


def duplicate(path: Path, value: object, *, place: Path | None = None) -> FieldError:
    """`Duplicate value: "x"`."""
    return FieldError(path=path, body=f"Duplicate value: {_shown(value)}", place=place)


def not_found(path: Path, value: str, detail: str = "") -> FieldError:
    """`Not found: "x"`, with an optional detail."""
    return FieldError(path=path, body=f"Not found: {_shown(value)}{': ' + detail if detail else ''}")


def forbidden(path: Path, detail: str, *, place: Path | None = None) -> FieldError:
    """`Forbidden: detail`."""
    return FieldError(path=path, body=f"Forbidden: {detail}", place=place)


def too_long(path: Path, bytes_max: int, *, place: Path | None = None) -> FieldError:
    """`Too long: may not be more than 64 bytes`."""
    return FieldError(path=path, body=f"Too long: may not be more than {bytes_max} bytes", place=place)


def too_many(path: Path, count: int, count_max: int) -> FieldError:
    """`Too many: 21: must have at most 20 items`."""
    return FieldError(path=path, body=f"Too many: {count}: must have at most {count_max} items")


def check_problems(
    path: Path, value: object, problems: Iterable[str], *, place: Path | None = None
) -> Iterator[FieldError]:
    """An `Invalid value` for each of the problems of a value."""
    for problem in problems:
        yield invalid(path, value, problem, place=place)


def check_range(path: Path, value: int | None, low: int, high: int) -> Iterator[FieldError]:
    """`must be between 0 and 2147483647, inclusive`; an unset number passes."""
    if value is not None and not low <= value <= high:
        yield invalid(path, value, f"must be between {low} and {high}, inclusive")


def check_id(path: Path, value: int | None) -> Iterator[FieldError]:
    """The id of a user or a group. Mirrors IsValidUserID, IsValidGroupID."""
    return check_range(path, value, 0, ID_MAX)


def check_not_negative(path: Path, value: int) -> Iterator[FieldError]:
    """`must be greater than or equal to 0`."""
    if value < 0:
        yield invalid(path, value, NOT_NEGATIVE)


def check_choice(path: Path, value: str | None, choices: Collection[str]) -> Iterator[FieldError]:
    """A value out of a fixed set; an unset one passes."""
    if value is not None and value not in choices:
        yield unsupported(path, value, choices)


def byte_length(text: str) -> int:
    """The length of a text as Go counts it: in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogateescape"))


def _shown(value: object) -> str:
    return go_quote(value) if isinstance(value, str) and not isinstance(value, Named) else go_json_text(value)
