"""Counts and times the kubelet's CRI calls.

Mirrors kubelet: pkg/kubelet/kuberuntime/instrumented_services.go. Streams of events are not counted while they last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Again, Ask, Cri, Repeat, ask_of, encoding, peek_of, repeat_of
from kubesim.kernel import Kernel, Looks
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.work_metrics import (
    RUNTIME_OPERATION_DURATION,
    RUNTIME_OPERATION_ERRORS,
    RUNTIME_OPERATIONS,
    SANDBOX_DURATION,
    SANDBOX_ERRORS,
)

OPERATIONS: Mapping[str, str] = {
    "Version": "version",
    "Status": "status",
    "CreateContainer": "create_container",
    "StartContainer": "start_container",
    "StopContainer": "stop_container",
    "RemoveContainer": "remove_container",
    "ListContainers": "list_containers",
    "ContainerStatus": "container_status",
    "UpdateContainerResources": "update_container",
    "ReopenContainerLog": "reopen_container_log",
    "ExecSync": "exec_sync",
    "Exec": "exec",
    "Attach": "attach",
    "RunPodSandbox": "run_podsandbox",
    "StopPodSandbox": "stop_podsandbox",
    "RemovePodSandbox": "remove_podsandbox",
    "PodSandboxStatus": "podsandbox_status",
    "ListPodSandbox": "list_podsandbox",
    "ContainerStats": "container_stats",
    "ListContainerStats": "list_container_stats",
    "PodSandboxStats": "podsandbox_stats",
    "ListPodSandboxStats": "list_podsandbox_stats",
    "PortForward": "port_forward",
    "UpdatePodSandboxResources": "update_podsandbox_resources",
    "UpdateRuntimeConfig": "update_runtime_config",
    "ListImages": "list_images",
    "ImageStatus": "image_status",
    "PullImage": "pull_image",
    "RemoveImage": "remove_image",
    "ImageFsInfo": "image_fs_info",
    "CheckpointContainer": "checkpoint_container",
    "ListMetricDescriptors": "list_metric_descriptors",
    "ListPodSandboxMetrics": "list_podsandbox_metrics",
}
"""The label `operation_type` by RPC. RuntimeConfig is asked past these services, before the kubelet is made."""


T = TypeVar("T")


class InstrumentedCri:
    """A runtime whose calls show in the metrics."""

    def __init__(self, cri: Cri, kernel: Kernel, metrics: Metrics) -> None:
        self._cri = cri
        self._call_encoded = encoding(cri)
        self._repeat = repeat_of(cri)
        self._ask, self.peek = ask_of(cri), peek_of(cri)
        self._kernel = kernel
        self._metrics = metrics
        self._instant: Counter[str] = Counter()
        metrics.before_reading(self._count_instant)

    def call(self, method: Method, request: Message) -> Coroutine[Any, Any, Message]:
        """Pass the call on, and count it."""
        handler = request.runtime_handler if isinstance(request, api.RunPodSandboxRequest) else None
        return self._counted(method, handler, self._cri.call(method, request))

    def call_encoded(self, method: Method, request: Message) -> Coroutine[Any, Any, bytes]:
        """As `call`, with the serialised answer."""
        handler = request.runtime_handler if isinstance(request, api.RunPodSandboxRequest) else None
        return self._counted(method, handler, self._call_encoded(method, request))

    @property
    def repeat(self) -> Repeat | None:
        """Counts calls that were answered as before; None when what is behind can change unseen."""
        repeat, instant = self._repeat, self._instant
        if repeat is None:
            return None

        def counted(method: Method, request: Message) -> Again:
            name, again = method.name, repeat(method, request)

            def call_again(answer: bytes, looks: Looks) -> None:
                instant[name] += looks.series.times
                again(answer, looks)

            return call_again

        return counted

    @property
    def ask(self) -> Ask | None:
        """Counts questions that are answered at once; None when what is behind is not steady."""
        ask, instant = self._ask, self._instant
        if ask is None:
            return None

        def counted(method: Method, request: Message) -> bytes | None:
            try:
                answer = ask(method, request)
            except CriError:
                self._count(method, None, self._kernel.now_ns, has_failed=True)
                raise
            if answer is not None:
                instant[method.name] += 1
            return answer

        return counted

    async def _counted(self, method: Method, sandbox_handler: str | None, call: Coroutine[Any, Any, T]) -> T:
        began_ns, has_failed = self._kernel.now_ns, False
        try:
            return await call
        except CriError:
            has_failed = True
            raise
        finally:
            if self._kernel.now_ns == began_ns and not has_failed and sandbox_handler is None:
                self._instant[method.name] += 1
            else:
                self._count(method, sandbox_handler, began_ns, has_failed=has_failed)

    def _count_instant(self) -> None:
        """Answers that took no time: most are such, and there may be a day of them before somebody reads."""
        for name, times in self._instant.items():
            operation = OPERATIONS.get(name)
            if operation is not None:
                self._metrics.increase(RUNTIME_OPERATIONS, times, operation_type=operation)
                self._metrics.observe(RUNTIME_OPERATION_DURATION, 0.0, times, operation_type=operation)
        self._instant.clear()

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Pass the stream on."""
        return self._cri.stream(method, request)

    def _count(self, method: Method, sandbox_handler: str | None, began_ns: int, *, has_failed: bool) -> None:
        seconds, operation = (self._kernel.now_ns - began_ns) / 1e9, OPERATIONS.get(method.name)
        if operation is not None:
            self._metrics.increase(RUNTIME_OPERATIONS, operation_type=operation)
            self._metrics.observe(RUNTIME_OPERATION_DURATION, seconds, operation_type=operation)
            if has_failed:
                self._metrics.increase(RUNTIME_OPERATION_ERRORS, operation_type=operation)
        if sandbox_handler is not None:
            self._metrics.observe(SANDBOX_DURATION, seconds, runtime_handler=sandbox_handler)
            if has_failed:
                self._metrics.increase(SANDBOX_ERRORS, runtime_handler=sandbox_handler)
