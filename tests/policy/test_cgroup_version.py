"""What is said of control groups of version 1."""

import pytest

from kubesim.policy.cgroup_version import cgroup_v1_warning


@pytest.mark.parametrize(
    ("minor", "beginning"),
    [
        (30, ""),
        (31, "cgroup v1 support is in maintenance mode, please migrate to cgroup v2"),
        (34, "cgroup v1 support is in maintenance mode, please migrate to cgroup v2"),
        (35, "cgroup v1 detected. cgroup v1 support is deprecated and will be removed in a future release. "),
    ],
)
def test_each_version_warns_more(minor: int, beginning: str) -> None:
    assert cgroup_v1_warning(minor).startswith(beginning)
    assert bool(cgroup_v1_warning(minor)) is bool(beginning)
