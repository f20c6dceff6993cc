"""RunPodSandbox.

Mirrors containerd: internal/cri/server/sandbox_run.go; CRI-O: server/sandbox_run_linux.go.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from kubesim.cri import api
from kubesim.kernel import checkpoint
from kubesim.policy.cgroup_parent import cgroup_parent_refusal
from kubesim.policy.sysctls import sysctl_refusal
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.creation import claimed_id, create
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.names import sandbox_name
from kubesim.runtime.network import AddressesExhausted
from kubesim.runtime.objects import Sandbox, files_directory
from kubesim.runtime.pause import start_pause
from kubesim.runtime.pause_image import ensure_pause_image, lacks_pause_image
from kubesim.runtime.pod_events import emit
from kubesim.runtime.request_check import check_labels, check_text
from kubesim.runtime.sandbox_files import write_sandbox_files
from kubesim.runtime.sandbox_network import close_network, open_network, open_ports
from kubesim.runtime.sandbox_state import SandboxLife
from kubesim.runtime.sandbox_stop import watch_pause
from kubesim.runtime.user_namespace import check_user_namespace

POD_LABELS = {
    "io.kubernetes.pod.name": "name",
    "io.kubernetes.pod.namespace": "namespace",
    "io.kubernetes.pod.uid": "uid",
}


async def run_pod_sandbox(daemon: Daemon, request: api.RunPodSandboxRequest) -> api.RunPodSandboxResponse:
    """Make a sandbox. It becomes visible, ready, when this returns; when it fails nothing is left of it."""
    _check_config(daemon, request)
    sandbox_id = daemon.kernel.ids.hex(64)
    name = _name(daemon, request.config.metadata)
    existing_id = await claimed_id(daemon, daemon.sandbox_names, name, noun="sandbox", reserved=say.NAME_RESERVED)
    if existing_id:
        return api.RunPodSandboxResponse(pod_sandbox_id=existing_id)
    reservation = daemon.sandbox_names.reserve(name, sandbox_id)

    async def build(undo: ExitStack) -> Sandbox:
        nonlocal request
        _check_settings(daemon, sandbox_id, request.config, request.runtime_handler)
        reservation.stage = "sandbox network ready"
        ips = await _join_network(daemon, sandbox_id, name, request.config, undo)
        await ensure_pause_image(daemon, sandbox_id=sandbox_id, sandbox_name=name)
        reservation.stage = "sandbox container runtime creation"
        sandbox = _make_sandbox(daemon, sandbox_id, name, request, ips, undo)
        del request  # kilobytes, which nobody needs while time passes
        await daemon.spend(daemon.timings.run_sandbox_ns)
        return sandbox

    await create(
        daemon,
        daemon.sandbox_names,
        reservation,
        build,
        partial(_publish, daemon),
        takes_time=daemon.timings.run_sandbox_ns > 0 or not daemon.features.network_ready or lacks_pause_image(daemon),
    )
    return api.RunPodSandboxResponse(pod_sandbox_id=sandbox_id)


def _name(daemon: Daemon, metadata: api.PodSandboxMetadata) -> str:
    """What the sandbox is reserved under in the registry of names."""
    return sandbox_name(
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        attempt=metadata.attempt,
        prefix=daemon.profile.name_prefix,
    )


def _publish(daemon: Daemon, sandbox: Sandbox) -> None:
    """Make a sandbox visible."""
    sandbox.born(daemon.creation_time_ns())
    daemon.sandboxes.add(sandbox.id, sandbox)
    watch_pause(daemon, sandbox)
    emit(daemon, sandbox, sandbox.id, api.CONTAINER_CREATED_EVENT)
    emit(daemon, sandbox, sandbox.id, api.CONTAINER_STARTED_EVENT)


def _check_config(daemon: Daemon, request: api.RunPodSandboxRequest) -> None:
    """What is refused before a name is reserved."""
    if not request.HasField("config"):
        raise daemon.refuse(say.CONFIG_MISSING)
    config = request.config
    if not config.HasField("metadata"):
        raise daemon.refuse(say.METADATA_MISSING)
    for field, value in (
        ("config.hostname", config.hostname),
        ("config.log_directory", config.log_directory),
        ("config.metadata.name", config.metadata.name),
        ("config.metadata.namespace", config.metadata.namespace),
    ):
        check_text(daemon, field, value)
    for part, row in (("name", say.NAME_MISSING), ("namespace", say.NAMESPACE_MISSING), ("uid", say.UID_MISSING)):
        if part in daemon.profile.sandboxes.required_metadata and not getattr(config.metadata, part):
            raise daemon.refuse(row)


def _check_settings(daemon: Daemon, sandbox_id: str, config: api.PodSandboxConfig, handler: str) -> None:
    """What is refused once the name is reserved."""
    profile = daemon.profile
    if handler not in ("", profile.default_handler):
        raise daemon.refuse(
            say.HANDLER_UNKNOWN, id=sandbox_id, handler=handler, default_handler=profile.default_handler
        )
    is_relative = bool(config.log_directory) and not config.log_directory.startswith("/")
    if is_relative and profile.sandboxes.relative_log_directory == "refused":
        raise daemon.refuse(say.LOG_DIRECTORY_RELATIVE, id=sandbox_id, path=config.log_directory)
    check_labels(daemon, config.labels)
    check_user_namespace(daemon, sandbox_id, config.linux.security_context.namespace_options)
    if daemon.os != "windows":
        reason = cgroup_parent_refusal(config.linux.cgroup_parent, driver=daemon.cgroup_driver, profile=profile)
        if reason is not None:
            raise daemon.refuse(say.CGROUP_PARENT, id=sandbox_id, reason=reason)
        _check_sysctls(daemon, sandbox_id, config)


def _check_sysctls(daemon: Daemon, sandbox_id: str, config: api.PodSandboxConfig) -> None:
    options = config.linux.security_context.namespace_options
    for name in sorted(config.linux.sysctls):
        reason = sysctl_refusal(
            name, uses_node_ipc=options.ipc == api.NODE, uses_node_network=options.network == api.NODE
        )
        if reason is not None:
            raise daemon.refuse(say.SYSCTL, id=sandbox_id, reason=reason)


async def _join_network(
    daemon: Daemon, sandbox_id: str, name: str, config: api.PodSandboxConfig, undo: ExitStack
) -> tuple[str, ...]:
    """The sandbox's addresses; none with the node's network."""
    if config.linux.security_context.namespace_options.network == api.NODE:
        return ()
    while not daemon.features.network_ready:
        if not daemon.profile.sandboxes.waits_for_network:
            raise daemon.refuse(say.NETWORK_NOT_READY, id=sandbox_id)
        await daemon.network_ready.wait()
        await checkpoint()
    try:
        ips = daemon.network.allocate()
    except AddressesExhausted as error:
        raise daemon.refuse(say.NETWORK_FAILED, id=sandbox_id, name=name, reason=error) from None
    undo.callback(daemon.network.release, ips)
    return ips


def _make_sandbox(
    daemon: Daemon,
    sandbox_id: str,
    name: str,
    request: api.RunPodSandboxRequest,
    ips: tuple[str, ...],
    undo: ExitStack,
) -> Sandbox:
    config = request.config
    if daemon.profile.sandboxes.adds_pod_labels:
        config = _with_pod_labels(config)
    hostname = _hostname(daemon, sandbox_id, config)
    directory = files_directory(sandbox_id)
    write_sandbox_files(daemon, directory, config, hostname=hostname)
    undo.callback(daemon.own_files.remove, directory)
    pause = start_pause(daemon, hostname=hostname, uses_node_network=_uses_node_network(config))
    undo.callback(pause.kill_tree)
    sandbox = Sandbox(
        id=sandbox_id,
        name=name,
        encoded_config=config.SerializeToString(),
        runtime_handler=request.runtime_handler,
        hostname=hostname,
        pause=pause,
        pause_pid=pause.host_pid,
        life=SandboxLife(created_at_ns=0),
        ip=ips[0] if ips else "",
        additional_ips=ips[1:],
        changes=daemon.changes,
    )
    open_network(daemon, sandbox)
    undo.callback(close_network, daemon, sandbox)
    open_ports(daemon, sandbox)
    return sandbox


def _with_pod_labels(config: api.PodSandboxConfig) -> api.PodSandboxConfig:
    """The config with the labels that a kubelet gives to every pod."""
    labelled = api.PodSandboxConfig()
    labelled.CopyFrom(config)
    for label, field in POD_LABELS.items():
        if label not in labelled.labels:
            labelled.labels[label] = getattr(labelled.metadata, field)
    return labelled


def _hostname(daemon: Daemon, sandbox_id: str, config: api.PodSandboxConfig) -> str:
    if _uses_node_network(config):
        return daemon.hostname  # the node's UTS namespace comes with its network
    if config.hostname:
        return config.hostname
    return sandbox_id[:12] if daemon.profile.sandboxes.hostname_when_empty == "id-prefix" else daemon.hostname


def _uses_node_network(config: api.PodSandboxConfig) -> bool:
    return bool(config.linux.security_context.namespace_options.network == api.NODE)
