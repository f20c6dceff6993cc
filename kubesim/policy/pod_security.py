"""What a pod's security contexts become in CRI, for the sandbox and for each container.

Only plain values: the CRI messages are filled by the kubelet room.

Mirrors kubelet: pkg/kubelet/kuberuntime/security_context.go (determineEffectiveSecurityContext),
pkg/kubelet/kuberuntime/kuberuntime_sandbox.go (generatePodSandboxLinuxConfig), pkg/kubelet/kuberuntime/util/util.go
(the namespaces) and pkg/securitycontext/util.go (DetermineEffectiveSecurityContext, the masked paths).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeVar

from msgspec import Struct

from kubesim.policy.pod_view import NetworkMode

_T = TypeVar("_T")

_MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class SecurityContextError(Exception):
    """A security context can not be handed to the runtime; the text is the kubelet's."""


class GroupsPolicy(IntEnum):
    """CRI SupplementalGroupsPolicy; 0 is also what an unset field means."""

    MERGE = 0
    STRICT = 1


class NamespaceMode(StrEnum):
    """CRI NamespaceMode of one namespace."""

    POD = "POD"
    CONTAINER = "CONTAINER"
    NODE = "NODE"
    TARGET = "TARGET"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccompProfile:
    """A seccomp (or AppArmor) profile: RuntimeDefault, Unconfined or Localhost with a reference."""

    type: str
    localhost_ref: str = ""


class PodSecurity(Struct, frozen=True, kw_only=True, gc=False):
    """spec.securityContext and the namespace fields of the pod spec; None: the field is not set."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    run_as_user_name: str | None = None  # windowsOptions
    host_process: bool | None = None  # windowsOptions
    fs_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str | None = None
    seccomp: SeccompProfile | None = None
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False


class ContainerSecurity(Struct, frozen=True, kw_only=True, gc=False):
    """securityContext of one container; None: the field is not set."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    run_as_user_name: str | None = None  # windowsOptions
    host_process: bool | None = None  # windowsOptions
    privileged: bool = False
    read_only_root_filesystem: bool = False
    allow_privilege_escalation: bool | None = None
    proc_mount: str | None = None
    seccomp: SeccompProfile | None = None


class ImageUser(Struct, frozen=True, kw_only=True, gc=False):
    """USER of the image as ImageStatus reports it: a uid, a name, or neither."""

    uid: int | None = None
    username: str = ""


class Namespaces(Struct, frozen=True, kw_only=True, gc=False):
    """CRI NamespaceOption; `target_id` is set with pid TARGET only."""

    network: NetworkMode
    pid: NamespaceMode
    ipc: NamespaceMode
    target_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSecurityContext:
    """CRI LinuxSandboxSecurityContext. `supplemental_groups_policy` is None when the pod does not set it."""

    namespaces: Namespaces
    privileged: bool
    run_as_user: int | None
    run_as_group: int | None
    supplemental_groups: tuple[int, ...]
    supplemental_groups_policy: GroupsPolicy | None
    seccomp: SeccompProfile


class ContainerSecurityContext(Struct, frozen=True, kw_only=True, gc=False):
    """CRI LinuxContainerSecurityContext, without capabilities, SELinux and AppArmor, which are passed as given."""

    namespaces: Namespaces
    run_as_user: int | None
    run_as_username: str
    run_as_group: int | None
    supplemental_groups: tuple[int, ...]
    supplemental_groups_policy: GroupsPolicy
    privileged: bool
    readonly_rootfs: bool
    no_new_privs: bool
    masked_paths: tuple[str, ...]
    readonly_paths: tuple[str, ...]
    seccomp: SeccompProfile


def effective_security(pod: PodSecurity, container: ContainerSecurity) -> ContainerSecurity:
    """The container's context with what it takes from the pod where it does not set a field itself."""
    return ContainerSecurity(
        run_as_user=_first(container.run_as_user, pod.run_as_user),
        run_as_group=_first(container.run_as_group, pod.run_as_group),
        run_as_non_root=_first(container.run_as_non_root, pod.run_as_non_root),
        run_as_user_name=_first(container.run_as_user_name, pod.run_as_user_name),
        host_process=_first(container.host_process, pod.host_process),
        privileged=container.privileged,
        read_only_root_filesystem=container.read_only_root_filesystem,
        allow_privilege_escalation=container.allow_privilege_escalation,
        proc_mount=container.proc_mount,
        seccomp=_first(container.seccomp, pod.seccomp),
    )


def namespaces(pod: PodSecurity, *, target_id: str = "") -> Namespaces:
    """The namespaces of the pod; `target_id` is the container whose processes an ephemeral container wants to see.

    Where all processes can be seen anyway, of the pod or of the node, no target is told.
    """
    pid, target = NamespaceMode.CONTAINER, ""
    if pod.host_pid:
        pid = NamespaceMode.NODE
    elif pod.share_process_namespace:
        pid = NamespaceMode.POD
    elif target_id:
        pid, target = NamespaceMode.TARGET, target_id
    return Namespaces(
        network=NetworkMode.NODE if pod.host_network else NetworkMode.POD,
        pid=pid,
        ipc=NamespaceMode.NODE if pod.host_ipc else NamespaceMode.POD,
        target_id=target,
    )


def groups_policy(name: str | None) -> GroupsPolicy:
    """The CRI value of spec.securityContext.supplementalGroupsPolicy.

    Raises:
        SecurityContextError: the word is neither Merge nor Strict.
    """
    if name in {None, "Merge"}:
        return GroupsPolicy.MERGE
    if name == "Strict":
        return GroupsPolicy.STRICT
    raise SecurityContextError(f"unsupported supplementalGroupsPolicy: {name}")


def sandbox_security_context(
    pod: PodSecurity, *, any_container_privileged: bool, volume_gids: tuple[int, ...] = ()
) -> SandboxSecurityContext:
    """The sandbox's context on Linux.

    `volume_gids` are the group ids that mounted persistent volumes carry in the annotation pv.beta.kubernetes.io/gid.
    In the sandbox they stand before spec.supplementalGroups, in containers after them.

    Raises:
        SecurityContextError: the pod's groups policy is unknown.
    """
    asked = pod.supplemental_groups_policy
    return SandboxSecurityContext(
        namespaces=namespaces(pod),
        privileged=any_container_privileged,
        run_as_user=pod.run_as_user,
        run_as_group=pod.run_as_group,
        supplemental_groups=(*_fs_group(pod), *volume_gids, *pod.supplemental_groups),
        supplemental_groups_policy=None if asked is None else groups_policy(asked),
        seccomp=SeccompProfile(type="RuntimeDefault"),
    )


def container_security_context(
    pod: PodSecurity,
    container: ContainerSecurity,
    image: ImageUser,
    *,
    volume_gids: tuple[int, ...] = (),
    target_id: str = "",
    seccomp_default: bool = False,
    seccomp_root: str = "/var/lib/kubelet/seccomp",
    thermal_throttle_cpus: tuple[int, ...] = (),
) -> ContainerSecurityContext:
    """A container's context on Linux.

    Groups are neither sorted nor made unique, and the primary group is not added: the runtime does that.
    `seccomp_default` is the kubelet's option of that name, `seccomp_root` where it keeps profiles.
    `thermal_throttle_cpus` are the cpus of the node that have a thermal_throttle directory to mask.

    Raises:
        SecurityContextError: the pod's groups policy is unknown.
    """
    effective = effective_security(pod, container)
    user, username = effective.run_as_user, ""
    if user is None:
        user, username = image.uid, image.username
        if user is None and not username:
            user = 0
        elif user is not None:
            username = ""
    throttles = (f"/sys/devices/system/cpu/cpu{cpu}/thermal_throttle" for cpu in thermal_throttle_cpus)
    unmasked = container.proc_mount == "Unmasked"
    return ContainerSecurityContext(
        namespaces=namespaces(pod, target_id=target_id),
        run_as_user=user,
        run_as_username=username,
        run_as_group=effective.run_as_group,
        supplemental_groups=(*_fs_group(pod), *pod.supplemental_groups, *volume_gids),
        supplemental_groups_policy=groups_policy(pod.supplemental_groups_policy),
        privileged=effective.privileged,
        readonly_rootfs=effective.read_only_root_filesystem,
        no_new_privs=effective.allow_privilege_escalation is False,
        masked_paths=() if unmasked else (*_MASKED_PATHS, *throttles),
        readonly_paths=() if unmasked else _READONLY_PATHS,
        seccomp=_seccomp(effective.seccomp, default=seccomp_default, root=seccomp_root),
    )


def _seccomp(profile: SeccompProfile | None, *, default: bool, root: str) -> SeccompProfile:
    if profile is None:
        return SeccompProfile(type="RuntimeDefault" if default else "Unconfined")
    if profile.type == "Localhost":
        return SeccompProfile(type="Localhost", localhost_ref=f"{root}/{profile.localhost_ref}")
    return profile


def _fs_group(pod: PodSecurity) -> tuple[int, ...]:
    return () if pod.fs_group is None else (pod.fs_group,)


def _first(one: _T | None, other: _T | None) -> _T | None:
    return other if one is None else one
