"""What an emptyDir volume lies on: the node's disk, a tmpfs of a bounded size, or huge pages that the pod asked for.

Mirrors Kubernetes: pkg/volume/emptydir/empty_dir.go (SetUpAt, calculateEmptyDirMemorySize, getPageSizeMountOption).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.errors import InputError
from kubesim.kubelet.pod_cgroups import wanted_cgroup
from kubesim.model import k8s_v1 as v1
from kubesim.model.quantity import parse_quantity, whole_units
from kubesim.policy.cri_resources import DEFAULT_QUOTA
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.go_quote import go_quote

MEMORY, HUGE_PAGES = "Memory", "HugePages"
_PAGES_OF_RESOURCE = "hugepages-"
_SIZED = "SizeMemoryBackedVolumes"
"""A gate that is gone since 1.35, and on."""


def tmpfs_bytes(
    pod: v1.Pod,
    allocatable: Mapping[str, v1.Quantity],
    gates: Mapping[str, bool],
    *,
    size_limit: v1.Quantity | None = None,
) -> int | None:
    """The size of a volume in memory: its own limit, that of the pod, or what pods can have, whichever is least.

    None leaves it to the node.
    """
    if not gates.get(_SIZED, True):
        return None
    bounds = [
        whole_units(allocatable.get("memory", "0")),
        wanted_cgroup(pod, gates, DEFAULT_QUOTA).memory_limit_bytes or 0,
        0 if size_limit is None else whole_units(size_limit),
    ]
    return min((bound for bound in bounds if bound > 0), default=None)


def medium_problem(pod: v1.Pod, medium: str, gates: Mapping[str, bool]) -> str:
    """Why there is no volume on such a medium; empty when there is one."""
    if medium in ("", MEMORY):
        return ""
    if medium != HUGE_PAGES and not medium.startswith(f"{HUGE_PAGES}-"):
        return f"unknown storage medium {go_quote(medium)}"
    try:
        wanted = None if medium == HUGE_PAGES else parse_quantity(medium.removeprefix(f"{HUGE_PAGES}-")).nano
        sizes = {parse_quantity(size).nano for size in _requested_page_sizes(pod, gates)}
    except InputError as error:
        return error.what
    if wanted is None and len(sizes) > 1:
        return f"medium: {medium} can't be used if container requests multiple huge page sizes"
    if not sizes or wanted not in {None, *sizes}:
        return f"medium {medium}: hugePages storage requested, but there is no resource request for huge pages"
    return ""


def _requested_page_sizes(pod: v1.Pod, gates: Mapping[str, bool]) -> list[str]:
    spec = pod.spec
    requests = [one.resources.requests for one in (*spec.containers, *spec.init_containers)]
    if spec.resources is not None and gate_enabled(gates, "PodLevelResources"):
        requests.append(spec.resources.requests)
    return [
        name.removeprefix(_PAGES_OF_RESOURCE) for one in requests for name in one if name.startswith(_PAGES_OF_RESOURCE)
    ]
