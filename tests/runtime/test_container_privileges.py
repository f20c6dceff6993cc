"""What the processes of a container may do: capabilities, seccomp, paths that are hidden or cannot be changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.images.programs import program_node
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


BLOCKS_MKDIR = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["sethostname", "mkdir"], "action": "SCMP_ACT_ERRNO"}],
}
LOCALHOST = api.SecurityProfile(profile_type=api.SecurityProfile.Localhost, localhost_ref="/p.json")


@pytest.mark.parametrize(
    ("security", "mkdir"),
    [
        ({"seccomp": LOCALHOST}, b"mkdir: can't create directory '/new': Operation not permitted\n"),
        (
            {"seccomp_profile_path": "localhost//p.json"},
            b"mkdir: can't create directory '/new': Operation not permitted\n",
        ),
        ({"seccomp": api.SecurityProfile()}, b""),
        ({"seccomp": LOCALHOST, "privileged": True}, b""),
    ],
)
@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_a_profile_of_the_node_is_enforced(new_node: Any, profile: str, security: dict[str, Any], mkdir: bytes) -> None:
    node = new_node(profile)
    node.files.write("/p.json", json.dumps(BLOCKS_MKDIR).encode())
    container = started(node, **security)
    node.files.write("/p.json", b'{"defaultAction": "SCMP_ACT_ALLOW"}')  # too late for this container

    assert node.do(node.execing(container, "mkdir", "/new")).stderr == mkdir


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (
            "containerd-2.3",
            (
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
                "failed: string SCMP_ACT_NO is not a valid action for seccomp"
            ),
        ),
        (
            "cri-o-1.36",
            "container create failed: runc create failed: string SCMP_ACT_NO is not a valid action for seccomp",
        ),
    ],
)
def test_a_profile_that_is_no_filter_is_refused_by_the_oci_runtime(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    node.files.write("/p.json", b'{"defaultAction": "SCMP_ACT_NO"}')
    pod = node.run_pod()
    security = api.LinuxContainerSecurityContext(seccomp=LOCALHOST)
    config = node.container_config("true", linux=api.LinuxContainerConfig(security_context=security))
    if profile.startswith("containerd"):
        assert node.refused(node.starting(node.create(pod, config))).message == message
    else:
        assert node.refused(node.creating(pod, config)).message == message


def test_the_containers_of_a_pod_share_a_hostname_that_the_right_capability_changes(node: Any) -> None:
    pod = node.run_pod()
    may = api.LinuxContainerSecurityContext(capabilities=api.Capability(add_capabilities=["SYS_ADMIN"]))
    first = node.start(pod, "sleep", "1000", name="a", linux=api.LinuxContainerConfig(security_context=may))
    second = node.start(pod, "sleep", "1000", name="b")

    assert node.do(node.execing(second, "hostname", "other")).exit_code == 1
    assert node.do(node.execing(first, "hostname", "other")).exit_code == 0
    assert node.do(node.execing(second, "hostname")).stdout == b"other\n"


def test_pods_in_the_nodes_network_share_the_nodes_hostname(node: Any) -> None:
    containers = []
    for name in ("one", "two"):
        pod_config = node.pod_config(name)
        pod_config.linux.security_context.privileged = True
        pod_config.linux.security_context.namespace_options.network = api.NODE
        security = api.LinuxContainerSecurityContext(privileged=True)
        security.namespace_options.network = api.NODE
        linux = api.LinuxContainerConfig(security_context=security)
        containers.append(node.start(node.run_pod(pod_config), "sleep", "1000", pod_config=pod_config, linux=linux))

    assert node.do(node.execing(containers[0], "hostname", "other")).exit_code == 0
    assert node.do(node.execing(containers[1], "hostname")).stdout == b"other\n"


@pytest.mark.parametrize(("no_new_privs", "uid"), [(False, b"0\n"), (True, b"1000\n")])
def test_a_set_user_id_program_raises_its_caller_unless_that_is_forbidden(
    new_node: Any, new_image: Any, no_new_privs: bool, uid: bytes
) -> None:
    node = new_node(
        images=[new_image("registry.example/set-uid:1", files={"/bin/sid": program_node("busybox:id", mode=0o4755)})]
    )
    security = api.LinuxContainerSecurityContext(no_new_privs=no_new_privs, run_as_user=api.Int64Value(value=1000))
    linux = api.LinuxContainerConfig(security_context=security)
    container = node.start(node.run_pod(), "sleep", "1000", image="registry.example/set-uid:1", linux=linux)

    assert node.do(node.execing(container, "/bin/sid", "-u")).stdout == uid


@pytest.mark.parametrize(("mode", "is_shown"), [(api.NODE, True), (api.POD, False)])
def test_a_pod_sees_the_ipc_objects_of_its_namespace(node: Any, mode: Any, is_shown: bool) -> None:
    node.files.make_dirs("/proc/sysvipc")
    node.files.write("/proc/sysvipc/shm", b"key shmid\n 1 0 644 1048576 1 0 0 0 0 0 0 0 0 0 0 0\n")
    pod_config = node.pod_config()
    pod_config.linux.security_context.namespace_options.ipc = mode
    security = api.LinuxContainerSecurityContext()
    security.namespace_options.ipc = mode
    linux = api.LinuxContainerConfig(security_context=security)
    container = node.start(node.run_pod(pod_config), "sleep", "1000", pod_config=pod_config, linux=linux)

    assert (b"1048576" in node.do(node.execing(container, "ipcs", "-m")).stdout) is is_shown


def test_an_oom_kill_is_the_reason_and_a_lower_limit_holds_at_once(node: Any) -> None:
    resources = api.LinuxContainerResources(memory_limit_in_bytes=15 << 20)
    linux = api.LinuxContainerConfig(resources=resources)
    pod = node.run_pod()
    greedy = node.start(pod, "sh", "-c", "dd if=/dev/zero of=/dev/null bs=20M", name="greedy", linux=linux)
    node.advance(1)
    assert (node.status(greedy).reason, node.status(greedy).exit_code) == ("OOMKilled", 137)

    small = node.start(pod, "sleep", "1000", name="small", linux=linux)
    lower = api.LinuxContainerResources(memory_limit_in_bytes=100 << 10)
    node.do(node.cri.update_container_resources(api.UpdateContainerResourcesRequest(container_id=small, linux=lower)))
    node.advance(1)
    assert (node.status(small).reason, node.status(small).exit_code) == ("OOMKilled", 137)


@pytest.mark.parametrize(("group", "survives"), [("0", True), ("1", False)])
def test_an_oom_group_of_the_request_dies_together(node: Any, group: str, survives: bool) -> None:
    resources = api.LinuxContainerResources(memory_limit_in_bytes=15 << 20, unified={"memory.oom.group": group})
    script = "dd if=/dev/zero of=/dev/null bs=20M; sleep 1000"
    container = node.start(node.run_pod(), "sh", "-c", script, linux=api.LinuxContainerConfig(resources=resources))
    node.advance(1)

    assert (node.status(container).state == api.CONTAINER_RUNNING) is survives
