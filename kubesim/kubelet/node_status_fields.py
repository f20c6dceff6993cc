"""The parts of a node's status that depend on the runtime's answers, the kubelet's version and its gates.

Mirrors kubelet: pkg/kubelet/nodestatus/setters.go (VersionInfo, Images, RuntimeHandlers, NodeFeatures),
pkg/kubelet/kuberuntime/kuberuntime_manager.go (newRuntimeVersion), apimachinery pkg/util/version/version.go and
component-helpers nodedeclaredfeatures/features/registry.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from kubesim.cri import api
from kubesim.kubelet.node_description import HostIdentity, NodeDescription
from kubesim.kubelet.runtime_state import RuntimeFeatures, RuntimeHandler
from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import format_rfc3339, parse_rfc3339
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.node_conditions import CONDITION_TYPES, NodeCondition

NAMES_PER_IMAGE_MAX = 5

UNKNOWN_VERSION = "Unknown"

_DECLARED_BY_GATE = (
    "ExtendWebSocketsToKubelet",
    "InPlacePodLevelResourcesVerticalScaling",
    "InPlacePodVerticalScalingInitContainers",
    "RestartAllContainersOnContainerExits",
)
_VERSION = re.compile(r"\s*v?([0-9]+(?:\.[0-9]+)*)(.*)", re.DOTALL)
_EXTRA = re.compile(r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?\s*")
_HANDLERS_MINOR = 30
_HANDLERS_BY_EITHER_GATE_MINOR = 31
_SWAP_MINOR = 33


def runtime_version_text(version: str) -> str:
    """A runtime's version as the kubelet prints it: `v1.7.29` is `1.7.29`, `2.4.0-beta+x` stays; else "Unknown".

    A semantic version keeps its pre-release and build parts; anything else with two numbers keeps only the numbers.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        return UNKNOWN_VERSION
    numbers = match[1].split(".")
    extra = _EXTRA.fullmatch(match[2])
    is_semantic = len(numbers) == 3 and not any(_has_leading_zero(number) for number in numbers)
    if is_semantic and extra is not None and not any(_has_leading_zero(part) for part in (extra[1] or "").split(".")):
        return ".".join(numbers) + (f"-{extra[1]}" if extra[1] else "") + (f"+{extra[2]}" if extra[2] else "")
    if len(numbers) < 2 or _has_leading_zero(numbers[0]):
        return UNKNOWN_VERSION
    return ".".join(str(int(number)) for number in numbers)


def is_ready(status: v1.NodeStatus) -> bool:
    """Whether a node says that it is."""
    return any(one.type == "Ready" and one.status == "True" for one in status.conditions)


def proxy_version(kubelet_version: str, *, gates: Mapping[str, bool]) -> str:
    """nodeInfo.kubeProxyVersion repeats the kubelet's; DisableNodeKubeProxyVersion, on since 1.33, leaves it empty."""
    return "" if gate_enabled(gates, "DisableNodeKubeProxyVersion") else kubelet_version


def node_system_info(
    description: NodeDescription, identity: HostIdentity, runtime_version: str, *, gates: Mapping[str, bool]
) -> v1.NodeSystemInfo:
    """nodeInfo; `runtime_version` with the name of the runtime, `containerd://2.3.4`."""
    return v1.NodeSystemInfo(
        architecture=description.architecture,
        boot_id=identity.boot_id,
        container_runtime_version=runtime_version,
        kernel_version=identity.kernel_version,
        kube_proxy_version=proxy_version(description.full_version, gates=gates),
        kubelet_version=description.full_version,
        machine_id=identity.machine_id,
        operating_system=description.os,
        os_image=identity.os_image,
        system_uuid=identity.system_uuid,
        swap=swap_status(identity.swap_bytes, gates=gates, minor=description.minor),
    )


def node_addresses(description: NodeDescription) -> list[v1.NodeAddress]:
    """The addresses of the node, then its host name."""
    addresses = [v1.NodeAddress(type="InternalIP", address=ip) for ip in description.internal_ips]
    return [*addresses, v1.NodeAddress(type="Hostname", address=description.hostname or description.name)]


def swap_status(swap_bytes: int, *, gates: Mapping[str, bool], minor: int) -> v1.NodeSwapStatus | None:
    """nodeInfo.swap; absent on a node without swap."""
    if not swap_bytes or minor < _SWAP_MINOR or not gate_enabled(gates, "NodeSwap"):
        return None
    return v1.NodeSwapStatus(capacity=swap_bytes)


def node_images(images: Iterable[api.Image], *, images_max: int) -> list[v1.ContainerImage]:
    """The images on the node, largest first, at most `images_max` (-1: all), each with at most five names."""
    ordered = sorted(images, key=lambda image: (image.size, image.id), reverse=True)
    if images_max > -1:
        ordered = ordered[:images_max]
    return [
        v1.ContainerImage(
            names=[*image.repo_digests, *image.repo_tags][:NAMES_PER_IMAGE_MAX], size_bytes=int(image.size)
        )
        for image in ordered
    ]


def runtime_handlers(
    handlers: Sequence[RuntimeHandler], *, gates: Mapping[str, bool], minor: int
) -> list[v1.NodeRuntimeHandler] | None:
    """status.runtimeHandlers; None leaves what the node already says.

    1.30 has the field behind one gate and knows only recursive read-only mounts; from 1.31 on either gate opens it.
    """
    is_shown = gate_enabled(gates, "RecursiveReadOnlyMounts")
    if minor >= _HANDLERS_BY_EITHER_GATE_MINOR:
        is_shown = is_shown or gate_enabled(gates, "UserNamespacesSupport")
    if not is_shown or minor < _HANDLERS_MINOR:
        return None
    return [
        v1.NodeRuntimeHandler(
            name=one.name,
            features=v1.NodeRuntimeHandlerFeatures(
                recursive_read_only_mounts=one.recursive_read_only_mounts,
                user_namespaces=one.user_namespaces if minor >= _HANDLERS_BY_EITHER_GATE_MINOR else None,
            ),
        )
        for one in handlers
    ]


def node_features(features: RuntimeFeatures | None, *, gates: Mapping[str, bool]) -> v1.NodeFeatures | None:
    """status.features; None leaves what the node already says, which for a new node is nothing.

    The field is absent while the gate is off, and for a runtime that sends no features. It is false for one that sends
    them without this one.
    """
    if features is None or not gate_enabled(gates, "SupplementalGroupsPolicy"):
        return None
    return v1.NodeFeatures(supplemental_groups_policy=features.supplemental_groups_policy)


def declared_features(features: RuntimeFeatures | None, *, gates: Mapping[str, bool]) -> list[str]:
    """status.declaredFeatures, sorted; [] while the gate NodeDeclaredFeatures is off."""
    if not gate_enabled(gates, "NodeDeclaredFeatures"):
        return []
    declared = [name for name in _DECLARED_BY_GATE if gate_enabled(gates, name)]
    has_host_network = features is not None and features.user_namespaces_host_network
    if has_host_network and gate_enabled(gates, "UserNamespacesHostNetworkSupport"):
        declared.append("UserNamespacesHostNetworkSupport")
    return sorted(declared)


def condition_value(condition: v1.NodeCondition) -> NodeCondition:
    """A condition of the API as a value of the policy room."""
    return NodeCondition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        last_transition_ns=_time_ns(condition.last_transition_time),
        last_heartbeat_ns=_time_ns(condition.last_heartbeat_time),
    )


def merged_conditions(old: Sequence[v1.NodeCondition], new: Sequence[NodeCondition]) -> list[v1.NodeCondition]:
    """The conditions of the API with the kubelet's own replaced where they stand, new ones at the end."""
    ours = {one.type: _condition_struct(one) for one in new}
    kept = [ours.pop(one.type, one) for one in old]
    return [*kept, *ours.values()]


def without_heartbeats(status: v1.NodeStatus) -> v1.NodeStatus:
    """What of a status is news when it changes."""
    return replace(status, conditions=[replace(one, last_heartbeat_time=None) for one in status.conditions])


def with_heartbeats(status: v1.NodeStatus, *, now_ns: int) -> v1.NodeStatus:
    """The status again, with nothing new but that the kubelet's own conditions were looked at now."""
    now = _time_text(now_ns)
    conditions = [
        replace(one, last_heartbeat_time=now) if one.type in CONDITION_TYPES else one for one in status.conditions
    ]
    return replace(status, conditions=conditions)


def _condition_struct(condition: NodeCondition) -> v1.NodeCondition:
    return v1.NodeCondition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        last_transition_time=_time_text(condition.last_transition_ns),
        last_heartbeat_time=_time_text(condition.last_heartbeat_ns),
    )


def _time_ns(text: str | None) -> int | None:
    return None if text is None else parse_rfc3339(text)


def _time_text(time_ns: int | None) -> str | None:
    return None if time_ns is None else format_rfc3339(time_ns)


def _has_leading_zero(number: str) -> bool:
    return number.isdigit() and number.startswith("0") and number != "0"
