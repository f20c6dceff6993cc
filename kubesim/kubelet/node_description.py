"""What the machine under a kubelet is: name, size, addresses, versions. And what is kept back of it from pods.

Mirrors kubelet: pkg/kubelet/kubelet_node_status.go (initialNode) and pkg/kubelet/nodestatus/setters.go (MachineInfo).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubesim.kernel import Ids, Prng
from kubesim.model.frozen_records import replace
from kubesim.model.k8s_v1 import Quantity, Taint
from kubesim.model.quantity import parse_quantity
from kubesim.policy.node_allocatable import allocatable

LINUX_CAPACITY: Mapping[str, Quantity] = {
    "cpu": "4",
    "memory": "16Gi",
    "ephemeral-storage": "100Gi",
    "hugepages-1Gi": "0",
    "hugepages-2Mi": "0",
}
"""The size of a node that nobody described: a small cloud machine."""
WINDOWS_CAPACITY: Mapping[str, Quantity] = {"cpu": "4", "memory": "16Gi", "ephemeral-storage": "100Gi"}

WINDOWS_BUILD_LABEL = "node.kubernetes.io/windows-build"
ATTACH_DETACH_ANNOTATION = "volumes.kubernetes.io/controller-managed-attach-detach"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIdentity:
    """Facts of the machine that only show up in status.nodeInfo. Empty ids are drawn from the kernel's seed."""

    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel_version: str = ""
    os_image: str = ""
    swap_bytes: int = 0


LINUX_IDENTITY = HostIdentity(kernel_version="6.12.57+deb13-amd64", os_image="Debian GNU/Linux 13 (trixie)")
WINDOWS_IDENTITY = HostIdentity(kernel_version="10.0.20348.4405", os_image="Windows Server 2022 Datacenter")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDescription:
    """One node.

    `capacity` are quantities by resource without pods, which is `pods_max`; None is LINUX_CAPACITY or WINDOWS_CAPACITY.
    `reserved` is systemReserved and kubeReserved, `eviction_hard` the hard thresholds by signal (a quantity or a
    percentage): both are taken off what pods may use. `kubelet_version` is "1.36" or "1.36.2".
    """

    name: str
    os: str = "linux"
    architecture: str = "amd64"
    kubelet_version: str = "1.36"
    hostname: str = ""
    internal_ips: tuple[str, ...] = ("192.0.2.2",)
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    provider_id: str = ""
    capacity: Mapping[str, Quantity] | None = None
    pods_max: int = 110
    reserved: tuple[Mapping[str, Quantity], ...] = ()
    eviction_hard: Mapping[str, str] = field(default_factory=dict)
    identity: HostIdentity | None = None

    @property
    def all_capacity(self) -> dict[str, Quantity]:
        """status.capacity, pods included."""
        capacity = self.capacity
        if capacity is None:
            capacity = WINDOWS_CAPACITY if self.os == "windows" else LINUX_CAPACITY
        return {**{name: str(parse_quantity(amount)) for name, amount in capacity.items()}, "pods": str(self.pods_max)}

    @property
    def host_identity(self) -> HostIdentity:
        """The identity, with the defaults of the operating system."""
        if self.identity is not None:
            return self.identity
        return WINDOWS_IDENTITY if self.os == "windows" else LINUX_IDENTITY

    @property
    def full_version(self) -> str:
        """The kubelet's version as it prints itself: `v1.36.2`."""
        version = self.kubelet_version.removeprefix("v")
        return f"v{version}" if version.count(".") >= 2 else f"v{version}.0"

    @property
    def minor(self) -> int:
        """36 for 1.36."""
        return int(self.kubelet_version.removeprefix("v").split(".")[1])

    @property
    def all_labels(self) -> dict[str, str]:
        """The labels with which the node is registered; given ones win."""
        labels = {
            "kubernetes.io/hostname": self.hostname or self.name,
            "kubernetes.io/os": self.os,
            "kubernetes.io/arch": self.architecture,
            "beta.kubernetes.io/os": self.os,
            "beta.kubernetes.io/arch": self.architecture,
        }
        if self.os == "windows":
            labels[WINDOWS_BUILD_LABEL] = ".".join(self.host_identity.kernel_version.split(".")[:3])
        return {**labels, **self.labels}

    def allocatable(self, capacity: Mapping[str, Quantity]) -> dict[str, Quantity]:
        """What pods may use of a capacity. Raises InputError for a quantity or a threshold that is none."""
        return allocatable(capacity, reserved=self.reserved, eviction_hard=self.eviction_hard)


def identified(description: NodeDescription, prng: Prng) -> HostIdentity:
    """The host's identity, ids that are not given drawn from the seed: the same ones for every process on that node."""
    identity = description.host_identity
    ids = Ids(prng.fork(f"host {description.name}"))
    drawn = HostIdentity(machine_id=ids.hex(32), system_uuid=ids.uuid(), boot_id=ids.uuid())
    return replace(
        identity,
        machine_id=identity.machine_id or drawn.machine_id,
        system_uuid=identity.system_uuid or drawn.system_uuid,
        boot_id=identity.boot_id or drawn.boot_id,
    )
