"""What becomes of a volumeMount's recursiveReadOnly, and what the status shows of each mount.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, resolveRecursiveReadOnly and convertToAPIContainerStatuses.
"""

from __future__ import annotations

from kubesim.policy.pod_view import VolumeMountStatus, VolumeMountView


class RecursiveReadOnlyError(Exception):
    """The mount can not be made as asked; the container waits with CreateContainerConfigError and this text."""


def resolve_recursive_read_only(mount: VolumeMountView, *, runtime_supports_it: bool) -> bool:
    """Whether the mount is made read-only recursively.

    `runtime_supports_it` is what the pod's runtime handler reported (False when the runtime lists no handlers).

    Raises:
        RecursiveReadOnlyError: with the kubelet's text; the caller adds its prefix
            `failed to resolve recursive read-only mode: `.
    """
    mode = mount.recursive_read_only
    if mode is None or mode == "Disabled":
        return False
    requested = f'volume "{mount.name}" requested recursive read-only mode, but it is not'
    if not mount.read_only:
        raise RecursiveReadOnlyError(f"{requested} read-only")
    if mount.propagation is not None and mount.propagation != "None":
        raise RecursiveReadOnlyError(f'{requested} compatible with propagation "{mount.propagation}"')
    if mode == "Enabled" and not runtime_supports_it:
        raise RecursiveReadOnlyError(f"{requested} supported by the runtime")
    if mode not in {"Enabled", "IfPossible"}:
        raise RecursiveReadOnlyError(f'unknown recursive read-only mode "{mode}"')
    return runtime_supports_it


def volume_mount_statuses(
    mounts: tuple[VolumeMountView, ...], *, runtime_supports_it: bool
) -> tuple[VolumeMountStatus, ...]:
    """containerStatuses[].volumeMounts of one container; a mount that can not be resolved shows Disabled."""
    return tuple(
        VolumeMountStatus(
            name=mount.name,
            mount_path=mount.mount_path,
            read_only=mount.read_only,
            recursive_read_only=_shown(mount, runtime_supports_it) if mount.read_only else None,
        )
        for mount in mounts
    )


def _shown(mount: VolumeMountView, runtime_supports_it: bool) -> str:
    try:
        enabled = resolve_recursive_read_only(mount, runtime_supports_it=runtime_supports_it)
    except RecursiveReadOnlyError:
        return "Disabled"
    return "Enabled" if enabled else "Disabled"
