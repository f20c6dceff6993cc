"""Makes sure that an image is there: pull policy, pulls, back-off, events.

Mirrors kubelet: pkg/kubelet/images/image_manager.go, EnsureImageExists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import EventReference
from kubesim.model import k8s_v1 as v1
from kubesim.policy.crash_loop_backoff import IMAGE_PULL_BACKOFF, BackoffEntry, next_entry
from kubesim.policy.image_reference import InvalidReference, parse_reference
from kubesim.policy.pod_view import Waiting
from kubesim.policy.pull_policy import (
    ImageEvent,
    ImageFailure,
    PullStep,
    inspect_failed,
    invalid_image_name,
    needs_inspect,
    pull_decision,
    pull_error_text,
    pull_failed,
    pulled_event,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """One image that a container or a volume needs. `policy` is Always, IfNotPresent or Never."""

    pod: v1.Pod
    image: str
    policy: str
    reference: EventReference
    sandbox_config: api.PodSandboxConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """The runtime's reference of the image, or why it is not there."""

    image_ref: str = ""
    failure: ImageFailure | None = None


class ImageManager:
    """Pulls images for containers and volumes; remembers failed pulls by pod and image."""

    def __init__(
        self, kernel: Kernel, client: CriClient, recorder: EventRecorder, *, gates: Mapping[str, bool]
    ) -> None:
        self._kernel = kernel
        self._client = client
        self._recorder = recorder
        self._gates = gates
        self._backoff: dict[str, BackoffEntry] = {}
        self._last_failures: dict[str, Waiting] = {}

    async def ensure(self, request: ImageRequest) -> ImageResult:
        """The image's reference once it is present, or the failure that says why it is not."""
        try:
            parse_reference(request.image)
        except InvalidReference as error:
            return self._failed(request, invalid_image_name(request.image, str(error)))
        name = _with_default_tag(request.image)
        present = ""
        if needs_inspect(request.policy):
            try:
                answer = await self._client.image_status(api.ImageStatusRequest(image=api.ImageSpec(image=name)))
            except CriError as error:
                return self._failed(request, inspect_failed(error.go_text))
            present = answer.image.id
        key = f"{request.pod.metadata.uid}_{request.image}"
        decision = pull_decision(
            image=request.image,
            policy=request.policy,
            is_present=bool(present),
            backoff=self._backoff.get(key),
            last_failure=self._last_failures.get(key),
            now_ns=self._kernel.now_ns,
            gates=self._gates,
        )
        if decision.failure is not None:
            return self._failed(request, decision.failure)
        self._write(request, decision.events)
        return ImageResult(image_ref=present) if decision.step is PullStep.USE else await self._pull(request, name, key)

    async def _pull(self, request: ImageRequest, name: str, key: str) -> ImageResult:
        began_ns = self._kernel.now_ns
        try:
            pulled = await self._client.pull_image(
                api.PullImageRequest(image=api.ImageSpec(image=name), sandbox_config=request.sandbox_config)
            )
            took_ns = self._kernel.now_ns - began_ns
            status = await self._client.image_status(
                api.ImageStatusRequest(image=api.ImageSpec(image=pulled.image_ref))
            )
        except CriError as error:
            now_ns = self._kernel.now_ns
            failure = pull_failed(request.image, pull_error_text(error.code.go_name, error.message))
            self._backoff[key] = next_entry(self._backoff.get(key), IMAGE_PULL_BACKOFF, event_ns=now_ns, now_ns=now_ns)
            self._last_failures[key] = failure.waiting
            return self._failed(request, failure)
        event = pulled_event(request.image, pull_ns=took_ns, waited_ns=took_ns, size_bytes=status.image.size)
        self._write(request, [event])
        return ImageResult(image_ref=pulled.image_ref)

    def _failed(self, request: ImageRequest, failure: ImageFailure) -> ImageResult:
        self._write(request, failure.events)
        return ImageResult(failure=failure)

    def _write(self, request: ImageRequest, events: Iterable[ImageEvent]) -> None:
        for event in events:
            self._recorder.event(request.reference, event.type, event.reason, event.message)


def _with_default_tag(image: str) -> str:
    """The name with `:latest` when it has neither tag nor digest. Mirrors pkg/util/parsers, applyDefaultImageTag."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in image else f"{image}:latest"
