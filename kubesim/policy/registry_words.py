"""What Go clients say of a registry's refusals and of connections to it, from the plain facts.

Mirrors containers/image: docker/errors.go, registryHTTPResponseToError, and docker/distribution_error.go,
handleErrorResponse; docker/distribution: registry/api/errcode/errors.go and register.go; Go: net/net.go,
crypto/tls/common.go and crypto/x509/verify.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.policy.go_net_error import dial_error
from kubesim.policy.go_quote import go_quote

_BODY_LENGTH_MAX = 50

_MESSAGES = {
    "UNKNOWN": "unknown error",
    "UNSUPPORTED": "The operation is unsupported.",
    "UNAUTHORIZED": "authentication required",
    "DENIED": "requested access to the resource is denied",
    "UNAVAILABLE": "service unavailable",
    "TOOMANYREQUESTS": "too many requests",
    "DIGEST_INVALID": "provided digest did not match uploaded content",
    "SIZE_INVALID": "provided length did not match content length",
    "NAME_INVALID": "invalid repository name",
    "TAG_INVALID": "manifest tag did not match URI",
    "NAME_UNKNOWN": "repository name not known to registry",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "MANIFEST_INVALID": "manifest invalid",
    "MANIFEST_BLOB_UNKNOWN": "blob unknown to registry",
    "BLOB_UNKNOWN": "blob unknown to registry",
}
"""The codes that docker/distribution registers, and what each means when the registry says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAnswer:
    """A refusal, as it came."""

    status: int
    reason: str = ""
    """Of the status line."""
    code: str = ""
    """Of the first error in the body, such as `MANIFEST_UNKNOWN`; "" when there is none."""
    message: str = ""
    has_detail: bool = False
    body: str = ""
    """The beginning of a body without errors in it."""

    @property
    def status_text(self) -> str:
        """`404 Not Found`."""
        return f"{self.status} {self.reason}".rstrip()


def distribution_error(answer: RegistryAnswer) -> str:
    """What containers/image makes of a refusal: `manifest unknown`, `unauthorized: who are you` ..."""
    if not 400 <= answer.status < 500:
        return f"received unexpected HTTP status: {answer.status_text}"
    if not answer.code:
        if answer.status == 401:
            return _MESSAGES["UNAUTHORIZED"]
        body = answer.body if len(answer.body) <= _BODY_LENGTH_MAX else f"{answer.body[:_BODY_LENGTH_MAX]}..."
        return f"StatusCode: {answer.status}, {go_quote(body)}"
    is_default = answer.has_detail and answer.message == _MESSAGES.get(answer.code)
    return answer.message if is_default else registry_errors(answer)


def registry_errors(answer: RegistryAnswer) -> str:
    """What containerd makes of the error in a body: `denied`, `unauthorized: who are you`; "" without one.

    Mirrors containerd: core/remotes/docker/errcode.go, Errors.UnmarshalJSON and Error.
    """
    if not answer.code:
        return ""
    code = answer.code if answer.code in _MESSAGES else "UNKNOWN"
    value = code.lower().replace("_", " ")
    is_bare = answer.message in ("", _MESSAGES[code]) and not answer.has_detail
    return value if is_bare else f"{value}: {answer.message}"


def connection_error(cause: str, *, host: str, address: str, detail: str) -> str:
    """How Go's HTTP client says why there was no answer. `host` is a name, `address` host and port that were dialled.

    >>> connection_error("refused", host="127.0.0.1", address="127.0.0.1:5000", detail="connection refused")
    'dial tcp 127.0.0.1:5000: connect: connection refused'
    """
    match cause:
        case "refused" | "no-route":
            return dial_error("tcp", address, detail)
        case "no-such-host":
            return f"dial tcp: lookup {host}: no such host"
        case "timed-out":
            return f"dial tcp {address}: i/o timeout"
        case "no-answer":
            return "net/http: timeout awaiting response headers"
        case "unknown-authority":
            return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        case "certificate":
            return f"tls: failed to verify certificate: x509: {detail}"
        case "no-tls":
            return "http: server gave HTTP response to HTTPS client"
        case "ended":
            return "EOF"
        case "reset":
            return f"read tcp {address}: read: connection reset by peer"
        case _:
            return f"remote error: tls: {detail}"
