"""What CreateContainer refuses by looking at the request and the sandbox alone.

Mirrors containerd: internal/cri/server/container_create.go, CreateContainer and buildLinuxSpec; CRI-O:
server/container_create.go, CreateContainer, and internal/factory/container/container.go, SetConfig and SetPrivileged.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.policy.selinux_level import is_selinux_level
from kubesim.runtime import container_refusals as say
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.pause import has_pause_process
from kubesim.runtime.request_check import check_labels, check_text

_SIGNALS = frozenset(api.Signal.values())


def check_request(daemon: Daemon, request: api.CreateContainerRequest) -> Sandbox:
    """The sandbox of a request that may go on. Raises CriError; each runtime looks in its own order."""
    if daemon.profile.containers.create_checks == "request-first":
        _check_presence(daemon, request)
    sandbox = _ready_sandbox(daemon, request.pod_sandbox_id)
    _check_config(daemon, request)
    return sandbox


def check_texts(daemon: Daemon, config: api.ContainerConfig) -> None:
    """Refuse texts that no runtime can use."""
    check_text(daemon, "config.metadata.name", config.metadata.name)
    check_text(daemon, "config.log_path", config.log_path)
    for field, value in (
        ("config.working_dir", config.working_dir),
        *((f"config.command[{index}]", word) for index, word in enumerate(config.command)),
        *((f"config.args[{index}]", word) for index, word in enumerate(config.args)),
        *((f"config.envs[{index}].key", variable.key) for index, variable in enumerate(config.envs)),
    ):
        check_text(daemon, field, value)


def _ready_sandbox(daemon: Daemon, prefix: str) -> Sandbox:
    row = say.CREATE_LOOKUP if prefix else say.CREATE_LOOKUP_EMPTY
    sandbox = daemon.sandbox(prefix, row)
    answer = daemon.profile.containers.create_in_stopped_sandbox
    if not sandbox.life.is_ready and answer != "taken":
        raise daemon.refuse(say.SANDBOX_TASK_GONE if answer == "not-found" else say.SANDBOX_STOPPED, id=sandbox.id)
    return sandbox


def _check_presence(daemon: Daemon, request: api.CreateContainerRequest) -> None:
    for is_there, row in (
        (request.HasField("config"), say.CONFIG_MISSING),
        (request.config.HasField("image"), say.IMAGE_MISSING),
        (request.HasField("sandbox_config"), say.SANDBOX_CONFIG_MISSING),
        (request.sandbox_config.HasField("metadata"), say.SANDBOX_METADATA_MISSING),
    ):
        if not is_there:
            raise daemon.refuse(row)


def _check_config(daemon: Daemon, request: api.CreateContainerRequest) -> None:
    switches = daemon.profile.containers
    if not request.config.HasField("metadata"):
        raise daemon.refuse(say.METADATA_MISSING)
    if switches.name_required and not request.config.metadata.name:
        raise daemon.refuse(say.NAME_MISSING)
    if not request.sandbox_config.HasField("metadata"):
        raise daemon.refuse(say.SANDBOX_METADATA_MISSING)
    signal = request.config.stop_signal
    if switches.stop_signal_in_status and signal not in _SIGNALS:
        raise daemon.refuse(say.STOP_SIGNAL, signal=signal)


def check_spec(
    daemon: Daemon,
    sandbox: Sandbox,
    container_id: str,
    config: api.ContainerConfig,
    sandbox_config: api.PodSandboxConfig,
) -> None:
    """What is refused while the runtime puts the OCI spec together."""
    security = config.linux.security_context
    pod_security = sandbox_config.linux.security_context
    is_host_process = config.windows.security_context.host_process
    if daemon.os == "windows" and is_host_process != sandbox_config.windows.security_context.host_process:
        raise daemon.refuse(say.HOST_PROCESS_DIFFERS, id=container_id)
    level = security.selinux_options.level
    if daemon.profile.containers.selinux_level_check and not is_selinux_level(level):
        raise daemon.refuse(say.SELINUX_LEVEL, id=container_id, level=level)
    check_labels(daemon, config.labels)
    if security.privileged and not pod_security.privileged:
        raise daemon.refuse(say.PRIVILEGED, id=container_id)
    if config.CDI_devices and daemon.profile.containers.cdi:
        # The emulated node has no CDI specifications, so no device can be resolved.
        names = ", ".join(device.name for device in config.CDI_devices)
        raise daemon.refuse(say.CDI_UNRESOLVABLE, id=container_id, names=names)
    options = security.namespace_options
    if options.pid == api.TARGET:
        target_container(daemon, sandbox, container_id, options.target_id)
    if options.pid == api.POD and daemon.os != "windows" and not has_pause_process(daemon, sandbox):
        # Mirrors CRI-O: internal/factory/container/namespaces_linux.go, SpecAddNamespaces.
        raise daemon.refuse(say.POD_PID_NAMESPACE_MISSING)
    asked, given = options.userns_options, pod_security.namespace_options.userns_options
    if daemon.profile.containers.user_namespace_check and asked != given:
        raise daemon.refuse(
            say.USER_NAMESPACE_DIFFERS, id=container_id, sandbox=_one_line(given), container=_one_line(asked)
        )


def target_container(daemon: Daemon, sandbox: Sandbox, container_id: str, target_id: str) -> Container:
    """The container whose pid namespace is asked for. Raises CriError unless it runs in the same sandbox.

    Mirrors containerd: internal/cri/server/helpers.go, validateTargetContainer.
    """
    target, _ = daemon.containers.find(target_id)
    if target is None:
        raise daemon.refuse(say.TARGET_MISSING, id=container_id, target=target_id)
    if target.sandbox is not sandbox:
        raise daemon.refuse(
            say.TARGET_ELSEWHERE, id=container_id, target=target_id, other=target.sandbox.id, sandbox=sandbox.id
        )
    if not target.life.is_running:
        state = target.life.reported_state.upper()
        raise daemon.refuse(say.TARGET_NOT_RUNNING, id=container_id, target=target_id, state=state)
    return target


def state_word(state: ReportedState) -> str:
    """The state in CRI-O's words, which are runc's."""
    return "stopped" if state is ReportedState.EXITED else str(state)


def _one_line(message: api.UserNamespace) -> str:
    return " ".join(str(message).split()) or "<nil>"
