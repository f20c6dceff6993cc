"""What one run of a probe came to, and the words of its event."""

import pytest

from kubesim.policy.pod_view import ProbeResult
from kubesim.policy.probe_outcome import (
    HealthAnswer,
    ProbeOutcome,
    ProbeVerdict,
    errored,
    exec_outcome,
    exec_timed_out,
    failed,
    grpc_outcome,
    probe_event,
)
from kubesim.policy.probe_worker import ProbeKind

PASSED = ProbeOutcome(verdict=ProbeVerdict.SUCCESS, output="ok")
WARNED = ProbeOutcome(verdict=ProbeVerdict.WARNING, output="moved")


@pytest.mark.parametrize(
    ("outcome", "minor", "event"),
    [
        (PASSED, 36, None),
        (WARNED, 36, ("ProbeWarning", "Liveness probe warning: moved")),
        (failed("no"), 36, ("Unhealthy", "Liveness probe failed: no")),
        (errored("gone"), 33, ("Unhealthy", "Liveness probe errored and resulted in unknown state: gone")),
        (errored("gone"), 32, ("Unhealthy", "Liveness probe errored: gone")),
        (
            ProbeOutcome(verdict=ProbeVerdict.FAILURE, error="cut off"),
            36,
            ("Unhealthy", "Liveness probe errored and resulted in failure state: cut off"),
        ),
    ],
)
def test_the_event(outcome: ProbeOutcome, minor: int, event: tuple[str, str] | None) -> None:
    assert probe_event(ProbeKind.LIVENESS, outcome, minor=minor) == event


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (PASSED, ProbeResult.SUCCESS),
        (WARNED, ProbeResult.SUCCESS),
        (failed("no"), ProbeResult.FAILURE),
        (ProbeOutcome(verdict=ProbeVerdict.UNKNOWN), ProbeResult.FAILURE),
        (errored("gone"), None),
    ],
)
def test_what_counts(outcome: ProbeOutcome, result: ProbeResult | None) -> None:
    assert outcome.result is result


def test_a_command() -> None:
    assert exec_outcome(0, b"fine\n") == ProbeOutcome(verdict=ProbeVerdict.SUCCESS, output="fine\n")
    assert exec_outcome(3, b"x" * 20000) == failed("x" * 10240)


@pytest.mark.parametrize(
    ("minor", "text"),
    [(36, 'command timed out: "sleep 9" timed out after 1m1s'), (30, 'command "sleep 9" timed out')],
)
def test_a_command_that_took_too_long(minor: int, text: str) -> None:
    assert exec_timed_out(["sleep", "9"], timeout_seconds=61, minor=minor) == failed(text)


def test_without_the_gate_a_command_may_take_its_time() -> None:
    found = exec_timed_out(["sleep", "9"], timeout_seconds=1, minor=30, counts_as_failure=False)
    assert found.result is ProbeResult.SUCCESS


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HealthAnswer(status="SERVING"), ProbeOutcome(verdict=ProbeVerdict.SUCCESS, output="service healthy")),
        (HealthAnswer(status="NOT_SERVING"), failed('service unhealthy (responded with "NOT_SERVING")')),
        (
            HealthAnswer(is_connected=False, code=4),
            failed('timeout: failed to connect service "10.0.0.5:99" within 2s: context deadline exceeded'),
        ),
        (HealthAnswer(code=4), failed("timeout: health rpc did not complete within 2s")),
        (
            HealthAnswer(code=12, code_name="Unimplemented", message="unknown service"),
            failed(
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
                "unknown service"
            ),
        ),
        (
            HealthAnswer(code=5, code_name="NotFound", message="unknown service"),
            failed("error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"),
        ),
    ],
)
def test_a_health_check(answer: HealthAnswer, outcome: ProbeOutcome) -> None:
    assert grpc_outcome(answer, address="10.0.0.5:99", timeout_seconds=2) == outcome
