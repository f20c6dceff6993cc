"""What was derived from a Kubernetes object stays with it: objects are frozen, so the answer never changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from msgspec import Struct

Asked = TypeVar("Asked", bound=Struct)
Also = TypeVar("Also")
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


def remembered_with(derive: Callable[[Asked, Also], Derived]) -> Callable[[Asked, Also], Derived]:
    """The same for an answer that depends on something else, too: it is derived anew when that is another object.

    What it was derived with lives as long as the answer. An answer must not hold the object that was asked: the two
    would keep each other.
    """
    key = f"{derive.__module__}.{derive.__qualname__}"

    @wraps(derive)
    def ask(asked: Asked, also: Also) -> Derived:
        answers = asked.__dict__
        answer = answers.get(key)
        if answer is None or answer[0] is not also:
            answer = answers[key] = (also, derive(asked, also))
        found: Derived = answer[1]
        return found

    return ask
