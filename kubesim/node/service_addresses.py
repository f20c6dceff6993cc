"""Gives Services their cluster addresses, as an API server does; in order, where a real one draws them.

Mirrors Kubernetes: pkg/registry/core/service/ipallocator. The range is that of kubeadm, 10.96.0.0/12; its first
addresses are left to `kubernetes` and DNS, which whoever wants them names.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1
from kubesim.model.validation.service import HEADLESS

FIRST_ADDRESS = IPv4Address("10.96.0.16")


def with_address(service: v1.Service, stored: Iterable[v1.Service]) -> v1.Service:
    """The Service with the address that it names, that it has already, or the first free one."""
    key = (service.metadata.namespace, service.metadata.name)
    others = list(stored)
    before = next((one for one in others if (one.metadata.namespace, one.metadata.name) == key), None)
    spec = service.spec
    if spec.type == "ExternalName" or spec.cluster_ip == HEADLESS:
        return service
    address = spec.cluster_ip or (before.spec.cluster_ip if before is not None else "")
    if not address:
        taken = {one.spec.cluster_ip for one in others}
        free = FIRST_ADDRESS
        while str(free) in taken:
            free += 1
        address = str(free)
    return replace(service, spec=replace(spec, cluster_ip=address, cluster_ips=[address]))
