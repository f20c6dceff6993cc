"""The two spellings of the name of a sysctl."""

import pytest

from kubesim.model.sysctl_name import dotted_sysctl


@pytest.mark.parametrize(("name", "expected"), [("a.b/c", "a.b/c"), ("a/b.c", "a.b/c"), ("plain", "plain")])
def test_names_with_slashes(name: str, expected: str) -> None:
    assert dotted_sysctl(name) == expected
