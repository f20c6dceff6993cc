"""The 43 RPCs of CRI v1, and what a runtime says that does not serve one.

Mirrors grpc-go: server.go, handleStream ("unknown method"); cri-api: pkg/apis/runtime/v1/api.pb.go, the generated
Unimplemented servers; CRI-O: server/metric_descriptors_list.go (1.28).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubesim.policy.runtime_profile import RuntimeProfile

_RUNTIME_RPCS = (
    "Version", "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "PodSandboxStatus", "ListPodSandbox",
    "StreamPodSandboxes", "CreateContainer", "StartContainer", "StopContainer", "RemoveContainer", "ListContainers",
    "StreamContainers", "ContainerStatus", "UpdateContainerResources", "ReopenContainerLog", "ExecSync", "Exec",
    "Attach", "PortForward", "ContainerStats", "ListContainerStats", "StreamContainerStats", "PodSandboxStats",
    "ListPodSandboxStats", "StreamPodSandboxStats", "UpdateRuntimeConfig", "Status", "CheckpointContainer",
    "CheckpointPod", "RestorePod", "GetContainerEvents", "ListMetricDescriptors", "ListPodSandboxMetrics",
    "StreamPodSandboxMetrics", "RuntimeConfig", "UpdatePodSandboxResources",
)  # fmt: skip
_IMAGE_RPCS = ("ListImages", "StreamImages", "ImageStatus", "PullImage", "RemoveImage", "ImageFsInfo")
CRI_RPCS = _RUNTIME_RPCS + _IMAGE_RPCS
"""The names of all RPCs; unique across both services."""

_MESSAGES = {
    "unimplemented-method": "method {method} not implemented",
    "unimplemented-plain": "method unimplemented",
    "unknown-method": "unknown method {method} for service runtime.v1.{service}",
    "not-implemented-yet": "not implemented yet",
    "not-implemented": "not implemented",
    "disabled": "checkpoint/restore support not available",
}
_UNKNOWN = ("not-implemented-yet", "disabled")


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRefusal:
    """How a call is refused before any handler sees it."""

    code: Literal["UNIMPLEMENTED", "UNKNOWN"]
    """The name of the gRPC code."""
    message: str


def rpc_refusal(profile: RuntimeProfile, rpc: str) -> RpcRefusal | None:
    """Why the runtime does not serve an RPC; None when it does, or answers with an empty stream."""
    answer = profile.rpcs[rpc]
    if answer in ("served", "ends-at-once"):
        return None
    service = "ImageService" if rpc in _IMAGE_RPCS else "RuntimeService"
    message = _MESSAGES[answer].format(method=rpc, service=service)
    return RpcRefusal(code="UNKNOWN" if answer in _UNKNOWN else "UNIMPLEMENTED", message=message)


def rpc_refusals(profile: RuntimeProfile) -> dict[str, RpcRefusal]:
    """The refusals of all RPCs that the runtime does not serve, by name."""
    refusals = ((rpc, rpc_refusal(profile, rpc)) for rpc in CRI_RPCS)
    return {rpc: refusal for rpc, refusal in refusals if refusal is not None}


def is_stream_empty(profile: RuntimeProfile, rpc: str) -> bool:
    """Whether the stream ends with OK at once."""
    return profile.rpcs[rpc] == "ends-at-once"
