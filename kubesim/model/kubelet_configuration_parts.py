"""The nested parts of KubeletConfiguration.

Mirrors Kubernetes: staging/src/k8s.io/kubelet/config/v1beta1/types.go and component-base/logs/api/v1/types.go.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct, field

from kubesim.model.k8s_meta import Int32, Int64, Quantity

T = TypeVar("T")

Duration = str
"""A Go duration: "30s"."""


def written(value: T, name: str | None = None) -> T:
    """A field that /configz always shows; msgspec leaves out plain defaults, and writes those of a factory."""
    return field(default_factory=lambda: value, name=name)


class X509Authentication(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """authentication.x509."""

    client_ca_file: str = field(default="", name="clientCAFile")


class WebhookAuthentication(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """authentication.webhook."""

    enabled: bool = written(True)
    cache_ttl: Duration = written("2m0s", "cacheTTL")


class AnonymousAuthentication(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """authentication.anonymous."""

    enabled: bool = written(False)


class Authentication(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How requests to the kubelet's server are authenticated."""

    x509: X509Authentication = field(default_factory=X509Authentication)
    webhook: WebhookAuthentication = field(default_factory=WebhookAuthentication)
    anonymous: AnonymousAuthentication = field(default_factory=AnonymousAuthentication)


class WebhookAuthorization(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """authorization.webhook."""

    cache_authorized_ttl: Duration = written("5m0s", "cacheAuthorizedTTL")
    cache_unauthorized_ttl: Duration = written("30s", "cacheUnauthorizedTTL")


class Authorization(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How requests to the kubelet's server are authorized."""

    mode: str = written("Webhook")
    webhook: WebhookAuthorization = field(default_factory=WebhookAuthorization)


class MemorySwap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """memorySwap."""

    swap_behavior: str = ""


class LogOutput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """logging.options.text and .json."""

    split_stream: bool = False
    info_buffer_size: Quantity = written("0")


class LogOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """logging.options."""

    text: LogOutput = field(default_factory=LogOutput)
    json: LogOutput = field(default_factory=LogOutput)


class VModule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One entry of logging.vmodule."""

    file_pattern: str
    verbosity: int


class Logging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """logging."""

    format: str = written("text")
    flush_frequency: Duration | int = written("5s")
    """A duration, or nanoseconds."""
    verbosity: int = written(0)
    vmodule: list[VModule] = field(default_factory=list)
    options: LogOptions = field(default_factory=LogOptions)


class PriorityGracePeriod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One entry of shutdownGracePeriodByPodPriority."""

    priority: Int32
    shutdown_grace_period_seconds: Int64


class CrashLoopBackOff(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """crashLoopBackOff."""

    max_container_restart_period: Duration | None = None


class MemoryReservation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One entry of reservedMemory."""

    numa_node: Int32
    limits: dict[str, Quantity]


class Tracing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """tracing."""

    endpoint: str | None = None
    sampling_rate_per_million: Int32 | None = None


class UserNamespaces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """userNamespaces."""

    ids_per_pod: Int64 | None = None
