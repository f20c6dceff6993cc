"""May memory limits become smaller? Not below what is in use.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, validateMemoryResizeAction.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.policy.resize_plan import ContainerResize


def decreasing_memory_limits(resizes: Mapping[str, ContainerResize]) -> dict[str, int]:
    """The new memory limits, in bytes by container, that are smaller than the old ones or the first ones."""
    return {
        name: resize.desired.memory_limit_bytes
        for name, resize in resizes.items()
        if resize.desired.memory_limit_bytes
        and (
            not resize.current.memory_limit_bytes
            or resize.desired.memory_limit_bytes < resize.current.memory_limit_bytes
        )
    }


def memory_decrease_problem(
    *,
    pod_limit_bytes: int | None,
    pod_usage_bytes: int | None,
    container_limits_bytes: Mapping[str, int],
    container_usage_bytes: Mapping[str, int | None],
) -> str:
    """Why the limits cannot be lowered now; empty when they can.

    `pod_limit_bytes` is the new limit of the pod where that one shrinks, else None. Usage is None where it is not
    known. The usage that a container's text names is the pod's, as upstream's is.
    """
    problems: list[str] = []
    if pod_limit_bytes is not None:
        if pod_usage_bytes is None:
            problems.append("missing pod memory usage")
        elif pod_usage_bytes >= pod_limit_bytes:
            problems.append(
                f"attempting to set pod memory limit ({pod_limit_bytes}) below current usage ({pod_usage_bytes})"
            )
    for name, used_bytes in container_usage_bytes.items():
        if name not in container_limits_bytes:
            continue
        limit_bytes = container_limits_bytes[name]
        if used_bytes is None:
            problems.append(f'missing container "{name}" memory usage')
        elif used_bytes >= limit_bytes:
            problems.append(
                f'attempting to set container "{name}" memory limit ({limit_bytes}) '
                f"below current usage ({pod_usage_bytes or 0})"
            )
    if not problems:
        return ""
    # Go's aggregate names an error once, and brackets several.
    distinct = list(dict.fromkeys(problems))
    text = distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"
    return f"cannot decrease memory limits: {text}"
