"""RuntimeConfig."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api


@pytest.mark.parametrize(
    ("profile", "driver", "expected"),
    [
        ("containerd-2.3", None, api.CGROUPFS),
        ("containerd-2.3", "systemd", api.SYSTEMD),
        ("cri-o-1.36", None, api.SYSTEMD),
        ("cri-o-1.36", "cgroupfs", api.CGROUPFS),
    ],
)
def test_the_cgroup_driver(new_node: Any, profile: str, driver: str | None, expected: int) -> None:
    node = new_node(profile, cgroup_driver=driver)
    response = node.do(node.cri.runtime_config(api.RuntimeConfigRequest()))
    assert response.HasField("linux")
    assert response.linux.cgroup_driver == expected


def test_windows_has_no_cgroups(new_node: Any) -> None:
    node = new_node(os="windows")
    assert not node.do(node.cri.runtime_config(api.RuntimeConfigRequest())).HasField("linux")


def test_old_versions_do_not_know_the_question(new_node: Any) -> None:
    node = new_node("containerd-1.7")
    error = node.refused(node.cri.runtime_config(api.RuntimeConfigRequest()))
    assert (error.code, error.message) == (
        Code.UNIMPLEMENTED,
        "unknown method RuntimeConfig for service runtime.v1.RuntimeService",
    )
