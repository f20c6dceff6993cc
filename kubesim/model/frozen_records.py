"""`dataclasses.replace` for every frozen record, structs too: rules change one dozens of times in the life of a pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(record: Any, /, **changes: Any) -> Any:
        """The record with other values in some fields: what the fields of its class are is asked once for a class.

        For structs, and for dataclasses without InitVar. Raises TypeError for a field that there is not.
        """
        if isinstance(record, Struct):
            return structs.replace(record, **changes)
        cls = type(record)
        names, values_of = _fields(cls)
        values = dict(zip(names, values_of(record), strict=True))
        values.update(changes)
        return cls(**values)


@cache
def _fields(cls: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(one.name for one in fields(cls) if one.init)
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda record: tuple([getattr(record, name) for name in names])  # attrgetter gives a bare value


__all__ = ["replace"]
