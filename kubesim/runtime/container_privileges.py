"""What a container's processes may do: who they are, their capabilities, whether a seccomp filter limits them.

Mirrors containerd: internal/cri/server/container_create_linux.go, containerSpecOpts, and internal/cri/opts/
spec_linux_opts.go, WithCapabilities; CRI-O: server/container_create_linux.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

from kubesim.cri import api
from kubesim.model.frozen_records import replace
from kubesim.policy.capabilities import capability_mask, container_capabilities
from kubesim.policy.sysctls import pod_sysctls
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.userland.files.credentials import SECCOMP_FILTER
from kubesim.userland.files.filesystem import Namespaces
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import HostFiles
from kubesim.userland.files.proc import WHOLE_ID_MAP, IdMap
from kubesim.userland.processes.process import Credentials

_NO_PROFILE = ("", "unconfined")
"""Values of the old field seccomp_profile_path that stand for no filter."""


def credentials_of(daemon: Daemon, container: Container) -> Credentials:
    """Of the container's first process, and of every command that is executed in it.

    Asked for once the OCI runtime has read the seccomp profile; nothing changes them then.
    """
    if container.credentials is None:
        container.credentials = _credentials_of(daemon, container)
    return container.credentials


def _credentials_of(daemon: Daemon, container: Container) -> Credentials:
    identity = container.identity
    if identity is None:
        return Credentials(uid=0, gid=0)
    security = container.config.linux.security_context
    who = _credentials(
        identity.uid,
        identity.gid,
        identity.supplemental_groups,
        capability_mask(capabilities_of(daemon, security)),
        # The default profile forbids nothing here that the lack of a capability does not forbid already.
        SECCOMP_FILTER if _has_seccomp_filter(security) else 0,
        security.no_new_privs,
    )
    return who if container.seccomp_filter is None else replace(who, seccomp=container.seccomp_filter)


@lru_cache(maxsize=1024)
def _credentials(
    uid: int,
    gid: int,
    groups: tuple[int, ...],
    capabilities: int,
    seccomp_mode: int,
    no_new_privileges: bool,
) -> Credentials:
    """One value for all containers that are the same user with the same privileges: most are."""
    return Credentials(
        uid=uid,
        gid=gid,
        groups=groups,
        capabilities=capabilities,
        seccomp_mode=seccomp_mode,
        no_new_privileges=no_new_privileges,
    )


def capabilities_of(daemon: Daemon, security: api.LinuxContainerSecurityContext) -> tuple[str, ...]:
    """The names of the bounding set."""
    return container_capabilities(
        default=daemon.profile.containers.default_capabilities,
        added=security.capabilities.add_capabilities,
        dropped=security.capabilities.drop_capabilities,
        is_privileged=security.privileged,
        is_prefix_always_added=daemon.profile.containers.capability_prefix == "always-added",
    )


def masked_paths_of(security: api.LinuxContainerSecurityContext) -> tuple[str, ...]:
    """Paths that are hidden; none from a privileged container."""
    return () if security.privileged else tuple(security.masked_paths)


def read_only_paths_of(security: api.LinuxContainerSecurityContext) -> tuple[str, ...]:
    """Paths that cannot be changed; a privileged container changes them all."""
    return () if security.privileged else tuple(security.readonly_paths)


def namespaces_of(daemon: Daemon, container: Container) -> Namespaces:
    """What /proc shows of the namespaces of a container: those of its pod, one value for all that are alike."""
    sandbox = container.sandbox
    oom_score_adj = container.resources.oom_score_adj
    known = sandbox.namespaces
    if known is None or known.oom_score_adj != oom_score_adj:
        sandbox.namespaces = known = _namespaces_of(daemon, sandbox, oom_score_adj)
    return known


def _namespaces_of(daemon: Daemon, sandbox: Sandbox, oom_score_adj: int) -> Namespaces:
    namespaces = sandbox.config.linux.security_context.namespace_options
    options = namespaces.userns_options
    sysctls = sysctls_of(daemon, sandbox)
    has_own_users = options.mode == api.POD and options.uids
    if namespaces.ipc != api.NODE and not has_own_users:
        return _usual_namespaces(tuple(sysctls.items()), oom_score_adj)
    return Namespaces(
        sysctls=sysctls,
        read_node_ipc=partial(_node_ipc, daemon.host_files) if namespaces.ipc == api.NODE else None,
        uids=_id_map(options.uids) if has_own_users else WHOLE_ID_MAP,
        gids=_id_map(options.gids) if has_own_users else WHOLE_ID_MAP,
        oom_score_adj=oom_score_adj,
    )


@lru_cache(maxsize=1024)
def _usual_namespaces(sysctls: tuple[tuple[str, str], ...], oom_score_adj: int) -> Namespaces:
    """One value for all pods that have their own ipc and the users of the node: most are alike."""
    return Namespaces(sysctls=dict(sysctls), oom_score_adj=oom_score_adj)


def _node_ipc(files: HostFiles, name: str) -> bytes:
    try:
        return files.read(f"/proc/sysvipc/{name}") or b""
    except FsError:
        return b""  # a node without System V ipc shows none


def _id_map(mappings: Sequence[api.IDMapping]) -> IdMap:
    return tuple((mapping.container_id, mapping.host_id, mapping.length) for mapping in mappings)


def sysctls_of(daemon: Daemon, sandbox: Sandbox) -> dict[str, str]:
    """What the namespaces of a pod have other than the defaults."""
    linux = sandbox.config.linux
    options = linux.security_context.namespace_options
    return pod_sysctls(
        linux.sysctls,
        uses_node_network=sandbox.uses_node_network,
        has_user_namespace=options.HasField("userns_options") and options.userns_options.mode == api.POD,
        unprivileged_ports=daemon.profile.sandboxes.unprivileged_ports,
    )


def _has_seccomp_filter(security: api.LinuxContainerSecurityContext) -> bool:
    """Whether a filter is loaded; the old field counts only without the new one, and neither means none."""
    if security.privileged:
        return False
    if security.HasField("seccomp"):
        return security.seccomp.profile_type != api.SecurityProfile.Unconfined
    return security.seccomp_profile_path not in _NO_PROFILE
