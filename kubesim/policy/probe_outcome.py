"""What one run of a probe came to, what counts of it, and the words of its event.

Mirrors kubelet: pkg/kubelet/prober/prober.go (probe), pkg/probe/probe.go, pkg/probe/exec/exec.go (Probe),
pkg/probe/grpc/grpc.go (Probe) and cri-client: pkg/remote_runtime.go (ExecSync).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kubesim.model.duration import format_duration
from kubesim.policy.go_quote import go_quote
from kubesim.policy.pod_view import ProbeResult
from kubesim.policy.probe_worker import ProbeKind

OUTPUT_BYTES_MAX = 10 * 1024
"""Of what a command or a server says, this much is looked at."""

RUNS_MAX = 3
"""A run that could not be made is made again at once, so often in all."""

_SECOND_NS = 1_000_000_000
_CODE_UNIMPLEMENTED, _CODE_DEADLINE_EXCEEDED = 12, 4


class ProbeVerdict(StrEnum):
    """The result of one run, as the kubelet writes it into events."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOutcome:
    """One run of a probe. With an `error` it counts as no result at all."""

    verdict: ProbeVerdict
    output: str = ""
    error: str = ""

    @property
    def result(self) -> ProbeResult | None:
        """What is counted: success or failure; None for a run with an error."""
        if self.error:
            return None
        is_success = self.verdict in (ProbeVerdict.SUCCESS, ProbeVerdict.WARNING)
        return ProbeResult.SUCCESS if is_success else ProbeResult.FAILURE


def failed(output: str) -> ProbeOutcome:
    """The probe ran and failed."""
    return ProbeOutcome(verdict=ProbeVerdict.FAILURE, output=output)


def errored(error: str) -> ProbeOutcome:
    """The probe could not be made."""
    return ProbeOutcome(verdict=ProbeVerdict.UNKNOWN, error=error)


def probe_event(kind: ProbeKind, outcome: ProbeOutcome, *, minor: int) -> tuple[str, str] | None:
    """Reason and message of the Warning event of a run; None when it passed. `minor` is the kubelet's."""
    if outcome.error:
        # kubernetes pull request 125901, first in 1.33
        how = f"errored and resulted in {outcome.verdict} state" if minor >= 33 else "errored"
        return "Unhealthy", f"{kind} probe {how}: {outcome.error}"
    if outcome.verdict is ProbeVerdict.SUCCESS:
        return None
    if outcome.verdict is ProbeVerdict.WARNING:
        return "ProbeWarning", f"{kind} probe warning: {outcome.output}"
    return "Unhealthy", f"{kind} probe failed: {outcome.output}"


def exec_outcome(exit_code: int, output: bytes) -> ProbeOutcome:
    """A command that ended; `output` is its stdout, then its stderr."""
    text = output[:OUTPUT_BYTES_MAX].decode(errors="replace")
    return ProbeOutcome(verdict=ProbeVerdict.FAILURE if exit_code else ProbeVerdict.SUCCESS, output=text)


def exec_timed_out(
    command: Sequence[str], *, timeout_seconds: int, minor: int, counts_as_failure: bool = True
) -> ProbeOutcome:
    """A command that the runtime ended for its time. Without the gate ExecProbeTimeout (up to 1.34) that is fine."""
    if not counts_as_failure:
        return ProbeOutcome(verdict=ProbeVerdict.SUCCESS)
    shown = go_quote(" ".join(command))
    if minor < 31:
        return failed(f"command {shown} timed out")
    return failed(f"command timed out: {shown} timed out after {format_duration(timeout_seconds * _SECOND_NS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthAnswer:
    """How a server answered Check: gRPC's code (0 is OK) and words, and the name of the status it gave.

    `is_connected` False: there was no connection in time.
    """

    is_connected: bool = True
    code: int = 0
    code_name: str = ""
    message: str = ""
    status: str = ""


def grpc_outcome(answer: HealthAnswer, *, address: str, timeout_seconds: int) -> ProbeOutcome:
    """What an answer of the health service means. `address` is host:port, as it was dialled.

    A connection that is refused is tried again until the time is over, so it reads like one that nobody answers.
    """
    limit = format_duration(timeout_seconds * _SECOND_NS)
    if not answer.is_connected:
        service = go_quote(address)
        return failed(f"timeout: failed to connect service {service} within {limit}: context deadline exceeded")
    if answer.code == _CODE_UNIMPLEMENTED:
        what = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
        return failed(f"error: {what}: {answer.message}")
    if answer.code == _CODE_DEADLINE_EXCEEDED:
        return failed(f"timeout: health rpc did not complete within {limit}")
    if answer.code:
        error = f"rpc error: code = {answer.code_name} desc = {answer.message}"
        return failed(f"error: health rpc probe failed: {error}")
    if answer.status != "SERVING":
        return failed(f"service unhealthy (responded with {go_quote(answer.status)})")
    return ProbeOutcome(verdict=ProbeVerdict.SUCCESS, output="service healthy")
