"""Objects as an API server prints them inside a message: with the names and the order of its Go fields.

A refusal may hold a part of a pod, and a refused update holds a diff of the whole spec. Upstream prints the types it
works with, which have no JSON names. Mirrors Kubernetes: pkg/apis/core/types.go, and apimachinery:
pkg/util/diff/diff.go, Diff.
"""

from __future__ import annotations

import difflib
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from kubesim.model.go_json_text import go_json_text
from kubesim.model.k8s_v1 import PodSecurityContext, PodSpec

_FIELDS = {
    "PodSpec": (
        "Volumes InitContainers Containers EphemeralContainers RestartPolicy TerminationGracePeriodSeconds "
        "ActiveDeadlineSeconds DNSPolicy NodeSelector ServiceAccountName AutomountServiceAccountToken "
        "NodeName SecurityContext ImagePullSecrets Hostname Subdomain SetHostnameAsFQDN Affinity "
        "SchedulerName Tolerations HostAliases PriorityClassName Priority PreemptionPolicy DNSConfig "
        "ReadinessGates RuntimeClassName Overhead EnableServiceLinks TopologySpreadConstraints OS "
        "SchedulingGates ResourceClaims Resources HostnameOverride SchedulingGroup"
    ),
    "Volume": (
        "Name HostPath EmptyDir GCEPersistentDisk AWSElasticBlockStore GitRepo Secret NFS ISCSI Glusterfs "
        "PersistentVolumeClaim RBD Quobyte FlexVolume Cinder CephFS Flocker DownwardAPI FC AzureFile "
        "ConfigMap VsphereVolume AzureDisk PhotonPersistentDisk Projected PortworxVolume ScaleIO StorageOS "
        "CSI Ephemeral Image"
    ),
    "HostPathVolumeSource": "Path Type",
    "EmptyDirVolumeSource": "Medium SizeLimit",
    "SecretVolumeSource": "SecretName Items DefaultMode Optional",
    "KeyToPath": "Key Path Mode",
    "LocalObjectReference": "Name",
    "PersistentVolumeClaimVolumeSource": "ClaimName ReadOnly",
    "DownwardAPIVolumeSource": "Items DefaultMode",
    "DownwardAPIVolumeFile": "Path FieldRef ResourceFieldRef Mode",
    "ObjectFieldSelector": "APIVersion FieldPath",
    "ResourceFieldSelector": "ContainerName Resource Divisor",
    "ConfigMapVolumeSource": "Name Items DefaultMode Optional",
    "ProjectedVolumeSource": "Sources DefaultMode",
    "VolumeProjection": "Secret DownwardAPI ConfigMap ServiceAccountToken ClusterTrustBundle PodCertificate",
    "SecretProjection": "Name Items Optional",
    "DownwardAPIProjection": "Items",
    "ConfigMapProjection": "Name Items Optional",
    "ServiceAccountTokenProjection": "Audience ExpirationSeconds Path",
    "ClusterTrustBundleProjection": "Name SignerName LabelSelector Optional Path",
    "PodCertificateProjection": (
        "SignerName KeyType MaxExpirationSeconds CredentialBundlePath KeyPath CertificateChainPath UserAnnotations"
    ),
    "ImageVolumeSource": "Reference PullPolicy",
    "Container": (
        "Name Image Command Args WorkingDir Ports EnvFrom Env Resources ResizePolicy RestartPolicy "
        "RestartPolicyRules VolumeMounts VolumeDevices LivenessProbe ReadinessProbe StartupProbe Lifecycle "
        "TerminationMessagePath TerminationMessagePolicy ImagePullPolicy SecurityContext Stdin StdinOnce TTY"
    ),
    "ContainerPort": "Name HostPort ContainerPort Protocol HostIP",
    "EnvFromSource": "Prefix ConfigMapRef SecretRef",
    "ConfigMapEnvSource": "Name Optional",
    "SecretEnvSource": "Name Optional",
    "EnvVar": "Name Value ValueFrom",
    "EnvVarSource": "FieldRef ResourceFieldRef ConfigMapKeyRef SecretKeyRef FileKeyRef",
    "ConfigMapKeySelector": "Name Key Optional",
    "SecretKeySelector": "Name Key Optional",
    "FileKeySelector": "VolumeName Path Key Optional",
    "ResourceRequirements": "Limits Requests Claims",
    "ResourceClaim": "Name Request",
    "ContainerResizePolicy": "ResourceName RestartPolicy",
    "ContainerRestartRule": "Action ExitCodes",
    "ContainerRestartRuleOnExitCodes": "Operator Values",
    "VolumeMount": "Name ReadOnly RecursiveReadOnly MountPath SubPath MountPropagation SubPathExpr",
    "VolumeDevice": "Name DevicePath",
    "Probe": (
        "Exec HTTPGet TCPSocket GRPC InitialDelaySeconds TimeoutSeconds PeriodSeconds SuccessThreshold "
        "FailureThreshold TerminationGracePeriodSeconds"
    ),
    "ExecAction": "Command",
    "HTTPGetAction": "Path Port Host Scheme HTTPHeaders",
    "HTTPHeader": "Name Value",
    "TCPSocketAction": "Port Host",
    "GRPCAction": "Port Service",
    "Lifecycle": "PostStart PreStop StopSignal",
    "LifecycleHandler": "Exec HTTPGet TCPSocket Sleep",
    "SleepAction": "Seconds",
    "SecurityContext": (
        "Capabilities Privileged SELinuxOptions WindowsOptions RunAsUser RunAsGroup RunAsNonRoot "
        "ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount SeccompProfile AppArmorProfile"
    ),
    "Capabilities": "Add Drop",
    "SELinuxOptions": "User Role Type Level",
    "WindowsSecurityContextOptions": "GMSACredentialSpecName GMSACredentialSpec RunAsUserName HostProcess",
    "SeccompProfile": "Type LocalhostProfile",
    "AppArmorProfile": "Type LocalhostProfile",
    "EphemeralContainer": (
        "Name Image Command Args WorkingDir Ports EnvFrom Env Resources ResizePolicy RestartPolicy "
        "RestartPolicyRules VolumeMounts VolumeDevices LivenessProbe ReadinessProbe StartupProbe Lifecycle "
        "TerminationMessagePath TerminationMessagePolicy ImagePullPolicy SecurityContext Stdin StdinOnce TTY "
        "TargetContainerName"
    ),
    "PodSecurityContext": (
        "HostNetwork HostPID HostIPC ShareProcessNamespace HostUsers SELinuxOptions WindowsOptions RunAsUser "
        "RunAsGroup RunAsNonRoot SupplementalGroups SupplementalGroupsPolicy FSGroup FSGroupChangePolicy "
        "Sysctls SeccompProfile AppArmorProfile SELinuxChangePolicy"
    ),
    "Sysctl": "Name Value",
    "Affinity": "NodeAffinity PodAffinity PodAntiAffinity",
    "NodeAffinity": "RequiredDuringSchedulingIgnoredDuringExecution PreferredDuringSchedulingIgnoredDuringExecution",
    "NodeSelector": "NodeSelectorTerms",
    "NodeSelectorTerm": "MatchExpressions MatchFields",
    "NodeSelectorRequirement": "Key Operator Values",
    "PreferredSchedulingTerm": "Weight Preference",
    "PodAffinity": "RequiredDuringSchedulingIgnoredDuringExecution PreferredDuringSchedulingIgnoredDuringExecution",
    "PodAffinityTerm": "LabelSelector Namespaces TopologyKey NamespaceSelector MatchLabelKeys MismatchLabelKeys",
    "WeightedPodAffinityTerm": "Weight PodAffinityTerm",
    "PodAntiAffinity": (
        "RequiredDuringSchedulingIgnoredDuringExecution PreferredDuringSchedulingIgnoredDuringExecution"
    ),
    "Toleration": "Key Operator Value Effect TolerationSeconds",
    "HostAlias": "IP Hostnames",
    "PodDNSConfig": "Nameservers Searches Options",
    "PodDNSConfigOption": "Name Value",
    "PodReadinessGate": "ConditionType",
    "TopologySpreadConstraint": (
        "MaxSkew TopologyKey WhenUnsatisfiable LabelSelector MinDomains NodeAffinityPolicy NodeTaintsPolicy "
        "MatchLabelKeys"
    ),
    "PodOS": "Name",
    "PodSchedulingGate": "Name",
    "PodResourceClaim": "Name ResourceClaimName ResourceClaimTemplateName",
    "PodSchedulingGroup": "PodGroupName",
}
"""Names of the Go fields in their order, by type; those of embedded types in their place."""

_HEADER_LINES = 2
"""Upstream gives its texts no names, and then leaves out the lines that would show them."""

_OF_THE_SPEC = ("HostNetwork", "HostPID", "HostIPC", "ShareProcessNamespace", "HostUsers")
"""Fields of the pod's security context upstream, and of the spec in what users write."""


def go_value(value: Any) -> Any:
    """A value of `k8s_v1` as its Go twin is marshalled: nothing left out, nil for what is empty.

    A type without a row in the table stands as users write it.
    """
    if isinstance(value, list):
        return [go_value(item) for item in value] or None
    if isinstance(value, dict):
        return {key: go_value(value[key]) for key in sorted(value)} or None
    names = _FIELDS.get(type(value).__name__) if isinstance(value, Struct) else None
    if names is None:
        return msgspec.to_builtins(value) if isinstance(value, Struct) else value
    attributes = {name.replace("_", ""): name for name in value.__struct_fields__}
    shown = {name: _member(value, name, attributes) for name in names.split()}
    if isinstance(value, PodSpec):
        own = shown["SecurityContext"] or go_value(PodSecurityContext())
        moved = {name: getattr(value, attributes[name.lower()]) for name in _OF_THE_SPEC}
        shown["SecurityContext"] = {**own, **moved}
    return shown


def _member(value: Struct, name: str, attributes: dict[str, str]) -> Any:
    if isinstance(value, PodSecurityContext) and name in _OF_THE_SPEC:
        # The spec, which is around it, fills these in.
        return None
    return go_value(getattr(value, attributes[name.lower()]))


def spec_diff(old: PodSpec, new: PodSpec) -> str:
    """A unified diff of two specs, as a refused update shows it."""
    before, after = (go_json_text(go_value(spec), indent=1) for spec in (old, new))
    # Upstream splits at line ends and gives the last line one as well.
    one, other = ([f"{line}\n" for line in text.split("\n")] for text in (before, after))
    return "".join(islice(difflib.unified_diff(one, other), _HEADER_LINES, None))
