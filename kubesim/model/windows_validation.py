"""What the API server lets a pod say for Windows, and for Linux when spec.os names one of them.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, validateLinux, validateWindows,
validateWindowsSecurityContextOptions and validateWindowsHostProcessPod.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kubesim.model.field_error import FieldError, forbidden, invalid
from kubesim.model.k8s_container import Container, EphemeralContainer, SecurityContext, WindowsSecurityContextOptions
from kubesim.model.k8s_pod import PodSpec
from kubesim.model.paths import Path

DOMAIN_LENGTH_BELOW = 256
USER_LENGTH_MAX = 104

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NETBIOS = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_DOTS_AND_SPACES = re.compile(r"[. ]+")
_NOT_IN_A_USER = re.compile(r'["/\\:;|=,+*?<>@\[\]]')

_FOR_WINDOWS = "cannot be set for a windows pod"
_POD_FIELDS = {
    "app_armor_profile": "appArmorProfile",
    "se_linux_options": "seLinuxOptions",
    "seccomp_profile": "seccompProfile",
    "fs_group": "fsGroup",
    "fs_group_change_policy": "fsGroupChangePolicy",
    "sysctls": "sysctls",
    "run_as_user": "runAsUser",
    "run_as_group": "runAsGroup",
    "supplemental_groups": "supplementalGroups",
    "supplemental_groups_policy": "supplementalGroupsPolicy",
    "se_linux_change_policy": "seLinuxChangePolicy",
}
_CONTAINER_FIELDS = {
    "app_armor_profile": "appArmorProfile",
    "se_linux_options": "seLinuxOptions",
    "seccomp_profile": "seccompProfile",
    "capabilities": "capabilities",
    "read_only_root_filesystem": "readOnlyRootFilesystem",
    "privileged": "privileged",
    "allow_privilege_escalation": "allowPrivilegeEscalation",
    "proc_mount": "procMount",
    "run_as_user": "runAsUser",
    "run_as_group": "runAsGroup",
}
"""Fields of the security contexts that mean nothing on Windows, in upstream's order."""


def check_operating_system(spec: PodSpec) -> Iterator[FieldError]:
    """Fields of the other system, names of Windows users, and HostProcess containers."""
    pod = spec.security_context
    pod_options = pod.windows_options if pod is not None else None
    yield from _check_options(pod_options, ("spec", "securityContext", "windowsOptions"))
    for path, context in _contexts(spec):
        yield from _check_options(context.windows_options, (*path, "windowsOptions"))
    yield from _check_host_process(spec)
    name = spec.os.name if spec.os is not None else ""
    if name == "linux":
        yield from _check_linux(spec)
    elif name == "windows":
        yield from _check_windows(spec)


def _check_linux(spec: PodSpec) -> Iterator[FieldError]:
    detail = "windows options cannot be set for a linux pod"
    if spec.security_context is not None and spec.security_context.windows_options is not None:
        yield forbidden(("spec", "securityContext", "windowsOptions"), detail)
    for path, context in _contexts(spec):
        if context.windows_options is not None:
            yield forbidden((*path, "windowsOptions"), detail)


def _check_windows(spec: PodSpec) -> Iterator[FieldError]:
    for is_set, name in (
        (spec.host_pid, "hostPID"),
        (spec.host_ipc, "hostIPC"),
        (spec.share_process_namespace is not None, "shareProcessNamespace"),
    ):
        if is_set:
            yield forbidden(("spec", name), _FOR_WINDOWS)
    if spec.security_context is not None:
        for attribute, name in _POD_FIELDS.items():
            if getattr(spec.security_context, attribute) not in (None, []):
                yield forbidden(("spec", "securityContext", name), _FOR_WINDOWS)
    for path, context in _contexts(spec):
        for attribute, name in _CONTAINER_FIELDS.items():
            if getattr(context, attribute) is not None:
                yield forbidden((*path, name), _FOR_WINDOWS)


def _check_options(options: WindowsSecurityContextOptions | None, path: Path) -> Iterator[FieldError]:
    name = options.run_as_user_name if options is not None else None
    if name is not None:
        for detail in user_name_mistakes(name):
            yield invalid((*path, "runAsUserName"), name, detail)


def user_name_mistakes(name: str) -> Iterator[str]:
    """What is wrong with a runAsUserName, in the API server's words. Lengths are in bytes of UTF-8, as Go counts."""
    if not name:
        yield "runAsUserName cannot be an empty string"
        return
    if _CONTROL.search(name):
        yield "runAsUserName cannot contain control characters"
        return
    parts = name.split("\\")
    if len(parts) > 2:
        yield "runAsUserName cannot contain more than one backslash"
        return
    domain, user = parts if len(parts) == 2 else ("", name)
    if len(domain.encode(errors="surrogateescape")) >= DOMAIN_LENGTH_BELOW:
        yield f"runAsUserName's Domain length must be under {DOMAIN_LENGTH_BELOW} characters"
    if len(parts) == 2 and not (_NETBIOS.fullmatch(domain) or _DNS.fullmatch(domain)):
        yield "runAsUserName's Domain doesn't match the NetBios nor the DNS format"
    if not user:
        yield "runAsUserName's User cannot be empty"
    elif len(user.encode(errors="surrogateescape")) > USER_LENGTH_MAX:
        yield f"runAsUserName's User length must not be longer than {USER_LENGTH_MAX} characters"
    if _DOTS_AND_SPACES.fullmatch(user):
        yield "runAsUserName's User cannot contain only periods or spaces"
    if _NOT_IN_A_USER.search(user):
        yield r"""runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"""


def _check_host_process(spec: PodSpec) -> Iterator[FieldError]:
    """A pod runs in the host's own process space with all of its containers, or with none."""
    pod = spec.security_context
    above = pod.windows_options.host_process if pod is not None and pod.windows_options is not None else None
    found: list[bool] = []
    for path, container in _containers(spec):
        context = container.security_context
        own = context.windows_options.host_process if context is not None and context.windows_options else None
        if above is not None and own is not None and above != own:
            detail = f"pod hostProcess value must be identical if both are specified, was {str(above).lower()}"
            yield invalid((*path, "securityContext", "windowsOptions", "hostProcess"), own, detail)
        found.append(bool(above if own is None else own))
    if not any(found):
        return
    if not all(found):
        detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        yield invalid(("spec",), "", detail)
    if not spec.host_network:
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        yield invalid(("spec", "hostNetwork"), False, detail)


def _containers(spec: PodSpec) -> Iterator[tuple[Path, Container | EphemeralContainer]]:
    lists: tuple[tuple[str, Sequence[Container | EphemeralContainer]], ...] = (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    )
    for name, containers in lists:
        for index, container in enumerate(containers):
            yield ("spec", name, index), container


def _contexts(spec: PodSpec) -> Iterator[tuple[Path, SecurityContext]]:
    for path, container in _containers(spec):
        if container.security_context is not None:
            yield (*path, "securityContext"), container.security_context
