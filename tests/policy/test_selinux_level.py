"""The form of SELinux levels."""

from __future__ import annotations

import pytest

from kubesim.policy.selinux_level import is_selinux_level


@pytest.mark.parametrize("level", ["", "s0", "s0-s1", "s0:c4,c5", "s0:c1.c1023", "s0-s2:c1,c2.c5,c9"])
def test_levels(level: str) -> None:
    assert is_selinux_level(level)


@pytest.mark.parametrize("level", ["s", "x0", "s0:", "s0:c", "s0:c12345", "s0,c1", "s0 ", "s0\n", "s\u0664"])
def test_what_is_none(level: str) -> None:
    assert not is_selinux_level(level)
