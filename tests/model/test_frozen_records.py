"""Records that are changed as dataclasses.replace changes them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest
from msgspec import Struct

from kubesim.model.frozen_records import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Slotted:
    name: str
    count: int = 1
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Single:
    name: str


class Structured(Struct, frozen=True, kw_only=True, gc=False):
    name: str
    count: int = 1


@dataclass(frozen=True)
class Checked:
    low: int
    high: int
    width: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")
        object.__setattr__(self, "width", self.high - self.low)


@pytest.mark.parametrize(
    "changes", [{}, {"name": "b"}, {"count": 5, "parts": ("x",)}, {"name": "c", "count": 0, "parts": ()}]
)
def test_a_record_is_changed_as_the_standard_library_changes_it(changes: dict[str, object]) -> None:
    record = Slotted(name="a", count=3, parts=("p", "q"))
    assert replace(record, **changes) == dataclasses.replace(record, **changes)  # type: ignore[arg-type]
    assert record == Slotted(name="a", count=3, parts=("p", "q"))


def test_what_a_class_makes_and_checks_itself_is_made_and_checked_anew() -> None:
    assert replace(Checked(1, 3), high=9).width == 8
    with pytest.raises(ValueError, match="low is above high"):
        replace(Checked(1, 3), low=4)


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        replace(Slotted(name="a"), colour="red")  # type: ignore[call-arg]


def test_a_record_of_one_field_and_a_struct_are_changed_too() -> None:
    assert replace(Single("a"), name="b") == Single("b")
    assert replace(Structured(name="a", count=2), name="b") == Structured(name="b", count=2)
    with pytest.raises(TypeError, match="colour"):
        replace(Structured(name="a"), colour="red")  # type: ignore[call-arg]
