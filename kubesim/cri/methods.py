"""The table of the 43 CRI methods, read from the descriptor.

A caller names a method by its constant (`methods.RUN_POD_SANDBOX`); a table of handlers or a fault rule finds it by
its RPC name (`METHODS["RunPodSandbox"]`). RPC names are unique across both services; a test says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from kubesim.cri.descriptors import FILE, message_class

RUNTIME_SERVICE = "runtime.v1.RuntimeService"
IMAGE_SERVICE = "runtime.v1.ImageService"


# There is one Method object per RPC, so identity is equality, and a dict keyed by methods hashes an address.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Method:
    """One RPC of the contract: what it is called, what goes in, what comes out."""

    service: str
    """The full name of the service, such as `runtime.v1.RuntimeService`."""
    name: str
    """The name of the RPC, such as `Version`."""
    full_name: str
    """The path of the RPC on the wire, such as `/runtime.v1.RuntimeService/Version`."""
    request_type: type[Message]
    """The class of the one request message; no CRI method takes a stream."""
    response_type: type[Message]
    """The class of the response message, or of each message of the response stream."""
    server_streaming: bool
    """True when the answer is a stream: such a method goes to `Cri.stream`, all others to `Cri.call`."""
    api_version: str = "v1"
    """The version in the name of the service; `legacy_methods` has those of an older one."""

    def __str__(self) -> str:
        return self.full_name


def _method(descriptor: MethodDescriptor) -> Method:
    service = descriptor.containing_service.full_name
    return Method(
        service=service,
        name=descriptor.name,
        full_name=f"/{service}/{descriptor.name}",
        request_type=message_class(descriptor.input_type),
        response_type=message_class(descriptor.output_type),
        server_streaming=descriptor.server_streaming,
    )


METHODS: Mapping[str, Method] = MappingProxyType(
    {method.name: _method(method) for service in FILE.services_by_name.values() for method in service.methods}
)
"""Every method by its RPC name, in the order of the proto."""

VERSION = METHODS["Version"]
RUN_POD_SANDBOX = METHODS["RunPodSandbox"]
STOP_POD_SANDBOX = METHODS["StopPodSandbox"]
REMOVE_POD_SANDBOX = METHODS["RemovePodSandbox"]
POD_SANDBOX_STATUS = METHODS["PodSandboxStatus"]
LIST_POD_SANDBOX = METHODS["ListPodSandbox"]
STREAM_POD_SANDBOXES = METHODS["StreamPodSandboxes"]
CREATE_CONTAINER = METHODS["CreateContainer"]
START_CONTAINER = METHODS["StartContainer"]
STOP_CONTAINER = METHODS["StopContainer"]
REMOVE_CONTAINER = METHODS["RemoveContainer"]
LIST_CONTAINERS = METHODS["ListContainers"]
STREAM_CONTAINERS = METHODS["StreamContainers"]
CONTAINER_STATUS = METHODS["ContainerStatus"]
UPDATE_CONTAINER_RESOURCES = METHODS["UpdateContainerResources"]
REOPEN_CONTAINER_LOG = METHODS["ReopenContainerLog"]
EXEC_SYNC = METHODS["ExecSync"]
EXEC = METHODS["Exec"]
ATTACH = METHODS["Attach"]
PORT_FORWARD = METHODS["PortForward"]
CONTAINER_STATS = METHODS["ContainerStats"]
LIST_CONTAINER_STATS = METHODS["ListContainerStats"]
STREAM_CONTAINER_STATS = METHODS["StreamContainerStats"]
POD_SANDBOX_STATS = METHODS["PodSandboxStats"]
LIST_POD_SANDBOX_STATS = METHODS["ListPodSandboxStats"]
STREAM_POD_SANDBOX_STATS = METHODS["StreamPodSandboxStats"]
UPDATE_RUNTIME_CONFIG = METHODS["UpdateRuntimeConfig"]
STATUS = METHODS["Status"]
CHECKPOINT_CONTAINER = METHODS["CheckpointContainer"]
CHECKPOINT_POD = METHODS["CheckpointPod"]
RESTORE_POD = METHODS["RestorePod"]
GET_CONTAINER_EVENTS = METHODS["GetContainerEvents"]
LIST_METRIC_DESCRIPTORS = METHODS["ListMetricDescriptors"]
LIST_POD_SANDBOX_METRICS = METHODS["ListPodSandboxMetrics"]
STREAM_POD_SANDBOX_METRICS = METHODS["StreamPodSandboxMetrics"]
RUNTIME_CONFIG = METHODS["RuntimeConfig"]
UPDATE_POD_SANDBOX_RESOURCES = METHODS["UpdatePodSandboxResources"]
LIST_IMAGES = METHODS["ListImages"]
STREAM_IMAGES = METHODS["StreamImages"]
IMAGE_STATUS = METHODS["ImageStatus"]
PULL_IMAGE = METHODS["PullImage"]
REMOVE_IMAGE = METHODS["RemoveImage"]
IMAGE_FS_INFO = METHODS["ImageFsInfo"]
