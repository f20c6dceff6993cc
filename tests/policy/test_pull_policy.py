"""When an image is pulled, and the words around it."""

import pytest

from kubesim.policy.crash_loop_backoff import BackoffEntry
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_view import Waiting
from kubesim.policy.pull_policy import (
    ImageEvent,
    ImageFailure,
    PullDecision,
    PullStep,
    aggregate_text,
    default_pull_policy,
    inspect_failed,
    invalid_image_name,
    needs_inspect,
    pull_decision,
    pull_error_text,
    pull_failed,
    pulled_event,
    unreadable_secret,
)

S = 1_000_000_000
IMAGE = "registry.k8s.io/e2e-test-images/busybox:v99"


def normal(reason: str, message: str) -> ImageEvent:
    return ImageEvent(type="Normal", reason=reason, message=message)


def warning(reason: str, message: str) -> ImageEvent:
    return ImageEvent(type="Warning", reason=reason, message=message)


@pytest.mark.parametrize(
    ("tag", "expected"), [("latest", "Always"), ("1.0", "IfNotPresent"), ("", "IfNotPresent"), (None, "IfNotPresent")]
)
def test_default_policy(tag: str | None, expected: str) -> None:
    assert default_pull_policy(tag) == expected


@pytest.mark.parametrize(("policy", "expected"), [("Always", False), ("IfNotPresent", True), ("Never", True)])
def test_only_always_does_not_ask_the_runtime_first(policy: str, expected: bool) -> None:
    assert needs_inspect(policy) is expected


@pytest.mark.parametrize(
    "parse_error",
    ["invalid reference format", "invalid reference format: repository name (library/Bad) must be lowercase"],
)
def test_a_name_that_can_not_be_parsed(parse_error: str) -> None:
    text = f'Failed to apply default image tag "Bad": couldn\'t parse image name "Bad": {parse_error}'
    failure = invalid_image_name("Bad", parse_error)
    assert failure == ImageFailure(
        waiting=Waiting(reason="InvalidImageName", message=text), events=(warning("InspectFailed", text),)
    )
    assert failure.container_event == warning("Failed", "Error: InvalidImageName")


def test_an_inspection_that_fails() -> None:
    failure = inspect_failed("rpc error: code = Unavailable desc = down")
    assert failure.waiting == Waiting(
        reason="ImageInspectError", message='Failed to inspect image "": rpc error: code = Unavailable desc = down'
    )
    assert [event.reason for event in failure.events] == ["InspectFailed"]


def decide(policy: str, *, is_present: bool = False, now_s: int = 0, **options: object) -> PullDecision:
    arguments = {"backoff": None, "last_failure": None} | options
    return pull_decision(image=IMAGE, policy=policy, is_present=is_present, now_ns=now_s * S, **arguments)


PULL = PullDecision(step=PullStep.PULL, events=(normal("Pulling", f'Pulling image "{IMAGE}"'),))
PRESENT = f'Container image "{IMAGE}" already present on machine'


@pytest.mark.parametrize(
    ("version", "message"), [("1.36", f"{PRESENT} and can be accessed by the pod"), ("1.34", PRESENT)]
)
@pytest.mark.parametrize("policy", ["IfNotPresent", "Never"])
def test_a_present_image_is_used(policy: str, version: str, message: str) -> None:
    decision = decide(policy, is_present=True, gates=resolve_gates(version))
    assert decision == PullDecision(step=PullStep.USE, events=(normal("Pulled", message),))


def test_always_and_absent_images_are_pulled() -> None:
    assert decide("Always") == PULL
    assert decide("Always", is_present=True) == PULL
    assert decide("IfNotPresent") == PULL
    assert decide("IfNotPresent", is_present=True, must_verify=True) == PULL


@pytest.mark.parametrize("options", [{}, {"is_present": True, "must_verify": True}])
def test_never_pull(options: dict[str, bool]) -> None:
    text = f'Container image "{IMAGE}" is not present with pull policy of Never'
    decision = decide("Never", **options)
    assert decision.step is PullStep.FAIL
    assert decision.failure == ImageFailure(
        waiting=Waiting(reason="ErrImageNeverPull", message=text), events=(warning("ErrImageNeverPull", text),)
    )


def test_a_failed_pull_is_held_back() -> None:
    entry = BackoffEntry(duration_ns=10 * S, last_update_ns=100 * S)
    failed = Waiting(reason="ErrImagePull", message="not found")
    decision = decide("Always", backoff=entry, last_failure=failed, now_s=109)
    assert decision.step is PullStep.FAIL
    assert decision.failure is not None
    assert decision.failure.waiting == Waiting(
        reason="ImagePullBackOff", message=f'Back-off pulling image "{IMAGE}": ErrImagePull: not found'
    )
    assert decision.failure.events == (normal("BackOff", f'Back-off pulling image "{IMAGE}"'),)
    assert decision.failure.container_event == warning("Failed", "Error: ImagePullBackOff")
    assert decide("Always", backoff=entry, last_failure=failed, now_s=110) == PULL
    unexplained = decide("Always", backoff=entry, now_s=109)
    assert unexplained.failure is not None
    assert unexplained.failure.waiting.message == f'Back-off pulling image "{IMAGE}"'


def test_a_present_image_is_not_held_back() -> None:
    entry = BackoffEntry(duration_ns=10 * S, last_update_ns=100 * S)
    assert decide("IfNotPresent", is_present=True, backoff=entry, now_s=101).step is PullStep.USE


@pytest.mark.parametrize(
    ("code", "expected"), [("NotFound", "rpc error: code = NotFound desc = gone"), ("Unknown", "gone")]
)
def test_the_text_of_a_cri_error(code: str, expected: str) -> None:
    assert pull_error_text(code, "gone") == expected


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        ("not found", "ErrImagePull", "not found"),
        (
            "RegistryUnavailable: busy",
            "RegistryUnavailable",
            f"image pull failed for {IMAGE} because the registry is unavailable: busy",
        ),
        (
            "SignatureValidationFailed",
            "SignatureValidationFailed",
            f"image pull failed for {IMAGE} because the signature validation failed",
        ),
    ],
)
def test_a_pull_that_failed(error: str, reason: str, message: str) -> None:
    failure = pull_failed(IMAGE, error)
    assert failure.waiting == Waiting(reason=reason, message=message)
    assert failure.events == (warning("Failed", f'Failed to pull image "{IMAGE}": {error}'),)


def test_a_pull_that_worked() -> None:
    event = pulled_event(IMAGE, pull_ns=1_234_567_890, waited_ns=61_000_999_999, size_bytes=2_219_949)
    assert event == normal(
        "Pulled",
        f'Successfully pulled image "{IMAGE}" in 1.234s (1m1s including waiting). Image size: 2219949 bytes.',
    )


@pytest.mark.parametrize(
    ("errors", "text"), [(["a"], "a"), (["a", "a"], "a"), (["a", "b"], "[a, b]"), (["b", "a", "b"], "[b, a]")]
)
def test_errors_of_several_logins(errors: list[str], text: str) -> None:
    assert aggregate_text(errors) == text


def test_a_secret_that_cannot_be_read_is_reason_and_message() -> None:
    failure = unreadable_secret("illegal base64 data at input byte 0")
    assert failure.waiting == Waiting(reason="illegal base64 data at input byte 0", message=failure.waiting.reason)
    assert failure.events == ()
