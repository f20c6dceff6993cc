"""Security contexts of pods and containers.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateSecurityContext, validatePodSpecSecurityContext,
validateSysctls, validateSeccompProfileField, ValidateAppArmorProfileField, validateSELinuxChangePolicy).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubesim.model.k8s_v1 import AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext
from kubesim.model.paths import Path
from kubesim.model.sysctl_name import dotted_sysctl
from kubesim.model.validation.field_error import (
    FieldError,
    Named,
    byte_length,
    check_choice,
    check_id,
    check_problems,
    duplicate,
    invalid,
    required,
    too_long,
    unsupported,
)
from kubesim.model.validation.go_value import go_value
from kubesim.model.validation.names import descending_path_problems
from kubesim.model.validation.operating_system import check_windows_options
from kubesim.model.validation.options import ValidationOptions

SYSCTL_LENGTH_MAX = 253
LOCALHOST_PROFILE_LENGTH_MAX = 4095

_PROC_MOUNTS = ("Default", "Unmasked")
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = rf"({_SEGMENT}[\./])*{_SEGMENT}"
_IS_SYSCTL = re.compile(_SYSCTL)
_IPC_SYSCTLS = {
    f"kernel.{name}"
    for name in ("sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced", "shm", "msgmax", "msgmnb", "msgmni", "msg")
}


def check_security_context(context: SecurityContext, path: Path, *, has_host_users: bool) -> Iterator[FieldError]:
    """The security context of a container."""
    yield from check_id((*path, "runAsUser"), context.run_as_user)
    yield from check_id((*path, "runAsGroup"), context.run_as_group)
    if context.proc_mount is not None:
        yield from check_choice((*path, "procMount"), context.proc_mount, _PROC_MOUNTS)
        if has_host_users and context.proc_mount == "Unmasked":
            yield invalid((*path, "procMount"), "Unmasked", "`hostUsers` must be false to use `Unmasked`")
    if context.seccomp_profile is not None:
        yield from _check_seccomp(context.seccomp_profile, (*path, "seccompProfile"))
    if context.allow_privilege_escalation is False:
        if context.privileged:
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield invalid(path, go_value(context), detail)
        for capability in context.capabilities.add if context.capabilities is not None else ():
            if capability == "CAP_SYS_ADMIN":
                detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
                yield invalid(path, go_value(context), detail)
    if context.windows_options is not None:
        yield from check_windows_options(context.windows_options, (*path, "windowsOptions"))
    if context.app_armor_profile is not None:
        yield from _check_app_armor(context.app_armor_profile, (*path, "appArmorProfile"))


def check_pod_security_context(spec: PodSpec, options: ValidationOptions) -> Iterator[FieldError]:
    """The security context of the pod, and the namespaces that go with it."""
    context = spec.security_context
    path: Path = ("spec", "securityContext")
    if context is None:
        return
    yield from check_id((*path, "fsGroup"), context.fs_group)
    yield from check_id((*path, "runAsUser"), context.run_as_user)
    yield from check_id((*path, "runAsGroup"), context.run_as_group)
    for index, group in enumerate(context.supplemental_groups):
        yield from check_id((*path, "supplementalGroups", index), group)
    if spec.share_process_namespace and spec.host_pid:
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        place = ("spec", "shareProcessNamespace")
        yield invalid((*path, "shareProcessNamespace"), True, detail, place=place)
    if context.sysctls:
        yield from _check_sysctls(spec, context, (*path, "sysctls"))
    yield from check_choice(
        (*path, "fsGroupChangePolicy"), context.fs_group_change_policy, ("Always", "OnRootMismatch")
    )
    if context.seccomp_profile is not None:
        yield from _check_seccomp(context.seccomp_profile, (*path, "seccompProfile"))
    if context.windows_options is not None:
        yield from check_windows_options(context.windows_options, (*path, "windowsOptions"))
    if context.app_armor_profile is not None:
        yield from _check_app_armor(context.app_armor_profile, (*path, "appArmorProfile"))
    policy = context.supplemental_groups_policy
    yield from check_choice((*path, "supplementalGroupsPolicy"), policy, ("Merge", "Strict"))
    policies = ("MountOption", "Recursive") if options.any_selinux_change_policy else ("Recursive",)
    yield from check_choice((*path, "seLinuxChangePolicy"), context.se_linux_change_policy, policies)


def _check_sysctls(spec: PodSpec, context: PodSecurityContext, path: Path) -> Iterator[FieldError]:
    taken: set[str] = set()
    for index, sysctl in enumerate(context.sysctls):
        where: Path = (*path, index, "name")
        if not sysctl.name:
            yield required(where)
        elif byte_length(sysctl.name) > SYSCTL_LENGTH_MAX or not _IS_SYSCTL.fullmatch(sysctl.name):
            detail = f"must have at most {SYSCTL_LENGTH_MAX} characters and match regex ^{_SYSCTL}$"
            yield invalid(where, sysctl.name, detail)
        elif sysctl.name in taken:
            yield duplicate(where, sysctl.name)
        name = dotted_sysctl(sysctl.name)
        if spec.host_network and name.startswith("net."):
            yield invalid(where, sysctl.name, "may not be specified when 'hostNetwork' is true")
        elif spec.host_ipc and (name in _IPC_SYSCTLS or name.startswith("fs.mqueue.")):
            yield invalid(where, sysctl.name, "may not be specified when 'hostIPC' is true")
        taken.add(sysctl.name)


def _check_seccomp(profile: SeccompProfile, path: Path) -> Iterator[FieldError]:
    if not profile.type:
        yield required((*path, "type"), "type is required when seccompProfile is set")
    elif profile.type not in _PROFILES:
        yield unsupported((*path, "type"), profile.type, _PROFILES)
    where, local = (*path, "localhostProfile"), profile.localhost_profile
    if profile.type == "Localhost":
        if local is None:
            yield required(where, "must be set when seccomp type is Localhost")
        else:
            yield from check_problems(where, local, descending_path_problems(local))
    elif local is not None:
        yield invalid(where, go_value(profile), "can only be set when seccomp type is Localhost")


def _check_app_armor(profile: AppArmorProfile, path: Path) -> Iterator[FieldError]:
    where, local = (*path, "localhostProfile"), profile.localhost_profile
    missing = "must be set when AppArmor type is Localhost"
    match profile.type:
        case "Localhost":
            if local is None:
                yield required(where, missing)
                return
            if local != local.strip():
                yield invalid(where, local, "must not be padded with whitespace")
            elif not local:
                yield required(where, missing)
            if byte_length(local) > LOCALHOST_PROFILE_LENGTH_MAX:
                yield too_long(where, LOCALHOST_PROFILE_LENGTH_MAX)
        case "RuntimeDefault" | "Unconfined":
            if local is not None:
                yield invalid(where, Named(local), "can only be set when AppArmor type is Localhost")
        case "":
            yield required((*path, "type"), "type is required when appArmorProfile is set")
        case _:
            yield unsupported((*path, "type"), profile.type, _PROFILES)
