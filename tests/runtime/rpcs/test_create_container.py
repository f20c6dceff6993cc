"""CreateContainer: what is refused, and what a new container is. Mounts are in `test_container_mounts`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.oci import ImageConfig

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
STORAGE = "[overlay@/var/lib/containers/storage+/run/containers/storage]"
BUSYBOX = "registry.example/busybox:1"


def request(node: Any, pod: str, **changes: Any) -> Any:
    parts = {"pod_sandbox_id": pod, "config": node.container_config("true"), "sandbox_config": node.pod_config()}
    return node.cri.create_container(api.CreateContainerRequest(**(parts | changes)))


def test_a_new_container_is_created_and_nothing_more(node: Any) -> None:
    pod = node.run_pod()
    config = node.container_config("top", labels={"a": "1"}, annotations={"b": "2"}, attempt=2)
    ctr = node.create(pod, config)
    assert len(ctr) == 64
    status = node.status(ctr)
    assert status.state == api.CONTAINER_CREATED
    assert status.metadata == config.metadata
    assert (dict(status.labels), dict(status.annotations)) == ({"a": "1"}, {"b": "2"})
    assert status.created_at > 0
    assert (status.started_at, status.finished_at, status.exit_code, status.reason) == (0, 0, 0, "")


def test_it_takes_the_time_that_a_real_node_takes(measured: Any) -> None:
    pod = measured.run_pod()
    start_ns = measured.kernel.now_ns
    task = measured.spawn(measured.creating(pod, measured.container_config("true")))
    measured.advance(0.005)
    assert measured.containers() == []
    measured.advance(0.005)
    assert [row.id for row in measured.containers()] == [task.result().container_id]
    assert measured.status(task.result().container_id).created_at == start_ns + 7_100_000


@pytest.mark.parametrize(
    ("profile", "changes", "code", "message"),
    [
        (CONTAINERD, {"pod_sandbox_id": "f0"}, Code.NOT_FOUND, 'failed to find sandbox id "f0": not found'),
        (CONTAINERD, {"pod_sandbox_id": ""}, Code.UNKNOWN, 'failed to find sandbox id "": prefix can\'t be empty'),
        (CONTAINERD, {"config": None}, Code.UNKNOWN, "container config must include metadata"),
        (CONTAINERD, {"config": api.ContainerConfig()}, Code.UNKNOWN, "container config must include metadata"),
        (CONTAINERD, {"sandbox_config": None}, Code.UNKNOWN, "pod sandbox config must include metadata"),
        (CRIO, {"config": None}, Code.UNKNOWN, "config is nil"),
        (CRIO, {"config": api.ContainerConfig()}, Code.UNKNOWN, "config image is nil"),
        (CRIO, {"sandbox_config": None}, Code.UNKNOWN, "sandbox config is nil"),
        (CRIO, {"sandbox_config": api.PodSandboxConfig()}, Code.UNKNOWN, "sandbox config metadata is nil"),
        (
            CRIO,
            {"config": api.ContainerConfig(image=api.ImageSpec())},
            Code.UNKNOWN,
            "setting container config: metadata is nil",
        ),
        (
            CRIO,
            {"config": api.ContainerConfig(image=api.ImageSpec(), metadata=api.ContainerMetadata())},
            Code.UNKNOWN,
            "setting container config: name is empty",
        ),
        (
            CRIO,
            {"pod_sandbox_id": "f0"},
            Code.UNKNOWN,
            "specified sandbox not found: f0: PodSandbox with ID starting with f0 not found: ID does not exist",
        ),
        (CRIO, {"pod_sandbox_id": ""}, Code.UNKNOWN, "PodSandboxId should not be empty"),
    ],
)
def test_requests_that_lack_something(
    new_node: Any, profile: str, changes: dict[str, Any], code: Code, message: str
) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    error = node.refused(request(node, pod, **changes))
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (CONTAINERD, 'sandbox container "{id}" is not running'),
        (CRIO, "CreateContainer failed as the sandbox was stopped: {id}"),
    ],
)
def test_a_stopped_sandbox(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    node.stop_pod(pod)
    error = node.refused(request(node, pod))
    assert (error.code, error.message) == (Code.UNKNOWN, message.format(id=pod))


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        (CONTAINERD, Code.NOT_FOUND, 'failed to resolve image "registry.example/none:1": not found'),
        (CRIO, Code.UNKNOWN, f'reference "{STORAGE}registry.example/none:1" does not resolve to an image ID'),
    ],
)
def test_an_image_that_is_not_there(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    config = node.container_config("true", image="registry.example/none:1")
    error = node.refused(node.creating(pod, config))
    assert (error.code, error.message) == (code, message)
    assert node.create(pod, node.container_config("true")), "the name is free again"


def test_containerd_keeps_the_name_of_an_exited_container(node: Any) -> None:
    pod = node.run_pod()
    ctr = node.start(pod, "true")
    node.advance(1)
    error = node.refused(request(node, pod))
    name = "ctr_pod_ns_uid-pod_0"
    hint = f'failed to reserve container name "{name}"; check if another CreateContainer request is in progress'
    assert (error.code, error.message) == (
        Code.UNKNOWN,
        f'{hint}: name "{name}" is reserved for "{ctr}"',
    )
    node.do(node.removing(ctr))
    assert node.do(request(node, pod)).container_id != ctr


def test_crio_gives_the_container_that_has_the_name(crio: Any) -> None:
    pod = crio.run_pod()
    ctr = crio.create(pod, crio.container_config("true"))
    assert crio.do(request(crio, pod)).container_id == ctr


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (CONTAINERD, "failed to generate container .* spec: failed to generate spec: no command specified"),
        (CRIO, "no command specified"),
    ],
)
def test_no_command_anywhere(new_node: Any, new_image: Any, profile: str, message: str) -> None:
    node = new_node(profile, images=(new_image(BUSYBOX, config=ImageConfig(entrypoint=("",))),))
    error = node.refused(node.creating(node.run_pod(), node.container_config()))
    assert error.code is Code.UNKNOWN
    assert re.fullmatch(message, error.message), error.message


def test_command_environment_and_directory_of_request_and_image(new_node: Any, new_image: Any) -> None:
    config = ImageConfig(
        env=(("PATH", "/bin"), ("FROM", "image"), ("KEPT", "yes")),
        entrypoint=("cat",),
        cmd=("/none",),
        working_dir="/tmp",
    )
    node = new_node(images=(new_image(BUSYBOX, config=config),))
    pod_config = node.pod_config(log_directory="/logs")
    pod = node.run_pod(pod_config)
    envs = [api.KeyValue(key="FROM", value=b"request \xff")]
    ctr = node.start(pod, "sleep", "100", envs=envs, working_dir="/work/here", pod_config=pod_config)
    env = node.do(node.execing(ctr, "env")).stdout.split(b"\n")
    assert b"FROM=request \xff" in env
    assert b"KEPT=yes" in env
    assert b"HOSTNAME=node" in env
    assert node.do(node.execing(ctr, "pwd")).stdout == b"/work/here\n"


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_privileged_container_needs_a_privileged_sandbox(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    linux = api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(privileged=True))
    error = node.refused(request(node, pod, config=node.container_config("true", linux=linux)))
    assert error.message.endswith("no privileged container allowed in sandbox")
    security = api.LinuxSandboxSecurityContext(privileged=True)
    pod_config = node.pod_config(linux=api.LinuxPodSandboxConfig(security_context=security))
    assert node.do(request(node, pod, config=node.container_config("true", linux=linux), sandbox_config=pod_config))


def test_a_stop_signal_that_does_not_exist(node: Any, new_node: Any) -> None:
    pod = node.run_pod()
    config = node.container_config("true")
    config.stop_signal = 999
    error = node.refused(node.creating(pod, config))
    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, "unknown CRI stop signal 999: invalid argument")
    old = new_node("containerd-2.2")
    assert old.create(old.run_pod(), config), "2.2 does not know the field"


@pytest.mark.parametrize(
    ("directory", "path", "expected"),
    [
        ("/var/log/pods/ns_pod_uid", "ctr/0.log", "/var/log/pods/ns_pod_uid/ctr/0.log"),
        ("/var/log/pods/x/", "./0.log", "/var/log/pods/x/0.log"),
        ("/logs", "", ""),
        ("", "0.log", ""),
    ],
)
def test_log_paths_of_containerd(node: Any, directory: str, path: str, expected: str) -> None:
    pod_config = node.pod_config(log_directory=directory)
    ctr = node.create(node.run_pod(pod_config), node.container_config("true", log_path=path), pod_config)
    assert node.status(ctr).log_path == expected


def test_log_paths_of_crio(crio: Any) -> None:
    pod = crio.run_pod()
    ctr = crio.create(pod, crio.container_config("true"))
    assert crio.status(ctr).log_path == f"/var/log/crio/pods/{pod}/{ctr}.log"


@pytest.mark.parametrize("path", ["../../../etc/cron.d/x", "a/../../b", ".."])
def test_a_log_path_cannot_leave_its_directory(node: Any, path: str) -> None:
    pod_config = node.pod_config(log_directory="/var/log/pods/x")
    pod = node.run_pod(pod_config)
    error = node.refused(node.creating(pod, node.container_config("true", log_path=path), pod_config))
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message == f'log path "{path}" leaves the log directory "/var/log/pods/x"'
    assert node.containers() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"log_path": "a\0b"},
        {"working_dir": "/a\0"},
        {"args": ["x\0"]},
        {"envs": [api.KeyValue(key="a\0b")]},
        {"mounts": [api.Mount(container_path="/a\0", host_path="/b")]},
        {"mounts": [api.Mount(container_path="/a", host_path="/b\0")]},
    ],
)
def test_nul_bytes_are_refused_cleanly(node: Any, fields: dict[str, Any]) -> None:
    error = node.refused(node.creating(node.run_pod(), node.container_config("true", **fields)))
    assert error.code is Code.INVALID_ARGUMENT
    assert "holds a NUL byte" in error.message


def test_devices_by_cdi_are_never_there(node: Any) -> None:
    config = node.container_config("true", CDI_devices=[api.CDIDevice(name="vendor.com/gpu=0")])
    error = node.refused(node.creating(node.run_pod(), config))
    assert error.message.endswith("CDI device injection failed: unresolvable CDI devices vendor.com/gpu=0")


def _target(target: str) -> api.LinuxContainerConfig:
    options = api.NamespaceOption(pid=api.TARGET, target_id=target)
    return api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(namespace_options=options))


def test_the_target_of_a_pid_namespace(node: Any) -> None:
    pod, other = node.run_pod(), node.run_pod(node.pod_config("other"))
    elsewhere = node.start(other, "sleep", "100", pod_config=node.pod_config("other"))
    target = node.create(pod, node.container_config("sleep", "100", name="target"))

    def refused(target_id: str) -> str:
        config = node.container_config("true", name="debugger", linux=_target(target_id))
        return str(node.refused(node.creating(pod, config)).message)

    assert refused("f0f0").endswith('invalid target container: container "f0f0" does not exist: not found')
    assert refused(elsewhere).endswith(f"(sandbox {other}) does not belong to sandbox {pod}")
    assert refused(target).endswith("is not running - in state CONTAINER_CREATED")
    node.do(node.starting(target))
    debugger = node.start(pod, "sleep", "100", name="debugger", linux=_target(target))
    processes = node.runtime._daemon.containers
    assert processes.get(debugger).process.namespace is processes.get(target).process.namespace


def with_pids(mode: api.NamespaceMode.ValueType) -> dict[str, Any]:
    """`linux` of a sandbox, and of a container, with this pid namespace."""
    options = api.NamespaceOption(pid=mode)
    return {
        "pod": api.LinuxPodSandboxConfig(security_context=api.LinuxSandboxSecurityContext(namespace_options=options)),
        "container": api.LinuxContainerConfig(
            security_context=api.LinuxContainerSecurityContext(namespace_options=options)
        ),
    }


@pytest.mark.parametrize("of_pod", [api.POD, api.CONTAINER, api.NODE])
@pytest.mark.parametrize("of_container", [api.POD, api.CONTAINER, api.NODE])
@pytest.mark.parametrize("profile", [CONTAINERD, "cri-o-1.28", CRIO])
def test_a_pid_namespace_of_the_pod_needs_a_pod_that_has_one(
    new_node: Any,
    profile: str,
    of_pod: api.NamespaceMode.ValueType,
    of_container: api.NamespaceMode.ValueType,
) -> None:
    """CRI-O keeps the process that would hold it only in a pod that shares its pids."""
    node = new_node(profile)
    pod_config = node.pod_config(linux=with_pids(of_pod)["pod"])
    pod = node.run_pod(pod_config)
    config = node.container_config("true", linux=with_pids(of_container)["container"])
    if profile != CONTAINERD and of_container == api.POD and of_pod != api.POD:
        error = node.refused(node.creating(pod, config, pod_config))
        assert error.code is Code.UNKNOWN
        assert error.message == (
            "pod level PID namespace requested for the container, but pod sandbox was not similarly configured, and "
            "does not have an infra container"
        )
        assert node.containers() == []
    else:
        assert node.status(node.create(pod, config, pod_config)).state == api.CONTAINER_CREATED


def test_user_namespaces_of_pod_and_container_must_agree(node: Any) -> None:
    options = api.NamespaceOption(userns_options=api.UserNamespace(mode=api.NODE))
    security = api.LinuxSandboxSecurityContext(namespace_options=options)
    pod_config = node.pod_config(linux=api.LinuxPodSandboxConfig(security_context=security))
    pod = node.run_pod(pod_config)
    mapping = [api.IDMapping(host_id=65536, length=65536)]
    mapped = api.UserNamespace(mode=api.POD, uids=mapping, gids=mapping)
    own = api.LinuxContainerSecurityContext(namespace_options=api.NamespaceOption(userns_options=mapped))
    config = node.container_config("true", linux=api.LinuxContainerConfig(security_context=own))
    message = node.refused(node.creating(pod, config, pod_config)).message
    assert "user namespace config for sandbox is different from container" in message
    assert node.create(pod, node.container_config("true", name="b"), node.pod_config())


def test_crio_notices_a_missing_program_when_it_creates(crio: Any) -> None:
    pod = crio.run_pod()
    error = crio.refused(crio.creating(pod, crio.container_config("no-such-program")))
    expected = 'container create failed: exec: "no-such-program": executable file not found in $PATH'
    assert (error.code, error.message) == (Code.UNKNOWN, expected)
    assert crio.containers() == []
    assert crio.create(pod, crio.container_config("true"))
