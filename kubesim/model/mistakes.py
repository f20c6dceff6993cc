"""Every mistake that a plain value holds, measured against a msgspec type.

msgspec stops at the first mistake and cannot name the key of a mapping it happened under. This walk is only taken once
msgspec has refused a value: it visits the whole value in reading order, so that all mistakes are reported at once, each
with an exact path, what was found and what would be right.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import inspect

from kubesim.model.paths import Path

_CHOICES_SHOWN_MAX = 16
"""A longer list of valid names says less than the nearest one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing wrong in a value."""

    path: Path
    what: str
    hint: str = ""
    at_key: bool = False
    """True when the key at `path` is wrong, rather than the value below it."""
    wants_text: bool = False
    """True when a string was expected and a scalar of another type was found: quotes may be all that is missing."""


def find_mistakes(value: Any, type_: Any) -> Iterator[Mistake]:
    """All mistakes of `value` against `type_` in reading order; nothing when the walk finds none."""
    return _walk(value, _type_info(type_), ())


@functools.lru_cache(maxsize=32)
def _type_info(type_: Any) -> inspect.Type:
    return inspect.type_info(type_)


def nearest(word: object, choices: Iterable[str]) -> str:
    """`, did you mean 'x'?` for a word that is nearly one of the choices, else nothing."""
    return "".join(f", did you mean {choice!r}?" for choice in _nearest_of(word, choices))


def _nearest_of(word: object, choices: Iterable[str]) -> set[str]:
    """The one choice that the word nearly is, or none. A key of a mapping may be a number too."""
    folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(str(word).casefold(), folded, n=1, cutoff=0.7)
    return {folded[match] for match in found}


def one_of(choices: Iterable[object]) -> str:
    """`one of "a", "b"` for a hint; an overlong list is cut."""
    shown = [_quoted(choice) for choice in choices]
    if len(shown) > _CHOICES_SHOWN_MAX:
        shown = [*shown[:_CHOICES_SHOWN_MAX], "..."]
    return f"one of {', '.join(shown)}" if len(shown) > 1 else "".join(shown)


def _quoted(choice: object) -> str:
    return f'"{choice}"' if isinstance(choice, str) else str(choice)


def _walk(value: Any, info: inspect.Type, path: Path) -> Iterator[Mistake]:
    check = _CHECKS.get(type(info))
    if check is not None:
        yield from check(value, info, path)


def _wrong_type(value: Any, expected: str, path: Path) -> Mistake:
    hint = f"expected {expected}"
    wants_text = "a string" in expected and isinstance(value, (bool, int, float))
    if expected == "a list" and isinstance(value, dict):
        hint += ", start each entry with `- `"
    elif expected in ("an integer", "a number") and isinstance(value, str) and value.lstrip("-").isdigit():
        hint += ", leave the quotes out"
    return Mistake(path=path, what=f"found {_found(value)}", hint=hint, wants_text=wants_text)


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:60] + '...' if len(value) > 60 else value!r}"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def _check_bool(value: Any, _info: Any, path: Path) -> Iterator[Mistake]:
    if not isinstance(value, bool):
        yield _wrong_type(value, "true or false", path)


def _check_none(value: Any, _info: Any, path: Path) -> Iterator[Mistake]:
    if value is not None:
        yield _wrong_type(value, "nothing", path)


def _check_int(value: Any, info: inspect.IntType, path: Path) -> Iterator[Mistake]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _wrong_type(value, "an integer", path)
    else:
        yield from _bounds(value, info, path)


def _check_float(value: Any, info: inspect.FloatType, path: Path) -> Iterator[Mistake]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield _wrong_type(value, "a number", path)
    else:
        yield from _bounds(value, info, path)


def _bounds(value: float, info: inspect.IntType | inspect.FloatType, path: Path) -> Iterator[Mistake]:
    rules = (
        ("at least", info.ge, info.ge is None or value >= info.ge),
        ("more than", info.gt, info.gt is None or value > info.gt),
        ("at most", info.le, info.le is None or value <= info.le),
        ("less than", info.lt, info.lt is None or value < info.lt),
    )
    for words, bound, holds in rules:
        if not holds:
            yield Mistake(path=path, what=f"{value} is out of range", hint=f"expected {words} {bound}")
            return


def _check_str(value: Any, info: inspect.StrType, path: Path) -> Iterator[Mistake]:
    if not isinstance(value, str):
        yield _wrong_type(value, "a string", path)
    elif info.min_length is not None and len(value) < info.min_length:
        what = "the text is empty" if not value else f"{value!r} is too short"
        yield Mistake(path=path, what=what, hint=f"expected at least {info.min_length} characters")
    elif info.max_length is not None and len(value) > info.max_length:
        yield Mistake(path=path, what="the text is too long", hint=f"expected at most {info.max_length} characters")
    elif info.pattern is not None:
        yield from _pattern(value, info.pattern, path)


def _pattern(value: str, pattern: str, path: Path) -> Iterator[Mistake]:
    if re.search(pattern, value) is None:
        yield Mistake(path=path, what=f"{value!r} has the wrong form", hint=f"expected a match of {pattern}")


def _check_literal(value: Any, info: inspect.LiteralType, path: Path) -> Iterator[Mistake]:
    if any(value == choice and type(value) is type(choice) for choice in info.values):
        return
    if isinstance(value, str):
        texts = [choice for choice in info.values if isinstance(choice, str)]
        what = f"unknown value {value!r}{nearest(value, texts)}"
        yield Mistake(path=path, what=what, hint=f"expected {one_of(info.values)}")
        return
    wants_text = isinstance(value, (bool, int, float)) and any(isinstance(choice, str) for choice in info.values)
    yield Mistake(
        path=path, what=f"found {_found(value)}", hint=f"expected {one_of(info.values)}", wants_text=wants_text
    )


def _check_list(value: Any, info: Any, path: Path) -> Iterator[Mistake]:
    if not isinstance(value, (list, tuple)):
        yield _wrong_type(value, "a list", path)
        return
    if info.min_length is not None and len(value) < info.min_length:
        yield Mistake(path=path, what="the list is too short", hint=f"expected at least {info.min_length} entries")
    if info.max_length is not None and len(value) > info.max_length:
        yield Mistake(path=path, what="the list is too long", hint=f"expected at most {info.max_length} entries")
    for index, item in enumerate(value):
        yield from _walk(item, info.item_type, (*path, index))


def _check_dict(value: Any, info: inspect.DictType, path: Path) -> Iterator[Mistake]:
    if not isinstance(value, dict):
        yield _wrong_type(value, "a mapping", path)
        return
    for key, item in value.items():
        for mistake in _walk(key, info.key_type, (*path, key)):
            yield Mistake(path=mistake.path, what=f"key: {mistake.what}", hint=mistake.hint, at_key=True)
        yield from _walk(item, info.value_type, (*path, key))


def _check_struct(value: Any, info: inspect.StructType, path: Path) -> Iterator[Mistake]:
    if not isinstance(value, dict):
        yield _wrong_type(value, "a mapping", path)
        return
    fields = {field.encode_name: field for field in info.fields}
    meant: set[str] = set()
    for key, item in value.items():
        field = fields.get(key)
        if field is not None:
            yield from _walk(item, field.type, (*path, key))
        elif info.forbid_unknown_fields and key != info.tag_field:
            meant |= _nearest_of(key, fields)
            yield _unknown_field(key, fields, path)
    for name, field in fields.items():
        # A misspelt field is one mistake, not one that is unknown and one that is missing.
        if field.required and name not in value and name not in meant:
            yield Mistake(path=path, what=f"missing required field {name!r}")


def _unknown_field(key: str | int, fields: Iterable[str], path: Path) -> Mistake:
    names = sorted(fields)
    guess = nearest(key, names)
    hint = "" if guess or len(names) > _CHOICES_SHOWN_MAX else f"known fields: {', '.join(names) or 'none'}"
    return Mistake(path=(*path, key), what=f"unknown field {key!r}{guess}", hint=hint, at_key=True)


def _check_union(value: Any, info: inspect.UnionType, path: Path) -> Iterator[Mistake]:
    found = [(choice, list(_walk(value, choice, path))) for choice in info.types]
    if any(not mistakes for _, mistakes in found):
        return
    # The choice that takes this kind of value at all says best what is wrong inside it.
    for choice, mistakes in found:
        if isinstance(choice, _KINDS.get(type(value), ())):
            yield from mistakes
            return
    names = [_NAMES.get(type(choice), "a value") for choice, _ in found if not isinstance(choice, inspect.NoneType)]
    yield _wrong_type(value, " or ".join(dict.fromkeys(names)), path)


_KINDS: dict[type, tuple[type, ...]] = {
    dict: (inspect.StructType, inspect.DictType),
    list: (inspect.ListType, inspect.VarTupleType),
    str: (inspect.StrType, inspect.LiteralType),
    int: (inspect.IntType, inspect.FloatType),
    float: (inspect.FloatType,),
}

_NAMES: dict[type, str] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "an integer",
    inspect.FloatType: "a number",
    inspect.StrType: "a string",
    inspect.LiteralType: "a string",
    inspect.ListType: "a list",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping",
    inspect.StructType: "a mapping",
}

_CHECKS: dict[type, Callable[[Any, Any, Path], Iterator[Mistake]]] = {
    inspect.BoolType: _check_bool,
    inspect.NoneType: _check_none,
    inspect.IntType: _check_int,
    inspect.FloatType: _check_float,
    inspect.StrType: _check_str,
    inspect.LiteralType: _check_literal,
    inspect.ListType: _check_list,
    inspect.VarTupleType: _check_list,
    inspect.DictType: _check_dict,
    inspect.StructType: _check_struct,
    inspect.UnionType: _check_union,
}
