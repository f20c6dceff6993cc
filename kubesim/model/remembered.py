"""What was derived from a Kubernetes object stays with it: objects are frozen, so the answer never changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from msgspec import Struct

Asked = TypeVar("Asked", bound=Struct)
Derived = TypeVar("Derived")


def remembered(derive: Callable[[Asked], Derived]) -> Callable[[Asked], Derived]:
    """`derive`, which is called once for each object: a sync asks for the same views of one pod a dozen times.

    The answer lives as long as the object, and is no part of what it equals or is encoded to. For Structs with a place
    for it: REMEMBERING in scripts/genmodel_tables.py.
    """
    key = f"{derive.__module__}.{derive.__qualname__}"

    @wraps(derive)
    def ask(asked: Asked) -> Derived:
        answers = asked.__dict__
        if key not in answers:
            answers[key] = derive(asked)
        found: Derived = answers[key]
        return found

    return ask
