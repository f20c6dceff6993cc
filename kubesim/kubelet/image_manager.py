"""Makes sure that an image is there: pull policy, pulls, back-off, events.

Mirrors kubelet: pkg/kubelet/images/image_manager.go, EnsureImageExists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import EventReference
from kubesim.kubelet.image_pull_records import ImagePullRecords
from kubesim.kubelet.image_puller import ImagePuller, PullFailed, PullLimits
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.pod_startup_latency import PodStartupLatency
from kubesim.kubelet.pull_secrets import keyring_of
from kubesim.kubelet.work_metrics import IMAGE_PULL_DURATION
from kubesim.model import k8s_v1 as v1
from kubesim.policy.crash_loop_backoff import IMAGE_PULL_BACKOFF, BackoffEntry, next_entry
from kubesim.policy.docker_config import InvalidDockerConfig
from kubesim.policy.image_keyring import PullLogin
from kubesim.policy.image_reference import InvalidReference, parse_reference
from kubesim.policy.image_size_bucket import image_size_bucket
from kubesim.policy.pod_view import Waiting
from kubesim.policy.pull_policy import (
    NEVER,
    ImageEvent,
    ImageFailure,
    PullStep,
    inspect_failed,
    invalid_image_name,
    needs_inspect,
    pull_decision,
    pull_failed,
    pulled_event,
    unreadable_secret,
)


class ImageRequest(Struct, frozen=True, kw_only=True, gc=False):
    """One image that a container or a volume needs. `policy` is Always, IfNotPresent or Never."""

    pod: v1.Pod
    image: str
    policy: str
    reference: EventReference
    sandbox_config: Callable[[], api.PodSandboxConfig]
    pull_secrets: Sequence[v1.Secret] = ()

    @property
    def backoff_key(self) -> str:
        """Containers and volumes of a pod that write a name in the same way wait together."""
        return f"{self.pod.metadata.uid}_{self.image}"


class ImageResult(Struct, frozen=True, kw_only=True, gc=False):
    """The runtime's reference of the image, or why it is not there."""

    image_ref: str = ""
    failure: ImageFailure | None = None


class ImageManager:
    """Pulls images for containers and volumes; remembers failed pulls by pod and image.

    `records` None: the gate KubeletEnsureSecretPulledImages is off, and every pod may use what is on the node.
    """

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        recorder: EventRecorder,
        metrics: Metrics,
        latency: PodStartupLatency,
        *,
        limits: PullLimits,
        gates: Mapping[str, bool],
        records: ImagePullRecords | None = None,
    ) -> None:
        self._kernel = kernel
        self._client = client
        self._puller = ImagePuller(kernel, client, limits)
        self._recorder = recorder
        self._metrics = metrics
        self._latency = latency
        self._gates = gates
        self._records = records
        self._backoff: dict[str, BackoffEntry] = {}
        self._last_failures: dict[str, Waiting] = {}

    async def ensure(self, request: ImageRequest) -> ImageResult:
        """The image's reference once it is present, or the failure that says why it is not."""
        try:
            repository = parse_reference(request.image).name
        except InvalidReference as error:
            return self._failed(request, invalid_image_name(request.image, str(error)))
        spec = api.ImageSpec(image=_with_default_tag(request.image), annotations=request.pod.metadata.annotations)
        present = ""
        if needs_inspect(request.policy):
            try:
                answer = await self._client.image_status(api.ImageStatusRequest(image=spec))
            except CriError as error:
                return self._failed(request, inspect_failed(error.go_text))
            present = answer.image.id
        try:
            must_verify = self._must_verify(request, present, repository)
            if request.policy == NEVER or (present and not must_verify):
                logins: tuple[PullLogin, ...] = ()
            else:
                logins = keyring_of(request.pull_secrets).lookup(repository)
        except InvalidDockerConfig as error:
            return self._failed(request, unreadable_secret(str(error)))
        decision = pull_decision(
            image=request.image,
            policy=request.policy,
            is_present=bool(present),
            backoff=self._backoff.get(request.backoff_key),
            last_failure=self._last_failures.get(request.backoff_key),
            now_ns=self._kernel.now_ns,
            must_verify=must_verify,
            gates=self._gates,
        )
        if decision.failure is not None:
            return self._failed(request, decision.failure)
        self._write(request, decision.events)
        if decision.step is PullStep.USE:
            return ImageResult(image_ref=present)
        return await self._pull(request, spec, logins)

    def _must_verify(self, request: ImageRequest, present: str, repository: str) -> bool:
        """Whether the pod has to pull an image that is there. Raises InvalidDockerConfig."""
        if self._records is None or not present:
            return False
        return self._records.must_pull(
            request.image, present, lambda: keyring_of(request.pull_secrets).lookup(repository)
        )

    async def _pull(self, request: ImageRequest, spec: api.ImageSpec, logins: Sequence[PullLogin]) -> ImageResult:
        key = request.backoff_key
        if self._records is not None:
            self._records.pull_begins(request.image)
        self._latency.pull_began(request.pod.metadata.uid)
        began_ns = self._kernel.now_ns
        try:
            pulled = await self._puller.pull(spec, logins, request.sandbox_config)
        except PullFailed as error:
            if self._records is not None:
                self._records.pull_failed(request.image)
            now_ns = self._kernel.now_ns
            failure = pull_failed(request.image, str(error))
            self._backoff[key] = next_entry(self._backoff.get(key), IMAGE_PULL_BACKOFF, event_ns=now_ns, now_ns=now_ns)
            self._last_failures[key] = failure.waiting
            return self._failed(request, failure)
        if self._records is not None:
            self._records.pulled(request.image, pulled.image_ref, pulled.login)
        self._last_failures.pop(key, None)
        self._latency.pull_ended(request.pod.metadata.uid)
        waited_ns = self._kernel.now_ns - began_ns
        seconds = waited_ns // 10**6 / 1000
        self._metrics.observe(IMAGE_PULL_DURATION, seconds, image_size_in_bytes=image_size_bucket(pulled.size_bytes))
        event = pulled_event(request.image, pull_ns=pulled.took_ns, waited_ns=waited_ns, size_bytes=pulled.size_bytes)
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
