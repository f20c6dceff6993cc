"""A container's file system and its processes: what the OCI runtime does when it creates, starts and execs.

Mirrors runc: libcontainer/rootfs_linux.go and standard_init_linux.go, for the order of what can fail.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.cri import api
from kubesim.policy.oci_mount_failure import FailedMount, crun_mount_failure, runc_mount_failure
from kubesim.runtime import container_refusals as say
from kubesim.runtime.container_again import own_mounts, rehearsal_of, user_failure_of
from kubesim.runtime.container_checks import target_container
from kubesim.runtime.container_devices import devices_of
from kubesim.runtime.container_privileges import credentials_of, masked_paths_of, namespaces_of, read_only_paths_of
from kubesim.runtime.container_resources import cgroup_settings
from kubesim.runtime.container_security import load_seccomp_filter
from kubesim.runtime.container_streams import ContainerStreams
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container
from kubesim.runtime.refusal import Refusal
from kubesim.userland.files.cgroup_files import CgroupSettings
from kubesim.userland.files.filesystem import FileSystem, FsError, HostSource, MountError, MountSpec
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.files.unbuilt import FileSystemPlan, UnbuiltFileSystem, looked_at, mount_kinds
from kubesim.userland.processes.executable import look_path
from kubesim.userland.processes.first_look import FirstLook
from kubesim.userland.processes.process import ExecError, Process, ProcessSpec, Sink
from kubesim.userland.terminals.terminal import Terminal

_IDMAP_REASON = (
    "failed to fulfil mount request: failed to set MOUNT_ATTR_IDMAP on {path}: invalid argument (maybe the filesystem "
    "used doesn't support idmap mounts on this kernel?)"
)
_BUNDLES = "/run/containerd/io.containerd.runtime.v2.task/k8s.io"


def prepare(daemon: Daemon, container: Container) -> None:
    """Build the file system and see that there is a program to run, for a runtime that does so in CreateContainer.

    Raises CriError.
    """
    if _known_look(daemon, container) is not None:
        return
    load_seccomp_filter(daemon, container, say.SECCOMP_AT_CREATE)
    container.filesystem = _file_system(daemon, container, say.EXEC_AT_CREATE)
    _check_user(daemon, container, say.EXEC_AT_CREATE)
    plan = container.plan
    try:
        look_path(
            container.filesystem.view(credentials_of(daemon, container), cwd=plan.cwd), plan.argv[0], dict(plan.env)
        )
    except ExecError as error:
        raise daemon.refuse(say.EXEC_AT_CREATE, id=container.id, reason=error) from None


def start_first_process(daemon: Daemon, container: Container) -> Process:
    """Start the container's own process. Raises CriError in the runtime's words."""
    look = _known_look(daemon, container)
    if container.filesystem is None:
        load_seccomp_filter(daemon, container, say.START_SECCOMP)
        container.filesystem = _file_system(daemon, container, say.START_EXEC)
        _check_user(daemon, container, say.START_EXEC)
    plan = container.plan
    config = container.config
    streams = _open_streams(daemon, container, config)
    resources = container.resources
    spec = ProcessSpec(
        argv=plan.argv,
        env=plan.env,
        cwd=plan.cwd,
        credentials=credentials_of(daemon, container),
        is_init=_pid_mode(config) == api.CONTAINER,
        stdin=streams.stdin_file,
        stdout=streams.stdout,
        stderr=streams.stderr or streams.stdout,
        terminal=streams.terminal,
        memory_limit_bytes=max(resources.memory_limit_in_bytes, 0) or None,
        is_oom_group=resources.unified.get("memory.oom.group") == "1",
    )
    try:
        return daemon.processes.start(
            container.filesystem,
            spec,
            hostname=container.sandbox.hostname,
            uts=container.sandbox.pause.uts if container.sandbox.pause is not None else None,
            shares_pids_with=_pid_sharer(daemon, container, config),
            network=container.sandbox.network,
            look=look,
        )
    except ExecError as error:
        raise daemon.refuse(say.START_EXEC, id=container.id, reason=error) from None
    except FsError as error:
        reason = f'chdir to cwd ("{plan.cwd}") set in config.json failed: {error.strerror.lower()}'
        raise daemon.refuse(say.START_EXEC, id=container.id, reason=reason) from None


def start_exec(
    daemon: Daemon,
    container: Container,
    argv: tuple[str, ...],
    *,
    stdout: Sink | OpenFile,
    stderr: Sink | OpenFile,
    stdin: OpenFile | None = None,
    terminal: Terminal | None = None,
    on_output_closed: Callable[[], object] | None = None,
) -> Process:
    """Start one more process in a running container. Raises ExecError and FsError.

    With a `terminal` the other streams are not used, and with some runtimes the environment has a TERM.
    """
    assert container.filesystem is not None, "a running container has a file system"
    assert container.process is not None, "a running container has a process"
    plan = container.plan
    who = credentials_of(daemon, container)
    has_term = terminal is not None and daemon.profile.streaming.terminal_sets_term
    spec = ProcessSpec(
        argv=argv,
        env=_with_term(plan.env) if has_term else plan.env,
        cwd=plan.cwd,
        credentials=who,
        stdin=stdin,
        terminal=terminal,
        stdout=stdout,
        stderr=stderr,
        on_output_closed=on_output_closed,
    )
    processes = container.process.table
    return processes.start(container.filesystem, spec, hostname=container.sandbox.hostname, inside=container.process)


def _with_term(env: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Mirrors containerd: pkg/oci/spec_opts.go, replaceOrAppendEnvValues."""
    if any(name == "TERM" for name, _ in env):
        return tuple((name, "xterm" if name == "TERM" else value) for name, value in env)
    return (*env, ("TERM", "xterm"))


def _open_streams(daemon: Daemon, container: Container, config: api.ContainerConfig) -> ContainerStreams:
    """The streams of the first process: a log, and an input that nobody has written to yet, or none."""
    log = container.log
    container.streams = ContainerStreams(
        daemon.kernel,
        config,
        stdout=log.stdout if log is not None else _discard,
        stderr=log.stderr if log is not None else _discard,
        attach_ends=daemon.profile.streaming.attach_ends,
    )
    return container.streams


def _pid_mode(config: api.ContainerConfig) -> int:
    """The NamespaceMode of the pid namespace."""
    return config.linux.security_context.namespace_options.pid


def _pid_sharer(daemon: Daemon, container: Container, config: api.ContainerConfig) -> Process | None:
    """The process whose pid namespace the container enters; None for one of its own, and for the node's."""
    mode = _pid_mode(config)
    if mode == api.POD:
        return container.sandbox.pause
    if mode == api.TARGET:
        options = config.linux.security_context.namespace_options
        return target_container(daemon, container.sandbox, container.id, options.target_id).process
    return None


def _known_look(daemon: Daemon, container: Container) -> FirstLook | None:
    """What the first process finds, where it is known from the container before; then it has its file system too."""
    rehearsal = rehearsal_of(daemon, container)
    if rehearsal is None:
        return None
    if container.filesystem is not None:
        return rehearsal.look if isinstance(container.filesystem, UnbuiltFileSystem) else None
    try:
        mounts = looked_at(container.mount_specs)
    except FsError:
        return None  # a source is gone: whoever builds it says so in the runtime's words
    if mounts is None or mount_kinds(mounts) != rehearsal.kinds:
        return None
    plan = FileSystemPlan(
        root=container.image.tree,
        is_root_read_only=rehearsal.is_root_read_only,
        mounts=(*rehearsal.own_mounts, *mounts),
        masked_paths=rehearsal.masked_paths,
        read_only_paths=rehearsal.read_only_paths,
        namespaces=namespaces_of(daemon, container),
        clock=daemon.clock,
        disk=daemon.disk,
        cgroup=_CgroupOf(container),
    )
    container.filesystem = UnbuiltFileSystem(plan, rehearsal.usage)
    container.credentials = rehearsal.credentials
    return rehearsal.look


def _file_system(daemon: Daemon, container: Container, row: Refusal) -> FileSystem:
    """Root and mounts. Raises CriError of the given row."""
    config = container.config
    security = config.linux.security_context
    is_read_only = security.readonly_rootfs
    _check_idmap(daemon, container, config, row)
    mounts = [
        *own_mounts(daemon, container, is_read_only=is_read_only),
        *_account_mounts(daemon, container),
        *container.mount_specs,
    ]
    try:
        return FileSystem(
            container.image.tree,
            is_root_read_only=is_read_only,
            mounts=mounts,
            masked_paths=masked_paths_of(security),
            read_only_paths=read_only_paths_of(security),
            namespaces=namespaces_of(daemon, container),
            layer=container.restored_from.layer if container.restored_from is not None else None,
            clock=daemon.clock,
            disk=daemon.disk,
            cgroup=_CgroupOf(container),
            devices=devices_of(daemon, config),
            is_privileged=security.privileged,
        )
    except MountError as error:
        raise daemon.refuse(row, id=container.id, reason=_mount_failure(daemon, container, error)) from None


class _CgroupOf:
    """Asks what the control group of a container shows. A small object, for every container has one of it."""

    __slots__ = ("_container",)

    def __init__(self, container: Container) -> None:
        self._container = container

    def __call__(self) -> CgroupSettings:
        return cgroup_settings(self._container)


def _mount_failure(daemon: Daemon, container: Container, error: MountError) -> str:
    spec = error.spec
    source = spec.source.path if isinstance(spec.source, HostSource) else ""
    failed = FailedMount(
        source=spec.source_name or source,
        destination=spec.destination,
        step=error.step,
        path=error.path,
        reason=error.strerror,
        is_file=error.is_file,
        is_read_only=spec.is_read_only,
    )
    if daemon.profile.containers.oci_runtime == "crun":
        return crun_mount_failure(failed, root=f"/var/lib/containers/storage/overlay/{container.id}/merged")
    return runc_mount_failure(failed, root=f"{_BUNDLES}/{container.id}/rootfs")


def _check_user(daemon: Daemon, container: Container, row: Refusal) -> None:
    """Refuse ids that no process can have. Raises CriError of the given row."""
    failure = user_failure_of(daemon, container)
    if failure is not None:
        raise daemon.refuse(row, id=container.id, reason=failure)


def _account_mounts(daemon: Daemon, container: Container) -> list[MountSpec]:
    """The generated /etc/passwd and /etc/group, unless the request mounts something there.

    Mirrors CRI-O: server/container_create.go, setupContainerUser.
    """
    taken = {mount.destination.rstrip("/") for mount in container.mount_specs}
    mounts = []
    for copy in container.account_files:
        if "/etc" in taken or copy.path in taken:
            continue
        own = f"{container.sandbox.files_directory}/{container.id}{copy.path.replace('/', '-')}"
        daemon.own_files.write(own, copy.content, copy.mode)
        daemon.own_files.set_owner(own, copy.uid, copy.gid)
        source = HostSource(files=daemon.own_files, path=own)
        flags = ("nosuid", "nodev", "noexec", "relatime")
        mounts.append(MountSpec(destination=copy.path, source=source, flags=flags))
    return mounts


def _check_idmap(daemon: Daemon, container: Container, config: api.ContainerConfig, row: Refusal) -> None:
    """Some versions cannot give an image volume to a pod with a user namespace."""
    options = config.linux.security_context.namespace_options
    is_mapped = options.HasField("userns_options") and options.userns_options.mode == api.POD
    if not (is_mapped and container.volume_images):
        return
    if daemon.profile.image_volumes.user_namespaces == "start-fails":
        targets = {mount.container_path for mount in config.mounts if mount.HasField("image")}
        path = next(mount.host_path for mount in container.mounts if mount.container_path in targets)
        raise daemon.refuse(row, id=container.id, reason=_IDMAP_REASON.format(path=path))


def _discard(data: bytes) -> None:
    """Where the output of a container without a log goes."""
