"""What Go's JSON encoder does with zero values of the core v1 types; scripts/genmodel turns it into defaults.

The JSON schemas do not tell a pointer from a value. These tables are read off Kubernetes:
staging/src/k8s.io/api/core/v1/types.go and staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go.
"""

from __future__ import annotations

# Types whose objects keep what was derived from them: see kubesim/model/remembered.py. Objects of the others hold
# nothing but values and one another, never in a circle, so Python's collector of cycles need not look at them.
REMEMBERING = {"Pod", "PodSpec", "PodStatus"}

# Time values that Go writes as null when unset: plain metav1.Time fields, on which `omitempty` has no effect.
NULL_WHEN_UNSET = {
    "ContainerStateRunning.startedAt",
    "ContainerStateTerminated.startedAt",
    "ContainerStateTerminated.finishedAt",
    "Event.firstTimestamp",
    "Event.lastTimestamp",
    "Event.eventTime",
    "EventSeries.lastObservedTime",
    "NodeCondition.lastHeartbeatTime",
    "NodeCondition.lastTransitionTime",
    "PodCondition.lastProbeTime",
    "PodCondition.lastTransitionTime",
}

# Structs that are values and not pointers in Go: always written, as {} when empty.
STRUCT_VALUES = {
    "ConfigMap.metadata",
    "Container.resources",
    "ContainerStatus.lastState",
    "ContainerStatus.state",
    "EphemeralContainer.resources",
    "Event.involvedObject",
    "Event.metadata",
    "Event.source",
    "Node.metadata",
    "Node.spec",
    "Node.status",
    "NodeDaemonEndpoints.kubeletEndpoint",
    "NodeStatus.daemonEndpoints",
    "NodeStatus.nodeInfo",
    "PersistentVolumeClaimSpec.resources",
    "PersistentVolumeClaimTemplate.metadata",
    "PersistentVolumeClaimTemplate.spec",
    "Pod.metadata",
    "Pod.spec",
    "Pod.status",
    "PreferredSchedulingTerm.preference",
    "Secret.metadata",
    "Service.metadata",
    "Service.spec",
    "Service.status",
    "ServiceStatus.loadBalancer",
    "WeightedPodAffinityTerm.podAffinityTerm",
}

# Strings without `omitempty`, beyond those that the schemas call required.
ALWAYS_WRITTEN = {"Event.reportingComponent", "Event.reportingInstance", "NodeRuntimeHandler.name"}

# Integers and booleans that are values and not pointers in Go: zero means unset, and is not written.
SCALAR_VALUES = set(
    """
    AWSElasticBlockStoreVolumeSource.partition AWSElasticBlockStoreVolumeSource.readOnly AzureFileVolumeSource.readOnly
    CephFSVolumeSource.readOnly CinderVolumeSource.readOnly Container.stdin Container.stdinOnce Container.tty
    ContainerImage.sizeBytes ContainerPort.hostPort ContainerStateTerminated.signal EphemeralContainer.stdin
    EphemeralContainer.stdinOnce EphemeralContainer.tty Event.count EventSeries.count FCVolumeSource.readOnly
    FlexVolumeSource.readOnly GCEPersistentDiskVolumeSource.partition GCEPersistentDiskVolumeSource.readOnly
    GlusterfsVolumeSource.readOnly ISCSIVolumeSource.chapAuthDiscovery ISCSIVolumeSource.chapAuthSession
    ISCSIVolumeSource.readOnly NFSVolumeSource.readOnly NodeSpec.unschedulable ObjectMeta.generation
    PersistentVolumeClaimVolumeSource.readOnly PodCondition.observedGeneration PodSpec.hostIPC PodSpec.hostNetwork
    PodSpec.hostPID PodStatus.observedGeneration PortworxVolumeSource.readOnly Probe.failureThreshold
    Probe.initialDelaySeconds Probe.periodSeconds Probe.successThreshold Probe.timeoutSeconds
    QuobyteVolumeSource.readOnly RBDVolumeSource.readOnly ScaleIOVolumeSource.readOnly ScaleIOVolumeSource.sslEnabled
    StorageOSVolumeSource.readOnly VolumeMount.readOnly VolumeMountStatus.readOnly
    """.split()  # noqa: SIM905 - a list literal takes a line for each name
)

# Strings that are pointers in Go: unset and empty differ.
STRING_POINTERS = set(
    """
    AppArmorProfile.localhostProfile AzureDiskVolumeSource.cachingMode AzureDiskVolumeSource.fsType
    AzureDiskVolumeSource.kind CSIVolumeSource.fsType ClusterTrustBundleProjection.name
    ClusterTrustBundleProjection.signerName Container.restartPolicy ContainerStatus.stopSignal
    EphemeralContainer.restartPolicy GRPCAction.service HostPathVolumeSource.type ISCSIVolumeSource.initiatorName
    Lifecycle.stopSignal PersistentVolumeClaimSpec.storageClassName PersistentVolumeClaimSpec.volumeAttributesClassName
    PersistentVolumeClaimSpec.volumeMode PodDNSConfigOption.value PodResourceClaim.resourceClaimName
    PodResourceClaim.resourceClaimTemplateName PodResourceClaimStatus.resourceClaimName PodSchedulingGroup.podGroupName
    PodSecurityContext.fsGroupChangePolicy PodSecurityContext.seLinuxChangePolicy
    PodSecurityContext.supplementalGroupsPolicy PodSpec.hostnameOverride PodSpec.preemptionPolicy
    PodSpec.runtimeClassName ResourceHealth.message SeccompProfile.localhostProfile SecurityContext.procMount
    TopologySpreadConstraint.nodeAffinityPolicy TopologySpreadConstraint.nodeTaintsPolicy
    TypedLocalObjectReference.apiGroup TypedObjectReference.apiGroup TypedObjectReference.namespace
    VolumeMount.mountPropagation VolumeMount.recursiveReadOnly VolumeMountStatus.recursiveReadOnly
    WindowsSecurityContextOptions.gmsaCredentialSpec WindowsSecurityContextOptions.gmsaCredentialSpecName
    WindowsSecurityContextOptions.runAsUserName
    """.split()  # noqa: SIM905 - a list literal takes a line for each name
)

# What every Struct of k8s_meta.py and the files after it stands on.
PRELUDE = '''\
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Quantity = str | int | float
"""A resource amount: see `kubesim.model.quantity`."""

IntOrString = int | str
"""A port number or name, or a count or percentage."""

Time = str
"""An RFC 3339 time: see `kubesim.model.timestamps`."""

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


# msgspec leaves out a field that equals its default, but always writes one that has a default_factory (other than list,
# dict and set). These factories mark the fields that Go writes although they are zero.
def written_text() -> str:
    """The zero of a string that is always written."""
    return ""


def written_number() -> int:
    """The zero of an integer that is always written."""
    return 0


def written_false() -> bool:
    """The zero of a boolean that is always written."""
    return False


def written_null() -> None:
    """An unset time that is written as null."""


def written_list() -> list[Any]:
    """An empty list that is always written."""
    return []


def written_dict() -> dict[str, Any]:
    """An empty mapping that is always written."""
    return {}


def written_zero_quantity() -> Quantity:
    """The zero of a quantity that is always written."""
    return "0"


def version_v1() -> Literal["v1"]:
    """The apiVersion of every top-level type here."""
    return "v1"
'''
