"""Refusals in the API server's words, and the checks of names and numbers that many fields share.

Mirrors apimachinery: pkg/util/validation/field/errors.go (Error.ErrorBody) and pkg/util/validation/validation.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from kubesim.model.paths import Path

LABEL_MAX = 63
SUBDOMAIN_MAX = 253

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One refusal: the field, and what the API server says about it after the field's path."""

    path: Path
    body: str


def required(path: Path, detail: str = "") -> FieldError:
    """`Required value`, with an optional detail."""
    return FieldError(path=path, body=f"Required value{': ' + detail if detail else ''}")


def invalid(path: Path, value: object, detail: str) -> FieldError:
    """`Invalid value: "x": detail`."""
    return FieldError(path=path, body=f"Invalid value: {_shown(value)}: {detail}")


def unsupported(path: Path, value: str, choices: Iterable[str]) -> FieldError:
    """`Unsupported value: "x": supported values: "a", "b"`."""
    shown = ", ".join(_shown(choice) for choice in choices)
    return FieldError(path=path, body=f"Unsupported value: {_shown(value)}: supported values: {shown}")


def duplicate(path: Path, value: str) -> FieldError:
    """`Duplicate value: "x"`."""
    return FieldError(path=path, body=f"Duplicate value: {_shown(value)}")


def not_found(path: Path, value: str) -> FieldError:
    """`Not found: "x"`."""
    return FieldError(path=path, body=f"Not found: {_shown(value)}")


def forbidden(path: Path, detail: str) -> FieldError:
    """`Forbidden: detail`."""
    return FieldError(path=path, body=f"Forbidden: {detail}")


def check_label(path: Path, value: str) -> Iterator[FieldError]:
    """A DNS-1123 label: names of containers, volumes, namespaces. Mirrors IsDNS1123Label."""
    if len(value) > LABEL_MAX:
        yield invalid(path, value, f"must be no more than {LABEL_MAX} bytes")
    if not _LABEL.fullmatch(value):
        yield invalid(path, value, _LABEL_TEXT)


def check_subdomain(path: Path, value: str) -> Iterator[FieldError]:
    """A DNS-1123 subdomain: names of pods. Mirrors IsDNS1123Subdomain."""
    if len(value) > SUBDOMAIN_MAX:
        yield invalid(path, value, f"must be no more than {SUBDOMAIN_MAX} bytes")
    if not _SUBDOMAIN.fullmatch(value):
        yield invalid(path, value, _SUBDOMAIN_TEXT)


def check_range(path: Path, value: int | None, low: int, high: int) -> Iterator[FieldError]:
    """`must be between 0 and 2147483647, inclusive`; an unset number passes."""
    if value is not None and not low <= value <= high:
        yield invalid(path, value, f"must be between {low} and {high}, inclusive")


def check_not_negative(path: Path, value: int | None) -> Iterator[FieldError]:
    """`must be greater than or equal to 0`; an unset number passes."""
    if value is not None and value < 0:
        yield invalid(path, value, "must be greater than or equal to 0")


def check_choice(path: Path, value: str | None, choices: Collection[str]) -> Iterator[FieldError]:
    """A value out of a fixed set; an unset one passes."""
    if value is not None and value not in choices:
        yield unsupported(path, value, choices)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value)
