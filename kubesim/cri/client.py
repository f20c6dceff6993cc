"""The 43 CRI methods as typed coroutines, for code that calls a runtime.

    client = CriClient(cri)
    version = await client.version(api.VersionRequest())   # an api.VersionResponse

Each method takes the request of its RPC and gives its response. All raise CriError when the runtime refuses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar, cast

from google.protobuf.message import Message

from kubesim.cri import api, methods
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Cri, encoding, repeat_of

ResponseT = TypeVar("ResponseT", bound=Message)


class CriClient:
    """Calls any `Cri` with the types of the contract. It holds no state but the endpoint."""

    __slots__ = ("_cri", "call_encoded", "repeat")

    def __init__(self, cri: Cri) -> None:
        self._cri = cri
        self.call_encoded = encoding(cri)
        """Any call, with the serialised answer: for who asks again and again, and sees in it that nothing changed."""
        self.repeat = repeat_of(cri)
        """Notes calls that were answered as before, without asking again; None when the runtime changes unseen."""

    async def _call(self, method: Method, request: Message, response_type: type[ResponseT]) -> ResponseT:
        response = await self._cri.call(method, request)
        assert isinstance(response, response_type), f"{method} was answered with a {type(response).__name__}"
        return response

    def _stream(self, method: Method, request: Message, _response_type: type[ResponseT]) -> AsyncIterator[ResponseT]:
        # A generator around the endpoint's iterator could check each message, but it would stand between the caller
        # and the iterator's aclose().
        return cast("AsyncIterator[ResponseT]", self._cri.stream(method, request))

    async def version(self, request: api.VersionRequest) -> api.VersionResponse:
        """The runtime's name and version; a kubelet asks this first."""
        return await self._call(methods.VERSION, request, api.VersionResponse)

    async def run_pod_sandbox(self, request: api.RunPodSandboxRequest) -> api.RunPodSandboxResponse:
        """Creates and starts a sandbox; it is READY when this returns."""
        return await self._call(methods.RUN_POD_SANDBOX, request, api.RunPodSandboxResponse)

    async def stop_pod_sandbox(self, request: api.StopPodSandboxRequest) -> api.StopPodSandboxResponse:
        """Stops a sandbox and everything in it; fine on one that is stopped or gone."""
        return await self._call(methods.STOP_POD_SANDBOX, request, api.StopPodSandboxResponse)

    async def remove_pod_sandbox(self, request: api.RemovePodSandboxRequest) -> api.RemovePodSandboxResponse:
        """Removes a sandbox and its containers, by force if they run; fine on one that is gone."""
        return await self._call(methods.REMOVE_POD_SANDBOX, request, api.RemovePodSandboxResponse)

    async def pod_sandbox_status(self, request: api.PodSandboxStatusRequest) -> api.PodSandboxStatusResponse:
        """The state and addresses of one sandbox."""
        return await self._call(methods.POD_SANDBOX_STATUS, request, api.PodSandboxStatusResponse)

    async def list_pod_sandbox(self, request: api.ListPodSandboxRequest) -> api.ListPodSandboxResponse:
        """The sandboxes that match the filter."""
        return await self._call(methods.LIST_POD_SANDBOX, request, api.ListPodSandboxResponse)

    def stream_pod_sandboxes(
        self, request: api.StreamPodSandboxesRequest
    ) -> AsyncIterator[api.StreamPodSandboxesResponse]:
        """As `list_pod_sandbox`, in messages of at least one sandbox each."""
        return self._stream(methods.STREAM_POD_SANDBOXES, request, api.StreamPodSandboxesResponse)

    async def create_container(self, request: api.CreateContainerRequest) -> api.CreateContainerResponse:
        """Creates a container in a sandbox, from an image that is already there."""
        return await self._call(methods.CREATE_CONTAINER, request, api.CreateContainerResponse)

    async def start_container(self, request: api.StartContainerRequest) -> api.StartContainerResponse:
        """Starts a created container."""
        return await self._call(methods.START_CONTAINER, request, api.StartContainerResponse)

    async def stop_container(self, request: api.StopContainerRequest) -> api.StopContainerResponse:
        """Stops a container: its stop signal, then SIGKILL after `timeout` seconds."""
        return await self._call(methods.STOP_CONTAINER, request, api.StopContainerResponse)

    async def remove_container(self, request: api.RemoveContainerRequest) -> api.RemoveContainerResponse:
        """Removes a container, by force if it runs; fine on one that is gone."""
        return await self._call(methods.REMOVE_CONTAINER, request, api.RemoveContainerResponse)

    async def list_containers(self, request: api.ListContainersRequest) -> api.ListContainersResponse:
        """The containers that match the filter."""
        return await self._call(methods.LIST_CONTAINERS, request, api.ListContainersResponse)

    def stream_containers(self, request: api.StreamContainersRequest) -> AsyncIterator[api.StreamContainersResponse]:
        """As `list_containers`, in messages of at least one container each."""
        return self._stream(methods.STREAM_CONTAINERS, request, api.StreamContainersResponse)

    async def container_status(self, request: api.ContainerStatusRequest) -> api.ContainerStatusResponse:
        """The state, exit and mounts of one container."""
        return await self._call(methods.CONTAINER_STATUS, request, api.ContainerStatusResponse)

    async def update_container_resources(
        self, request: api.UpdateContainerResourcesRequest
    ) -> api.UpdateContainerResourcesResponse:
        """Changes the limits of a container; zero and empty mean keep."""
        return await self._call(methods.UPDATE_CONTAINER_RESOURCES, request, api.UpdateContainerResourcesResponse)

    async def reopen_container_log(self, request: api.ReopenContainerLogRequest) -> api.ReopenContainerLogResponse:
        """Reopens a container's log file after it was rotated."""
        return await self._call(methods.REOPEN_CONTAINER_LOG, request, api.ReopenContainerLogResponse)

    async def exec_sync(self, request: api.ExecSyncRequest) -> api.ExecSyncResponse:
        """Runs a command in a container and waits at most `timeout` seconds; 0 means no limit."""
        return await self._call(methods.EXEC_SYNC, request, api.ExecSyncResponse)

    async def exec(self, request: api.ExecRequest) -> api.ExecResponse:
        """Prepares a command in a container; the streams are at the URL of the response."""
        return await self._call(methods.EXEC, request, api.ExecResponse)

    async def attach(self, request: api.AttachRequest) -> api.AttachResponse:
        """Prepares to join a container's own streams, at the URL of the response."""
        return await self._call(methods.ATTACH, request, api.AttachResponse)

    async def port_forward(self, request: api.PortForwardRequest) -> api.PortForwardResponse:
        """Prepares connections to ports of a sandbox, at the URL of the response."""
        return await self._call(methods.PORT_FORWARD, request, api.PortForwardResponse)

    async def container_stats(self, request: api.ContainerStatsRequest) -> api.ContainerStatsResponse:
        """The resource usage of one container."""
        return await self._call(methods.CONTAINER_STATS, request, api.ContainerStatsResponse)

    async def list_container_stats(self, request: api.ListContainerStatsRequest) -> api.ListContainerStatsResponse:
        """The resource usage of the containers that match the filter."""
        return await self._call(methods.LIST_CONTAINER_STATS, request, api.ListContainerStatsResponse)

    def stream_container_stats(
        self, request: api.StreamContainerStatsRequest
    ) -> AsyncIterator[api.StreamContainerStatsResponse]:
        """As `list_container_stats`, in messages of at least one row each."""
        return self._stream(methods.STREAM_CONTAINER_STATS, request, api.StreamContainerStatsResponse)

    async def pod_sandbox_stats(self, request: api.PodSandboxStatsRequest) -> api.PodSandboxStatsResponse:
        """The resource usage of one sandbox and its containers."""
        return await self._call(methods.POD_SANDBOX_STATS, request, api.PodSandboxStatsResponse)

    async def list_pod_sandbox_stats(self, request: api.ListPodSandboxStatsRequest) -> api.ListPodSandboxStatsResponse:
        """The resource usage of the sandboxes that match the filter."""
        return await self._call(methods.LIST_POD_SANDBOX_STATS, request, api.ListPodSandboxStatsResponse)

    def stream_pod_sandbox_stats(
        self, request: api.StreamPodSandboxStatsRequest
    ) -> AsyncIterator[api.StreamPodSandboxStatsResponse]:
        """As `list_pod_sandbox_stats`, in messages of at least one row each."""
        return self._stream(methods.STREAM_POD_SANDBOX_STATS, request, api.StreamPodSandboxStatsResponse)

    async def update_runtime_config(self, request: api.UpdateRuntimeConfigRequest) -> api.UpdateRuntimeConfigResponse:
        """Tells the runtime the node's pod CIDRs."""
        return await self._call(methods.UPDATE_RUNTIME_CONFIG, request, api.UpdateRuntimeConfigResponse)

    async def status(self, request: api.StatusRequest) -> api.StatusResponse:
        """The runtime's conditions, handlers and features."""
        return await self._call(methods.STATUS, request, api.StatusResponse)

    async def checkpoint_container(self, request: api.CheckpointContainerRequest) -> api.CheckpointContainerResponse:
        """Writes a container's memory and state to a file, within `timeout` seconds."""
        return await self._call(methods.CHECKPOINT_CONTAINER, request, api.CheckpointContainerResponse)

    async def checkpoint_pod(self, request: api.CheckpointPodRequest) -> api.CheckpointPodResponse:
        """Writes the containers of a sandbox to an empty directory."""
        return await self._call(methods.CHECKPOINT_POD, request, api.CheckpointPodResponse)

    async def restore_pod(self, request: api.RestorePodRequest) -> api.RestorePodResponse:
        """Creates a sandbox and its containers from what `checkpoint_pod` wrote; nothing runs yet."""
        return await self._call(methods.RESTORE_POD, request, api.RestorePodResponse)

    def get_container_events(self, request: api.GetEventsRequest) -> AsyncIterator[api.ContainerEventResponse]:
        """What happens to sandboxes and containers, as it happens."""
        return self._stream(methods.GET_CONTAINER_EVENTS, request, api.ContainerEventResponse)

    async def list_metric_descriptors(
        self, request: api.ListMetricDescriptorsRequest
    ) -> api.ListMetricDescriptorsResponse:
        """The names, helps and labels of the metrics that the runtime reports."""
        return await self._call(methods.LIST_METRIC_DESCRIPTORS, request, api.ListMetricDescriptorsResponse)

    async def list_pod_sandbox_metrics(
        self, request: api.ListPodSandboxMetricsRequest
    ) -> api.ListPodSandboxMetricsResponse:
        """The metrics of every sandbox."""
        return await self._call(methods.LIST_POD_SANDBOX_METRICS, request, api.ListPodSandboxMetricsResponse)

    def stream_pod_sandbox_metrics(
        self, request: api.StreamPodSandboxMetricsRequest
    ) -> AsyncIterator[api.StreamPodSandboxMetricsResponse]:
        """As `list_pod_sandbox_metrics`, in messages of at least one sandbox each."""
        return self._stream(methods.STREAM_POD_SANDBOX_METRICS, request, api.StreamPodSandboxMetricsResponse)

    async def runtime_config(self, request: api.RuntimeConfigRequest) -> api.RuntimeConfigResponse:
        """The configuration that kubelet and runtime must share, which is the cgroup driver."""
        return await self._call(methods.RUNTIME_CONFIG, request, api.RuntimeConfigResponse)

    async def update_pod_sandbox_resources(
        self, request: api.UpdatePodSandboxResourcesRequest
    ) -> api.UpdatePodSandboxResourcesResponse:
        """Changes the overhead and limits of a sandbox."""
        return await self._call(methods.UPDATE_POD_SANDBOX_RESOURCES, request, api.UpdatePodSandboxResourcesResponse)

    async def list_images(self, request: api.ListImagesRequest) -> api.ListImagesResponse:
        """The images on the node."""
        return await self._call(methods.LIST_IMAGES, request, api.ListImagesResponse)

    def stream_images(self, request: api.StreamImagesRequest) -> AsyncIterator[api.StreamImagesResponse]:
        """As `list_images`, in messages of at least one image each."""
        return self._stream(methods.STREAM_IMAGES, request, api.StreamImagesResponse)

    async def image_status(self, request: api.ImageStatusRequest) -> api.ImageStatusResponse:
        """One image; the response's `image` is unset when it is not there."""
        return await self._call(methods.IMAGE_STATUS, request, api.ImageStatusResponse)

    async def pull_image(self, request: api.PullImageRequest) -> api.PullImageResponse:
        """Pulls an image and returns the reference to create containers from."""
        return await self._call(methods.PULL_IMAGE, request, api.PullImageResponse)

    async def remove_image(self, request: api.RemoveImageRequest) -> api.RemoveImageResponse:
        """Removes an image; fine on one that is gone."""
        return await self._call(methods.REMOVE_IMAGE, request, api.RemoveImageResponse)

    async def image_fs_info(self, request: api.ImageFsInfoRequest) -> api.ImageFsInfoResponse:
        """How full the file systems of images and of containers are."""
        return await self._call(methods.IMAGE_FS_INFO, request, api.ImageFsInfoResponse)
