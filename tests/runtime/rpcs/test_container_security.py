"""Seccomp and AppArmor profiles, and devices, in CreateContainer."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
NOT_ON_NODE = 'cannot load seccomp profile "/s.json": open /s.json: no such file or directory'
NOT_LOADED = "apparmor profile not found mine"
RUNC_NOT_LOADED = "unable to apply apparmor profile: apparmor failed to apply profile: write "
LOCALHOST, RUNTIME_DEFAULT = api.SecurityProfile.Localhost, api.SecurityProfile.RuntimeDefault


def secured(node: Any, **fields: Any) -> api.ContainerConfig:
    security = api.LinuxContainerSecurityContext(**fields)
    config = node.container_config("true", linux=api.LinuxContainerConfig(security_context=security))
    assert isinstance(config, api.ContainerConfig)
    return config


def named(name: str) -> api.SecurityProfile:
    return api.SecurityProfile(profile_type=LOCALHOST, localhost_ref=name)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (CONTAINERD, f"failed to create containerd container: {NOT_ON_NODE}"),
        (CRIO, 'setup seccomp: unable to load local profile "/s.json": open /s.json: no such file or directory'),
    ],
)
def test_a_seccomp_profile_must_be_on_the_node(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    config = secured(node, seccomp=named("/s.json"))
    error = node.refused(node.creating(pod, config))
    assert (error.code, error.message) == (Code.UNKNOWN, message)
    node.files.write("/s.json", b"not json")
    assert "/s.json" in node.refused(node.creating(pod, config)).message
    node.files.write("/s.json", b'{"defaultAction": "SCMP_ACT_ALLOW"}')
    assert node.create(pod, config)


def test_the_deprecated_path_of_a_seccomp_profile(node: Any) -> None:
    pod = node.run_pod()
    error = node.refused(node.creating(pod, secured(node, seccomp_profile_path="localhost//s.json")))
    assert "cannot load seccomp profile" in error.message
    error = node.refused(node.creating(pod, secured(node, seccomp_profile_path="s.json")))
    assert (
        error.message
        == 'failed to get container spec opts: failed to generate seccomp spec opts: invalid profile "s.json"'
    )
    assert node.create(pod, secured(node, seccomp_profile_path="runtime/default"))


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (CONTAINERD, f"failed to get container spec opts: failed to generate apparmor spec opts: {NOT_LOADED}"),
        (CRIO, RUNC_NOT_LOADED + "/proc/self/attr/apparmor/exec: no such file or directory"),
    ],
)
@pytest.mark.parametrize("fields", [{"apparmor": named("mine")}, {"apparmor_profile": "localhost/mine"}])
def test_an_apparmor_profile_must_be_loaded(new_node: Any, profile: str, message: str, fields: dict[str, Any]) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    error = node.refused(node.creating(pod, secured(node, **fields)))
    assert error.code is Code.UNKNOWN
    assert error.message.endswith(message)
    node.files.make_dirs("/sys/kernel/security/apparmor")
    node.files.write("/sys/kernel/security/apparmor/profiles", b"mine (enforce)\n")
    assert node.create(pod, secured(node, **fields))


def test_the_message_wins_over_the_deprecated_string(node: Any) -> None:
    default = api.SecurityProfile(profile_type=RUNTIME_DEFAULT)
    fields = {"apparmor": default, "apparmor_profile": "localhost/mine", "seccomp": default}
    assert node.create(node.run_pod(), secured(node, **fields, seccomp_profile_path="localhost/none"))


@pytest.mark.parametrize("kind", ["seccomp", "apparmor"])
def test_a_name_without_its_type(node: Any, kind: str) -> None:
    asked = api.SecurityProfile(profile_type=RUNTIME_DEFAULT, localhost_ref="x")
    error = node.refused(node.creating(node.run_pod(), secured(node, **{kind: asked})))
    assert error.message.endswith(f"{kind} config invalid LocalhostRef must only be set if ProfileType is Localhost")


def test_an_empty_apparmor_profile(node: Any, crio: Any) -> None:
    asked = {"apparmor": named("")}
    assert node.refused(node.creating(node.run_pod(), secured(node, **asked))).message.endswith(
        "nil apparmor profile is not supported"
    )
    assert crio.refused(crio.creating(crio.run_pod(), secured(crio, **asked))).message.endswith(
        "empty localhost AppArmor profile is forbidden"
    )


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_device_must_be_on_the_node(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    config = node.container_config("true", devices=[api.Device(host_path="/dev/fuse", container_path="/dev/fuse")])
    error = node.refused(node.creating(pod, config))
    assert (error.code, "lstat /dev/fuse: no such file or directory" in error.message) == (Code.UNKNOWN, True)
    node.files.make_dirs("/dev")
    node.files.write("/dev/fuse", b"")
    assert node.create(pod, config)


def test_a_level_that_is_none(node: Any, crio: Any) -> None:
    options = api.SELinuxOption(level="wrong")
    error = node.refused(node.creating(node.run_pod(), secured(node, selinux_options=options)))
    assert error.message.endswith("failed to generate spec opts: the format of 'level' \"wrong\" is not correct")
    assert node.create(node.run_pod(node.pod_config("b")), secured(node, selinux_options=api.SELinuxOption(level="s0")))
    assert crio.create(crio.run_pod(), secured(crio, selinux_options=options))


def test_labels_have_an_end_in_crio(node: Any, crio: Any) -> None:
    labels = {"k" * 20: "v" * 4077}
    message = "label key and value greater than maximum size (4096 bytes), key: kkkkkkkkkk"
    assert node.create(node.run_pod(), node.container_config("true", labels=labels))
    pod = crio.run_pod()
    assert crio.refused(crio.creating(pod, crio.container_config("true", labels=labels))).message == message
    request = api.RunPodSandboxRequest(config=crio.pod_config("other", labels=labels))
    assert crio.refused(crio.cri.run_pod_sandbox(request)).message == message
    labels = {"k" * 20: "v" * 4076}
    assert crio.create(pod, crio.container_config("true", labels=labels))


def test_host_processes_come_as_a_whole_pod(new_node: Any) -> None:
    node = new_node(os="windows")
    host_process = api.WindowsContainerSecurityContext(host_process=True)
    config = node.container_config("true", windows=api.WindowsContainerConfig(security_context=host_process))
    error = node.refused(node.creating(node.run_pod(), config))
    assert error.message.endswith("pod spec and all containers inside must have the HostProcess field set to be valid")
