"""The cgroup of a pod: its path in the words of the cgroup driver, and what a runtime says to one of the other driver.

Mirrors kubelet: pkg/kubelet/cm/pod_container_manager_linux.go (GetPodContainerName) and cgroup_manager_linux.go
(ToSystemd, ToCgroupfs); containerd: internal/cri/server/helpers.go, getCgroupsPath; runc:
libcontainer/specconv/spec_linux.go, CreateCgroupConfig; CRI-O: internal/config/cgmgr, SandboxCgroupPath.
"""

from __future__ import annotations

from posixpath import join

from kubesim.policy.go_quote import go_quote
from kubesim.policy.qos import QosClass
from kubesim.policy.runtime_profile import RuntimeProfile

_TASK_CREATE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
)


def pod_cgroup_parent(*, driver: str, qos: QosClass, uid: str) -> str:
    """`linux.cgroup_parent` of a pod's sandbox. A Guaranteed pod has no level of its own QoS class.

    >>> pod_cgroup_parent(driver="systemd", qos=QosClass.BURSTABLE, uid="a-b")
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda_b.slice'
    """
    level = "" if qos is QosClass.GUARANTEED else qos.value.lower()
    if driver == "systemd":
        # A dash separates levels in the name of a slice.
        name = uid.replace("-", "_")
        if not level:
            return f"/kubepods.slice/kubepods-pod{name}.slice"
        return f"/kubepods.slice/kubepods-{level}.slice/kubepods-{level}-pod{name}.slice"
    return f"/kubepods/{level}/pod{uid}" if level else f"/kubepods/pod{uid}"


def cgroup_parent_refusal(
    cgroup_parent: str, *, driver: str, profile: RuntimeProfile, sandbox_id: str = ""
) -> str | None:
    """Why RunPodSandbox fails under this cgroup parent; None when it does not.

    containerd hands the parent on. runc with the systemd driver wants `slice:prefix:name`, which containerd only writes
    for a parent that is a slice; runc with the cgroupfs driver takes any path, a slice too. CRI-O checks both itself.
    """
    is_slice = cgroup_parent.rstrip("/").rpartition("/")[2].endswith(".slice")
    if profile.sandboxes.cgroup_parent_check == "oci-runtime":
        if driver == "cgroupfs" or not cgroup_parent or is_slice:
            return None
        path = go_quote(join(cgroup_parent, sandbox_id) if sandbox_id else cgroup_parent)
        return (
            f'{_TASK_CREATE}expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got {path} '
            "instead"
        )
    if driver == "systemd" and cgroup_parent and not is_slice:
        return f"cri-o configured with systemd cgroup manager, but did not receive slice as parent: {cgroup_parent}"
    if driver == "cgroupfs" and is_slice:
        return f"cri-o configured with cgroupfs cgroup manager, but received systemd slice as parent: {cgroup_parent}"
    return None


def container_cgroups_path(cgroup_parent: str, container_id: str) -> str:
    """The cgroupsPath containerd writes into an OCI spec.

    >>> container_cgroups_path("/a.slice/a-b.slice", "c1")
    'a-b.slice:cri-containerd:c1'
    """
    last = cgroup_parent.rstrip("/").rpartition("/")[2]
    if last.endswith(".slice"):
        return f"{last}:cri-containerd:{container_id}"
    return join(cgroup_parent, container_id)
