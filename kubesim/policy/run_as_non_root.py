"""runAsNonRoot: does the container start as somebody who is not root?

A refusal is the text of the waiting state CreateContainerConfigError.

Mirrors kubelet: pkg/kubelet/kuberuntime/security_context_others.go and security_context_windows.go,
verifyRunAsNonRoot; pkg/kubelet/kuberuntime/kuberuntime_container_windows.go for the user name. Before 1.34 a numeric
user of the image was only compared with 0 (kubernetes/kubernetes#130871).
"""

from __future__ import annotations

from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.policy.pod_security import ContainerSecurity, ImageUser, PodSecurity, effective_security

RANGE_CHECK_MINOR = 34
"""The first minor version that refuses an image whose user id no system can have."""

_UID_MAX = 2_147_483_647
_WINDOWS_ADMINISTRATOR = "containeradministrator"


def run_as_non_root_problem(
    pod: PodSecurity,
    container: ContainerSecurity,
    image: ImageUser,
    *,
    pod_display_name: str,
    container_name: str,
    minor: int = LAST_MINOR,
) -> str | None:
    """The kubelet's refusal on Linux, or None when the container may start.

    `pod_display_name` is PodView.display_name. `image` is what ImageStatus says of the image named in the spec. The
    group is never looked at. `minor` is the kubelet's.
    """
    effective = effective_security(pod, container)
    if not effective.run_as_non_root:
        return None
    where = f'(pod: "{pod_display_name}", container: {container_name})'
    if effective.run_as_user is not None:
        return f"container's runAsUser breaks non-root policy {where}" if effective.run_as_user == 0 else None
    if image.uid is None and image.username:
        user = f"has non-numeric user ({image.username}), cannot verify user is non-root"
        return f"container has runAsNonRoot and image {user} {where}"
    if not image.uid:
        return f"container has runAsNonRoot and image will run as root {where}"
    if minor >= RANGE_CHECK_MINOR and not 0 <= image.uid <= _UID_MAX:
        bounds = f"must be between 0 and {_UID_MAX}, inclusive"
        problem = f"has an invalid user id ({image.uid}). (Must be 1-({_UID_MAX})): {bounds}"
        return f"container has runAsNonRoot and image {problem} {where}"
    return None


def windows_run_as_non_root_problem(
    pod: PodSecurity, container: ContainerSecurity, image: ImageUser, *, pod_display_name: str, container_name: str
) -> str | None:
    """The kubelet's refusal on Windows: only the name ContainerAdministrator, in any case, counts as root."""
    effective = effective_security(pod, container)
    if not effective.run_as_non_root:
        return None
    for field, name in (("runAsUserName", effective.run_as_user_name), ("runAsUser", image.username)):
        if name:
            if name.lower() != _WINDOWS_ADMINISTRATOR:
                return None
            where = f'(pod: "{pod_display_name}", container: {container_name})'
            broken = "which will be regarded as root identity and will break non-root policy"
            return f"container's {field} ({name}) {broken} {where}"
    return None


def windows_user_name(pod: PodSecurity, container: ContainerSecurity, image: ImageUser) -> str:
    """WindowsContainerSecurityContext.run_as_username: the container's, else the pod's, else the image's."""
    return effective_security(pod, container).run_as_user_name or image.username
