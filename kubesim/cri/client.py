"""The 43 CRI methods as typed coroutines, for code that calls a runtime.

    client = CriClient(cri)
    version = await client.version(api.VersionRequest())   # an api.VersionResponse

Each method takes the request of its RPC and gives the coroutine of its response, which raises CriError when the runtime
refuses. Nobody here holds the request while the call lasts: that of a container takes ten kilobytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar, cast

from google.protobuf.message import Message

from kubesim.cri import api, methods
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Again, Ask, Cri, ask_of, encoding, peek_of, repeat_of

ResponseT = TypeVar("ResponseT", bound=Message)


def _unsteady(_method: Method, _request: Message) -> None:
    """What there is of a runtime that changes unseen: each answer can be another one."""


Call: TypeAlias = Coroutine[Any, Any, ResponseT]


class CriClient:
    """Calls any `Cri` with the types of the contract. It holds no state but the endpoint."""

    __slots__ = ("_ask", "_call_encoded", "_cri", "again", "calls_begun", "peek")

    def __init__(self, cri: Cri) -> None:
        self._cri = cri
        self.calls_begun = 0
        """How many calls of the typed methods were begun: for who wants to know whether something called."""
        self._call_encoded = encoding(cri)
        self._ask: Ask = ask_of(cri) or _unsteady
        self.again: Callable[[Method, Message], Again | None] = repeat_of(cri) or _unsteady
        """What notes that a call was answered as before, without asking; None when the runtime changes unseen."""
        self.peek: Ask = peek_of(cri) or _unsteady
        """The serialised answer that a call would get, without making it; None when that is not known."""

    async def _call(self, method: Method, request: Message, response_type: type[ResponseT]) -> ResponseT:
        self.calls_begun += 1
        answer = self._ask(method, request)
        if answer is not None:
            return response_type.FromString(answer)
        call = self._cri.call(method, request)
        del request
        response = await call
        assert isinstance(response, response_type), f"{method} was answered with a {type(response).__name__}"
        return response

    async def call_encoded(self, method: Method, request: Message) -> bytes:
        """Any call, with the serialised answer: for who asks again and again, and sees in it that nothing changed."""
        answer = self._ask(method, request)
        return answer if answer is not None else await self._call_encoded(method, request)

    def _stream(self, method: Method, request: Message, _response_type: type[ResponseT]) -> AsyncIterator[ResponseT]:
        # A generator around the endpoint's iterator could check each message, but it would stand between the caller
        # and the iterator's aclose().
        return cast("AsyncIterator[ResponseT]", self._cri.stream(method, request))

    def version(self, request: api.VersionRequest) -> Call[api.VersionResponse]:
        """The runtime's name and version; a kubelet asks this first."""
        return self._call(methods.VERSION, request, api.VersionResponse)

    def run_pod_sandbox(self, request: api.RunPodSandboxRequest) -> Call[api.RunPodSandboxResponse]:
        """Creates and starts a sandbox; it is READY when this returns."""
        return self._call(methods.RUN_POD_SANDBOX, request, api.RunPodSandboxResponse)

    def stop_pod_sandbox(self, request: api.StopPodSandboxRequest) -> Call[api.StopPodSandboxResponse]:
        """Stops a sandbox and everything in it; fine on one that is stopped or gone."""
        return self._call(methods.STOP_POD_SANDBOX, request, api.StopPodSandboxResponse)

    def remove_pod_sandbox(self, request: api.RemovePodSandboxRequest) -> Call[api.RemovePodSandboxResponse]:
        """Removes a sandbox and its containers, by force if they run; fine on one that is gone."""
        return self._call(methods.REMOVE_POD_SANDBOX, request, api.RemovePodSandboxResponse)

    def pod_sandbox_status(self, request: api.PodSandboxStatusRequest) -> Call[api.PodSandboxStatusResponse]:
        """The state and addresses of one sandbox."""
        return self._call(methods.POD_SANDBOX_STATUS, request, api.PodSandboxStatusResponse)

    def list_pod_sandbox(self, request: api.ListPodSandboxRequest) -> Call[api.ListPodSandboxResponse]:
        """The sandboxes that match the filter."""
        return self._call(methods.LIST_POD_SANDBOX, request, api.ListPodSandboxResponse)

    def stream_pod_sandboxes(
        self, request: api.StreamPodSandboxesRequest
    ) -> AsyncIterator[api.StreamPodSandboxesResponse]:
        """As `list_pod_sandbox`, in messages of at least one sandbox each."""
        return self._stream(methods.STREAM_POD_SANDBOXES, request, api.StreamPodSandboxesResponse)

    def create_container(self, request: api.CreateContainerRequest) -> Call[api.CreateContainerResponse]:
        """Creates a container in a sandbox, from an image that is already there."""
        return self._call(methods.CREATE_CONTAINER, request, api.CreateContainerResponse)

    def start_container(self, request: api.StartContainerRequest) -> Call[api.StartContainerResponse]:
        """Starts a created container."""
        return self._call(methods.START_CONTAINER, request, api.StartContainerResponse)

    def stop_container(self, request: api.StopContainerRequest) -> Call[api.StopContainerResponse]:
        """Stops a container: its stop signal, then SIGKILL after `timeout` seconds."""
        return self._call(methods.STOP_CONTAINER, request, api.StopContainerResponse)

    def remove_container(self, request: api.RemoveContainerRequest) -> Call[api.RemoveContainerResponse]:
        """Removes a container, by force if it runs; fine on one that is gone."""
        return self._call(methods.REMOVE_CONTAINER, request, api.RemoveContainerResponse)

    def list_containers(self, request: api.ListContainersRequest) -> Call[api.ListContainersResponse]:
        """The containers that match the filter."""
        return self._call(methods.LIST_CONTAINERS, request, api.ListContainersResponse)

    def stream_containers(self, request: api.StreamContainersRequest) -> AsyncIterator[api.StreamContainersResponse]:
        """As `list_containers`, in messages of at least one container each."""
        return self._stream(methods.STREAM_CONTAINERS, request, api.StreamContainersResponse)

    def container_status(self, request: api.ContainerStatusRequest) -> Call[api.ContainerStatusResponse]:
        """The state, exit and mounts of one container."""
        return self._call(methods.CONTAINER_STATUS, request, api.ContainerStatusResponse)

    def update_container_resources(
        self, request: api.UpdateContainerResourcesRequest
    ) -> Call[api.UpdateContainerResourcesResponse]:
        """Changes the limits of a container; zero and empty mean keep."""
        return self._call(methods.UPDATE_CONTAINER_RESOURCES, request, api.UpdateContainerResourcesResponse)

    def reopen_container_log(self, request: api.ReopenContainerLogRequest) -> Call[api.ReopenContainerLogResponse]:
        """Reopens a container's log file after it was rotated."""
        return self._call(methods.REOPEN_CONTAINER_LOG, request, api.ReopenContainerLogResponse)

    def exec_sync(self, request: api.ExecSyncRequest) -> Call[api.ExecSyncResponse]:
        """Runs a command in a container and waits at most `timeout` seconds; 0 means no limit."""
        return self._call(methods.EXEC_SYNC, request, api.ExecSyncResponse)

    def exec(self, request: api.ExecRequest) -> Call[api.ExecResponse]:
        """Prepares a command in a container; the streams are at the URL of the response."""
        return self._call(methods.EXEC, request, api.ExecResponse)

    def attach(self, request: api.AttachRequest) -> Call[api.AttachResponse]:
        """Prepares to join a container's own streams, at the URL of the response."""
        return self._call(methods.ATTACH, request, api.AttachResponse)

    def port_forward(self, request: api.PortForwardRequest) -> Call[api.PortForwardResponse]:
        """Prepares connections to ports of a sandbox, at the URL of the response."""
        return self._call(methods.PORT_FORWARD, request, api.PortForwardResponse)

    def container_stats(self, request: api.ContainerStatsRequest) -> Call[api.ContainerStatsResponse]:
        """The resource usage of one container."""
        return self._call(methods.CONTAINER_STATS, request, api.ContainerStatsResponse)

    def list_container_stats(self, request: api.ListContainerStatsRequest) -> Call[api.ListContainerStatsResponse]:
        """The resource usage of the containers that match the filter."""
        return self._call(methods.LIST_CONTAINER_STATS, request, api.ListContainerStatsResponse)

    def stream_container_stats(
        self, request: api.StreamContainerStatsRequest
    ) -> AsyncIterator[api.StreamContainerStatsResponse]:
        """As `list_container_stats`, in messages of at least one row each."""
        return self._stream(methods.STREAM_CONTAINER_STATS, request, api.StreamContainerStatsResponse)

    def pod_sandbox_stats(self, request: api.PodSandboxStatsRequest) -> Call[api.PodSandboxStatsResponse]:
        """The resource usage of one sandbox and its containers."""
        return self._call(methods.POD_SANDBOX_STATS, request, api.PodSandboxStatsResponse)

    def list_pod_sandbox_stats(self, request: api.ListPodSandboxStatsRequest) -> Call[api.ListPodSandboxStatsResponse]:
        """The resource usage of the sandboxes that match the filter."""
        return self._call(methods.LIST_POD_SANDBOX_STATS, request, api.ListPodSandboxStatsResponse)

    def stream_pod_sandbox_stats(
        self, request: api.StreamPodSandboxStatsRequest
    ) -> AsyncIterator[api.StreamPodSandboxStatsResponse]:
        """As `list_pod_sandbox_stats`, in messages of at least one row each."""
        return self._stream(methods.STREAM_POD_SANDBOX_STATS, request, api.StreamPodSandboxStatsResponse)

    def update_runtime_config(self, request: api.UpdateRuntimeConfigRequest) -> Call[api.UpdateRuntimeConfigResponse]:
        """Tells the runtime the node's pod CIDRs."""
        return self._call(methods.UPDATE_RUNTIME_CONFIG, request, api.UpdateRuntimeConfigResponse)

    def status(self, request: api.StatusRequest) -> Call[api.StatusResponse]:
        """The runtime's conditions, handlers and features."""
        return self._call(methods.STATUS, request, api.StatusResponse)

    def checkpoint_container(self, request: api.CheckpointContainerRequest) -> Call[api.CheckpointContainerResponse]:
        """Writes a container's memory and state to a file, within `timeout` seconds."""
        return self._call(methods.CHECKPOINT_CONTAINER, request, api.CheckpointContainerResponse)

    def checkpoint_pod(self, request: api.CheckpointPodRequest) -> Call[api.CheckpointPodResponse]:
        """Writes the containers of a sandbox to an empty directory."""
        return self._call(methods.CHECKPOINT_POD, request, api.CheckpointPodResponse)

    def restore_pod(self, request: api.RestorePodRequest) -> Call[api.RestorePodResponse]:
        """Creates a sandbox and its containers from what `checkpoint_pod` wrote; nothing runs yet."""
        return self._call(methods.RESTORE_POD, request, api.RestorePodResponse)

    def get_container_events(self, request: api.GetEventsRequest) -> AsyncIterator[api.ContainerEventResponse]:
        """What happens to sandboxes and containers, as it happens."""
        return self._stream(methods.GET_CONTAINER_EVENTS, request, api.ContainerEventResponse)

    def list_metric_descriptors(
        self, request: api.ListMetricDescriptorsRequest
    ) -> Call[api.ListMetricDescriptorsResponse]:
        """The names, helps and labels of the metrics that the runtime reports."""
        return self._call(methods.LIST_METRIC_DESCRIPTORS, request, api.ListMetricDescriptorsResponse)

    def list_pod_sandbox_metrics(
        self, request: api.ListPodSandboxMetricsRequest
    ) -> Call[api.ListPodSandboxMetricsResponse]:
        """The metrics of every sandbox."""
        return self._call(methods.LIST_POD_SANDBOX_METRICS, request, api.ListPodSandboxMetricsResponse)

    def stream_pod_sandbox_metrics(
        self, request: api.StreamPodSandboxMetricsRequest
    ) -> AsyncIterator[api.StreamPodSandboxMetricsResponse]:
        """As `list_pod_sandbox_metrics`, in messages of at least one sandbox each."""
        return self._stream(methods.STREAM_POD_SANDBOX_METRICS, request, api.StreamPodSandboxMetricsResponse)

    def runtime_config(self, request: api.RuntimeConfigRequest) -> Call[api.RuntimeConfigResponse]:
        """The configuration that kubelet and runtime must share, which is the cgroup driver."""
        return self._call(methods.RUNTIME_CONFIG, request, api.RuntimeConfigResponse)

    def update_pod_sandbox_resources(
        self, request: api.UpdatePodSandboxResourcesRequest
    ) -> Call[api.UpdatePodSandboxResourcesResponse]:
        """Changes the overhead and limits of a sandbox."""
        return self._call(methods.UPDATE_POD_SANDBOX_RESOURCES, request, api.UpdatePodSandboxResourcesResponse)

    def list_images(self, request: api.ListImagesRequest) -> Call[api.ListImagesResponse]:
        """The images on the node."""
        return self._call(methods.LIST_IMAGES, request, api.ListImagesResponse)

    def stream_images(self, request: api.StreamImagesRequest) -> AsyncIterator[api.StreamImagesResponse]:
        """As `list_images`, in messages of at least one image each."""
        return self._stream(methods.STREAM_IMAGES, request, api.StreamImagesResponse)

    def image_status(self, request: api.ImageStatusRequest) -> Call[api.ImageStatusResponse]:
        """One image; the response's `image` is unset when it is not there."""
        return self._call(methods.IMAGE_STATUS, request, api.ImageStatusResponse)

    def pull_image(self, request: api.PullImageRequest) -> Call[api.PullImageResponse]:
        """Pulls an image and returns the reference to create containers from."""
        return self._call(methods.PULL_IMAGE, request, api.PullImageResponse)

    def remove_image(self, request: api.RemoveImageRequest) -> Call[api.RemoveImageResponse]:
        """Removes an image; fine on one that is gone."""
        return self._call(methods.REMOVE_IMAGE, request, api.RemoveImageResponse)

    def image_fs_info(self, request: api.ImageFsInfoRequest) -> Call[api.ImageFsInfoResponse]:
        """How full the file systems of images and of containers are."""
        return self._call(methods.IMAGE_FS_INFO, request, api.ImageFsInfoResponse)
