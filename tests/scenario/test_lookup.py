"""Paths into objects, and what counts as a part."""

from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.scenario.lookup import MISSING, is_part, lookup

POD: dict[str, Any] = {
    "metadata": {"labels": {"a.b/c": "d"}},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "False"}],
        "n": [1, 2, 3],
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", POD),
        ("status.phase", "Running"),
        ("status.n[0]", 1),
        ("status.n[-1]", 3),
        ("status.n[3]", MISSING),
        ("status.conditions[type=Ready].status", "True"),
        ("status.conditions[type=None].status", MISSING),
        ('metadata.labels["a.b/c"]', "d"),
        ("status.nothing.at.all", MISSING),
        ("status.phase.x", MISSING),
        ("status.phase[0]", MISSING),
        ("metadata[0]", MISSING),
    ],
)
def test_a_path_leads_to_a_value(path: str, value: object) -> None:
    assert lookup(POD, path) == value


@pytest.mark.parametrize("path", ["status[", "a..b", "a[x", "]", "a.[0"])
def test_a_path_that_cannot_be_read_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="cannot read the path"):
        lookup({"a": {"b": 1}, "status": {}}, path)


@pytest.mark.parametrize(
    ("part", "whole", "holds"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"b": 2}, False),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ([1], [2, 1], True),
        ([{"a": 1}], [{"a": 1, "b": 2}], True),
        ([3], [2, 1], False),
        ({"a": 1}, [1], False),
        ([1], {"a": 1}, False),
        ("x", "xy", False),
        (True, True, True),
    ],
)
def test_a_part_is_contained(part: object, whole: object, holds: bool) -> None:
    assert is_part(part, whole) is holds
