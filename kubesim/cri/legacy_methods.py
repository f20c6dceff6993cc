"""CRI v1alpha2: the RPCs of the CRI of 2021 under their old service names, with the messages of v1.

The fields that v1alpha2 has are those of v1 with the same numbers, so one set of message classes serves both.
Mirrors cri-api: pkg/apis/runtime/v1alpha2/api.proto at 0.25, the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from kubesim.cri.methods import METHODS, Method

V1ALPHA2 = "runtime.v1alpha2"

# The service was frozen when v1 came: what is younger is not in it.
_RPCS = (
    "Version", "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "PodSandboxStatus", "ListPodSandbox",
    "CreateContainer", "StartContainer", "StopContainer", "RemoveContainer", "ListContainers", "ContainerStatus",
    "UpdateContainerResources", "ReopenContainerLog", "ExecSync", "Exec", "Attach", "PortForward", "ContainerStats",
    "ListContainerStats", "PodSandboxStats", "ListPodSandboxStats", "UpdateRuntimeConfig", "Status",
    "ListImages", "ImageStatus", "PullImage", "RemoveImage", "ImageFsInfo",
)  # fmt: skip


def _legacy(method: Method) -> Method:
    service = f"{V1ALPHA2}.{method.service.rpartition('.')[2]}"
    return replace(method, service=service, full_name=f"/{service}/{method.name}", api_version="v1alpha2")


LEGACY_METHODS: Mapping[str, tuple[Method, ...]] = MappingProxyType(
    {V1ALPHA2: tuple(_legacy(METHODS[name]) for name in _RPCS)}
)
"""The methods of each older package, by its name."""
