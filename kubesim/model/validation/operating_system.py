"""What the API server lets a pod say for Windows, and for Linux when spec.os names one of them.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (validateOS, validateLinux, validateWindows,
validateWindowsSecurityContextOptions, validateWindowsHostProcessPod).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubesim.model.k8s_v1 import PodSecurityContext, PodSpec, SecurityContext, WindowsSecurityContextOptions
from kubesim.model.paths import Path
from kubesim.model.validation.field_error import (
    FieldError,
    Named,
    byte_length,
    check_problems,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kubesim.model.validation.names import subdomain_problems
from kubesim.model.validation.pod_facts import containers_of

DOMAIN_LENGTH_BELOW = 256
USER_LENGTH_MAX = 104
CREDENTIAL_SPEC_KIB_MAX = 64

_SYSTEMS = ("linux", "windows")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NETBIOS = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_DOTS_AND_SPACES = re.compile(r"[. ]+")
_NOT_IN_A_USER = re.compile(r'["/\\:;|=,+*?<>@\[\]]')

_FOR_WINDOWS = "cannot be set for a windows pod"
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
"""Fields of a container's security context that mean nothing on Windows, in upstream's order."""


def check_operating_system(spec: PodSpec) -> Iterator[FieldError]:
    """spec.os, and fields of the other system than it names."""
    name = spec.os.name if spec.os is not None else None
    if name == "":
        yield required(("spec", "os", "name"))
    elif name == "linux":
        yield from _check_linux(spec)
    elif name == "windows":
        yield from _check_windows(spec)
    elif name is not None:
        yield unsupported(("spec", "os"), name, _SYSTEMS, place=("spec", "os", "name"))


def _check_linux(spec: PodSpec) -> Iterator[FieldError]:
    detail = "windows options cannot be set for a linux pod"
    if spec.security_context is not None and spec.security_context.windows_options is not None:
        yield forbidden(("spec", "securityContext", "windowsOptions"), detail)
    for path, context in _contexts(spec):
        if context.windows_options is not None:
            yield forbidden((*path, "windowsOptions"), detail)


def _check_windows(spec: PodSpec) -> Iterator[FieldError]:
    context = spec.security_context or PodSecurityContext()
    for name, is_set in (
        ("securityContext.appArmorProfile", context.app_armor_profile is not None),
        ("securityContext.seLinuxOptions", context.se_linux_options is not None),
        ("hostUsers", spec.host_users is not None),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
        ("securityContext.seccompProfile", context.seccomp_profile is not None),
        ("securityContext.fsGroup", context.fs_group is not None),
        ("securityContext.fsGroupChangePolicy", context.fs_group_change_policy is not None),
        ("securityContext.sysctls", bool(context.sysctls)),
        ("shareProcessNamespace", spec.share_process_namespace is not None),
        ("securityContext.runAsUser", context.run_as_user is not None),
        ("securityContext.runAsGroup", context.run_as_group is not None),
        ("securityContext.supplementalGroups", bool(context.supplemental_groups)),
        ("securityContext.supplementalGroupsPolicy", context.supplemental_groups_policy is not None),
        ("securityContext.seLinuxChangePolicy", context.se_linux_change_policy is not None),
    ):
        if is_set:
            yield forbidden(("spec", *name.split(".")), _FOR_WINDOWS)
    for path, own in _contexts(spec):
        for attribute, name in _CONTAINER_FIELDS.items():
            if getattr(own, attribute) is not None:
                yield forbidden((*path, name), _FOR_WINDOWS)


def check_windows_options(options: WindowsSecurityContextOptions, path: Path) -> Iterator[FieldError]:
    """windowsOptions of a container or of the pod."""
    name = options.gmsa_credential_spec_name
    if name is not None:
        yield from check_problems((*path, "gmsaCredentialSpecName"), Named(name), subdomain_problems(name))
    text, where = options.gmsa_credential_spec, (*path, "gmsaCredentialSpec")
    if text == "":
        yield invalid(where, text, "gmsaCredentialSpec cannot be an empty string")
    elif text is not None and byte_length(text) > CREDENTIAL_SPEC_KIB_MAX * 1024:
        yield invalid(where, Named(text), f"gmsaCredentialSpec size must be under {CREDENTIAL_SPEC_KIB_MAX} KiB")
    user = options.run_as_user_name
    if user is not None:
        yield from check_problems((*path, "runAsUserName"), Named(user), user_name_mistakes(user))


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


def check_host_process(spec: PodSpec) -> Iterator[FieldError]:
    """A pod runs in the host's own process space with all of its containers, or with none."""
    pod = spec.security_context
    above = pod.windows_options.host_process if pod is not None and pod.windows_options is not None else None
    found: list[bool] = []
    for path, container in containers_of(spec):
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


def _contexts(spec: PodSpec) -> Iterator[tuple[Path, SecurityContext]]:
    for path, container in containers_of(spec):
        if container.security_context is not None:
            yield (*path, "securityContext"), container.security_context
