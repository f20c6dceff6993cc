"""The host name inside a pod.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (GeneratePodHostNameAndDomain, truncatePodHostnameIfNeeded) and
pkg/kubelet/util/util.go (GetNodenameForKernel).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled

_HOSTNAME_LENGTH_MAX = 63
_KERNEL_NAME_LENGTH_MAX = 64


class HostnameError(Exception):
    """No host name can be made for the pod; its sandbox is not created, with this text."""


class PodHostname(Struct, frozen=True, kw_only=True, gc=False):
    """The short name and the domain (empty without a subdomain), and the name the kernel gets (the sandbox's)."""

    hostname: str
    domain: str
    kernel_name: str

    @property
    def fqdn(self) -> str:
        """The full name, or the short one when there is no domain."""
        return f"{self.hostname}.{self.domain}" if self.domain else self.hostname


def pod_hostname(
    *,
    pod_name: str,
    namespace: str,
    hostname: str = "",
    subdomain: str = "",
    hostname_override: str | None = None,
    set_hostname_as_fqdn: bool = False,
    cluster_domain: str = "cluster.local",
    gates: Mapping[str, bool] = DEFAULT_GATES,
) -> PodHostname:
    """The host name of a pod with its own network namespace (a pod on the host network has the node's).

    `hostname`, `subdomain`, `hostname_override` and `set_hostname_as_fqdn` are the fields of the pod's spec.

    Raises:
        HostnameError: nothing is left after shortening, or the full name is too long for the kernel.
    """
    if hostname_override is not None and gate_enabled(gates, "HostnameOverride"):
        name = hostname_override[:_HOSTNAME_LENGTH_MAX]
        return PodHostname(hostname=name, domain="", kernel_name=name)
    wanted = hostname or pod_name
    name = wanted
    if len(wanted) > _HOSTNAME_LENGTH_MAX:
        name = wanted[:_HOSTNAME_LENGTH_MAX].rstrip("-.")
    if not name:
        raise HostnameError(f'hostname for pod "{pod_name}" was invalid: "{wanted}"')
    domain = f"{subdomain}.{namespace}.svc.{cluster_domain}" if subdomain else ""
    result = PodHostname(hostname=name, domain=domain, kernel_name=name)
    if not set_hostname_as_fqdn:
        return result
    if len(result.fqdn) > _KERNEL_NAME_LENGTH_MAX:
        raise HostnameError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {result.fqdn} is too long "
            f"({_KERNEL_NAME_LENGTH_MAX} characters is the max, {len(result.fqdn)} characters requested)"
        )
    return PodHostname(hostname=name, domain=domain, kernel_name=result.fqdn)
