"""What the error stream of Exec and Attach says at the end.

From the fourth version of the protocol on it is a JSON status in any case; before it is a text, and nothing at all when
all went well. The status is a metav1.Status before Kubernetes 1.36.

Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/remotecommand/httpstream.go, v1WriteStatusFunc and
v4WriteStatusFunc; exec.go, ServeExec; attach.go, ServeAttach; status.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kubesim.policy.go_json_text import go_json_text

_TEXT_PROTOCOLS = frozenset({"", "channel.k8s.io", "base64.channel.k8s.io", "v2.channel.k8s.io", "v3.channel.k8s.io"})


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The command ended with 0, or a client left what it was attached to."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The command ended with another code. `detail` are the words of the runtime for it."""

    code: int
    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """There was no command, or nothing to attach to: the whole text."""

    text: str


StreamOutcome = Succeeded | Exited | Failed


def status_bytes(outcome: StreamOutcome, *, protocol: str, form: Literal["metav1", "bare"]) -> bytes:
    """What is written to the error stream; nothing for b""."""
    if protocol in _TEXT_PROTOCOLS:
        return b"" if isinstance(outcome, Succeeded) else _message(outcome).encode("utf-8", "replace")
    status: dict[str, Any] = {"metadata": {}} if form == "metav1" else {}
    status["status"] = "Success" if isinstance(outcome, Succeeded) else "Failure"
    if isinstance(outcome, Exited):
        causes = [{"reason": "ExitCode", "message": str(outcome.code)}]
        status |= {"message": _message(outcome), "reason": "NonZeroExitCode", "details": {"causes": causes}}
    elif isinstance(outcome, Failed):
        status |= {"message": _message(outcome), "reason": "InternalError"}
        if form == "metav1":
            status["details"] = {"causes": [{"message": outcome.text}]}
        status["code"] = 500
    return go_json_text(status).encode()


def _message(outcome: Exited | Failed) -> str:
    if isinstance(outcome, Exited):
        return f"command terminated with non-zero exit code: {outcome.detail}"
    return f"Internal error occurred: {outcome.text}"
