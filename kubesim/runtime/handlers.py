"""Which handler answers which RPC. What is not in a table here has no handler yet, and answers UNIMPLEMENTED."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from google.protobuf.message import Message

from kubesim.cri.legacy_methods import LEGACY_METHODS, V1ALPHA2
from kubesim.runtime.checkpoint_container import checkpoint_container
from kubesim.runtime.checkpoint_pod import checkpoint_pod
from kubesim.runtime.checkpoint_pod_restore import restore_pod
from kubesim.runtime.container_create import create_container
from kubesim.runtime.container_resources import update_container_resources, update_pod_sandbox_resources
from kubesim.runtime.container_start import start_container
from kubesim.runtime.container_status import container_status, list_containers, stream_containers
from kubesim.runtime.container_stop import remove_container, stop_container
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.exec_sync import exec_sync, reopen_container_log
from kubesim.runtime.image_pull import pull_image
from kubesim.runtime.image_usage import image_fs_info
from kubesim.runtime.images import image_status, list_images, remove_image
from kubesim.runtime.legacy_api import as_v1alpha2
from kubesim.runtime.pod_metrics import list_metric_descriptors, list_pod_sandbox_metrics
from kubesim.runtime.runtime_status import runtime_config, status, update_runtime_config, version
from kubesim.runtime.sandbox_run import run_pod_sandbox
from kubesim.runtime.sandbox_status import list_pod_sandbox, pod_sandbox_status, stream_pod_sandboxes
from kubesim.runtime.sandbox_stop import remove_pod_sandbox, stop_pod_sandbox
from kubesim.runtime.stats import container_stats, list_container_stats, list_pod_sandbox_stats, pod_sandbox_stats
from kubesim.runtime.streamed_lists import (
    get_container_events,
    stream_container_stats,
    stream_images,
    stream_pod_sandbox_metrics,
    stream_pod_sandbox_stats,
)
from kubesim.runtime.streaming import attach, exec_, port_forward

# The request is of the method's own type; the table cannot say so for each row.
Answer: TypeAlias = Message | bytes
"""What a handler gives: the message, or, where that is cheaper, its serialised form."""
Question: TypeAlias = Callable[[Daemon, Any], Answer]
Handler: TypeAlias = Callable[[Daemon, Any], Awaitable[Answer]]
StreamHandler: TypeAlias = Callable[[Daemon, Any], AsyncIterator[Message]]

QUESTIONS: Mapping[str, Question] = {
    "Version": version,
    "Status": status,
    "RuntimeConfig": runtime_config,
    "PodSandboxStatus": pod_sandbox_status,
    "ListPodSandbox": list_pod_sandbox,
    "ContainerStatus": container_status,
    "ListContainers": list_containers,
    "ListImages": list_images,
    "ImageStatus": image_status,
    "ImageFsInfo": image_fs_info,
}
"""RPCs that look at something and never wait: nothing can come between such a call and its answer."""

HANDLERS: Mapping[str, Handler] = {
    "UpdateRuntimeConfig": update_runtime_config,
    "RunPodSandbox": run_pod_sandbox,
    "StopPodSandbox": stop_pod_sandbox,
    "RemovePodSandbox": remove_pod_sandbox,
    "UpdatePodSandboxResources": update_pod_sandbox_resources,
    "CreateContainer": create_container,
    "StartContainer": start_container,
    "StopContainer": stop_container,
    "RemoveContainer": remove_container,
    "UpdateContainerResources": update_container_resources,
    "CheckpointContainer": checkpoint_container,
    "CheckpointPod": checkpoint_pod,
    "RestorePod": restore_pod,
    "ReopenContainerLog": reopen_container_log,
    "ExecSync": exec_sync,
    "Exec": exec_,
    "Attach": attach,
    "PortForward": port_forward,
    "ContainerStats": container_stats,
    "ListContainerStats": list_container_stats,
    "PodSandboxStats": pod_sandbox_stats,
    "ListPodSandboxStats": list_pod_sandbox_stats,
    "ListMetricDescriptors": list_metric_descriptors,
    "ListPodSandboxMetrics": list_pod_sandbox_metrics,
    "PullImage": pull_image,
    "RemoveImage": remove_image,
}


def _asked(question: Question | None) -> Handler | None:
    """A question as a handler."""
    if question is None:
        return None

    async def answer(daemon: Daemon, request: Any) -> Answer:
        return question(daemon, request)

    return answer


LEGACY_HANDLERS: Mapping[str, Handler] = {
    method.name: as_v1alpha2(handler)
    for method in LEGACY_METHODS[V1ALPHA2]
    if (handler := HANDLERS.get(method.name) or _asked(QUESTIONS.get(method.name))) is not None
}
"""The same for the RPCs of an older version of the CRI."""

STREAM_HANDLERS: Mapping[str, StreamHandler] = {
    "GetContainerEvents": get_container_events,
    "StreamPodSandboxes": stream_pod_sandboxes,
    "StreamContainers": stream_containers,
    "StreamContainerStats": stream_container_stats,
    "StreamPodSandboxStats": stream_pod_sandbox_stats,
    "StreamPodSandboxMetrics": stream_pod_sandbox_metrics,
    "StreamImages": stream_images,
}
