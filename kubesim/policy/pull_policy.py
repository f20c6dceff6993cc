"""When an image is pulled, and what the kubelet says about it.

The order of one try: the name is parsed; unless the policy is Always, the runtime is asked for the image
(`needs_inspect`); then `pull_decision` says whether to use it, to pull it, or to wait. A failure is the waiting state
of the container, plus the events that come before the container's own `Error: <reason>`.

Mirrors kubelet: pkg/kubelet/images/image_manager.go (EnsureImageExists, evalCRIPullErr), pkg/kubelet/images/types.go
and the API server's defaulting in pkg/apis/core/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from sys import intern

from msgspec import Struct

from kubesim.model.duration import format_duration
from kubesim.policy.crash_loop_backoff import IMAGE_PULL_BACKOFF, BackoffEntry, in_backoff_since_update
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import Waiting

ALWAYS = "Always"
IF_NOT_PRESENT = "IfNotPresent"
NEVER = "Never"

_MILLISECOND_NS = 1_000_000

# An error of the runtime that begins with this name is a reason of its own; the text tells what the name stands for.
_SPECIAL_ERRORS = {
    "RegistryUnavailable": "the registry is unavailable",
    "SignatureValidationFailed": "the signature validation failed",
}


class ImageEvent(Struct, frozen=True, kw_only=True, gc=False):
    """An event about an image; it is written on the container, or on the pod for an image volume."""

    type: str  # Normal or Warning
    reason: str
    message: str


class ImageFailure(Struct, frozen=True, kw_only=True, gc=False):
    """Why there is no image for the container, as its waiting state, and the events to write first."""

    waiting: Waiting
    events: tuple[ImageEvent, ...]

    @property
    def container_event(self) -> ImageEvent:
        """The container-level event that follows the image's own."""
        return ImageEvent(type="Warning", reason="Failed", message=f"Error: {self.waiting.reason}")


class PullStep(StrEnum):
    """What to do about an image now."""

    USE = "use"
    PULL = "pull"
    FAIL = "fail"


class PullDecision(Struct, frozen=True, kw_only=True, gc=False):
    """The step; `failure` is set when it is FAIL, `events` are those of USE and PULL."""

    step: PullStep
    failure: ImageFailure | None = None
    events: tuple[ImageEvent, ...] = ()


def default_pull_policy(tag: str | None) -> str:
    """The policy that the API server fills in.

    `tag` is the tag after normalisation: `latest` for a name without tag and digest, empty for a name with only a
    digest; None when the name can not be parsed.
    """
    return ALWAYS if tag == "latest" else IF_NOT_PRESENT


def invalid_image_name(image: str, parse_error: str) -> ImageFailure:
    """The name can not be parsed; `parse_error` is like `invalid reference format`."""
    message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {parse_error}'
    return _failure("InvalidImageName", message, event_reason="InspectFailed")


def needs_inspect(policy: str) -> bool:
    """Whether the kubelet asks the runtime (ImageStatus) before it decides."""
    return policy != ALWAYS


def inspect_failed(error: str) -> ImageFailure:
    """ImageStatus itself failed. The kubelet has no image name at that point, so the quotes are empty."""
    return _failure("ImageInspectError", f'Failed to inspect image "": {error}', event_reason="InspectFailed")


def pull_decision(
    *,
    image: str,
    policy: str,
    is_present: bool,
    backoff: BackoffEntry | None,
    last_failure: Waiting | None,
    now_ns: int,
    must_verify: bool = False,
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> PullDecision:
    """Whether to use the image, to pull it, or to give up for now.

    Args:
        image: the name as written in the spec.
        policy: Always, IfNotPresent or Never.
        is_present: what ImageStatus said; False for Always, which does not ask.
        backoff: the entry of this pod and image name, or None.
        last_failure: the waiting state of the last failed pull of the same key, or None.
        now_ns: the present time.
        must_verify: the image is here, but this pod has not shown that it may use it
            (KubeletEnsureSecretPulledImages): it counts as absent.
        gates: the kubelet's feature gates.
    """
    usable = is_present and not must_verify
    if policy == NEVER and not usable:
        message = f'Container image "{image}" is not present with pull policy of Never'
        return PullDecision(
            step=PullStep.FAIL, failure=_failure("ErrImageNeverPull", message, event_reason="ErrImageNeverPull")
        )
    if policy != ALWAYS and usable:
        verified = gate_enabled(gates, "KubeletEnsureSecretPulledImages")
        access = " and can be accessed by the pod" if verified else ""
        # Many pods have the image, and their Events are remembered by the text.
        message = intern(f'Container image "{image}" already present on machine{access}')
        return PullDecision(step=PullStep.USE, events=(ImageEvent(type="Normal", reason="Pulled", message=message),))
    if in_backoff_since_update(backoff, IMAGE_PULL_BACKOFF, now_ns=now_ns):
        return PullDecision(step=PullStep.FAIL, failure=_backed_off(image, last_failure))
    pulling = ImageEvent(type="Normal", reason="Pulling", message=f'Pulling image "{image}"')
    return PullDecision(step=PullStep.PULL, events=(pulling,))


def pull_error_text(code: str, message: str) -> str:
    """The error of a PullImage call as the kubelet words it; `code` is the gRPC code's name, like `NotFound`.

    The CRI client strips the prefix of code Unknown: it says nothing.
    Mirrors: staging/src/k8s.io/cri-client/pkg/remote_image.go, PullImage.
    """
    return message if code == "Unknown" else f"rpc error: code = {code} desc = {message}"


def aggregate_text(errors: Sequence[str]) -> str:
    """Several errors as one: each text once, in brackets when there is more than one.

    Mirrors apimachinery: pkg/util/errors/errors.go, aggregate.Error.
    """
    texts = list(dict.fromkeys(errors))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def unreadable_secret(error: str) -> ImageFailure:
    """A pull secret cannot be read. The kubelet has no reason of its own for that: the error is reason and message."""
    return ImageFailure(waiting=Waiting(reason=error, message=error), events=())


def pull_failed(image: str, error: str) -> ImageFailure:
    """The pull failed with this text (pull_error_text); the caller then takes crash_loop_backoff.next_entry."""
    waiting = Waiting(reason="ErrImagePull", message=error)
    for reason, meaning in _SPECIAL_ERRORS.items():
        if error.startswith(reason):
            rest = error.removeprefix(reason)
            waiting = Waiting(reason=reason, message=f"image pull failed for {image} because {meaning}{rest}")
    event = ImageEvent(type="Warning", reason="Failed", message=f'Failed to pull image "{image}": {error}')
    return ImageFailure(waiting=waiting, events=(event,))


def pulled_event(image: str, *, pull_ns: int, waited_ns: int, size_bytes: int) -> ImageEvent:
    """The event of a pull that worked. `pull_ns` is the pull alone, `waited_ns` the same with the time in the queue."""
    pull, waited = (format_duration(span - span % _MILLISECOND_NS) for span in (pull_ns, waited_ns))
    message = (
        f'Successfully pulled image "{image}" in {pull} ({waited} including waiting). Image size: {size_bytes} bytes.'
    )
    return ImageEvent(type="Normal", reason="Pulled", message=message)


def _backed_off(image: str, last_failure: Waiting | None) -> ImageFailure:
    message = f'Back-off pulling image "{image}"'
    cause = f": {last_failure.reason}: {last_failure.message}" if last_failure is not None else ""
    return ImageFailure(
        waiting=Waiting(reason="ImagePullBackOff", message=message + cause),
        events=(ImageEvent(type="Normal", reason="BackOff", message=message),),
    )


def _failure(reason: str, message: str, *, event_reason: str) -> ImageFailure:
    return ImageFailure(
        waiting=Waiting(reason=reason, message=message),
        events=(ImageEvent(type="Warning", reason=event_reason, message=message),),
    )
