"""What the processes of a container may do: capabilities, seccomp, paths that are hidden or cannot be changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.policy.capabilities import ALL_CAPABILITIES


def started(node: Any, **security: Any) -> str:
    """A container that waits, with this security context."""
    pod_config = node.pod_config()
    pod_config.linux.security_context.privileged = security.get("privileged", False)
    config = api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(**security))
    container: str = node.start(node.run_pod(pod_config), "sleep", "1000", pod_config=pod_config, linux=config)
    return container


def status_of(node: Any, container: str) -> dict[str, str]:
    answer = node.do(node.execing(container, "cat", "/proc/self/status"))
    return dict(line.split(":\t", 1) for line in answer.stdout.decode().splitlines())


@pytest.mark.parametrize(
    ("profile", "security", "mask"),
    [
        ("containerd-2.3", {}, 0xA80425FB),
        ("cri-o-1.36", {}, 0x5FB),
        ("containerd-2.3", {"capabilities": api.Capability(add_capabilities=["ALL"])}, ALL_CAPABILITIES),
        ("containerd-2.3", {"capabilities": api.Capability(drop_capabilities=["ALL"])}, 0),
        ("containerd-2.3", {"capabilities": api.Capability(drop_capabilities=["NET_RAW"])}, 0xA80405FB),
        (
            "cri-o-1.36",
            {"capabilities": api.Capability(add_capabilities=["NET_RAW"], drop_capabilities=["ALL"])},
            0x2000,
        ),
        ("containerd-2.3", {"privileged": True}, ALL_CAPABILITIES),
    ],
)
def test_capabilities_of_processes_and_of_the_spec(
    new_node: Any, profile: str, security: dict[str, Any], mask: int
) -> None:
    node = new_node(profile)
    container = started(node, **security)

    assert int(status_of(node, container)["CapBnd"], 16) == mask
    request = api.ContainerStatusRequest(container_id=container, verbose=True)
    info = json.loads(node.do(node.cri.container_status(request)).info["info"])
    assert len(info["runtimeSpec"]["process"]["capabilities"]["bounding"]) == mask.bit_count()


@pytest.mark.parametrize(
    ("security", "mode"),
    [
        ({}, "0"),
        ({"seccomp": api.SecurityProfile()}, "2"),
        ({"seccomp": api.SecurityProfile(profile_type=api.SecurityProfile.Unconfined)}, "0"),
        (
            {
                "seccomp": api.SecurityProfile(profile_type=api.SecurityProfile.Unconfined),
                "seccomp_profile_path": "runtime/default",
            },
            "0",
        ),
        ({"seccomp_profile_path": "runtime/default"}, "2"),
        ({"seccomp_profile_path": "unconfined"}, "0"),
        ({"seccomp": api.SecurityProfile(), "privileged": True}, "0"),
    ],
)
def test_seccomp_filters_are_shown(node: Any, security: dict[str, Any], mode: str) -> None:
    assert status_of(node, started(node, **security))["Seccomp"] == mode


def test_no_new_privileges_are_shown(node: Any) -> None:
    assert status_of(node, started(node, no_new_privs=True))["NoNewPrivs"] == "1"


def test_masked_and_read_only_paths(node: Any) -> None:
    container = started(node, masked_paths=["/bin/ls"], readonly_paths=["/etc"])
    listed = node.do(node.execing(container, "/bin/sh", "-c", "ls"))
    touched = node.do(node.execing(container, "touch", "/etc/new"))

    assert (listed.stderr, listed.exit_code) == (b"/bin/sh: ls: Permission denied\n", 126)
    assert touched.stderr == b"touch: /etc/new: Read-only file system\n"


def test_a_privileged_container_sees_and_changes_everything(node: Any) -> None:
    container = started(node, privileged=True, masked_paths=["/bin/ls"], readonly_paths=["/etc"])

    assert node.do(node.execing(container, "/bin/sh", "-c", "ls /etc; touch /etc/new")).exit_code == 0
