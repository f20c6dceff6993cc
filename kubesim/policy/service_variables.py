"""The variables that tell a container of the Services in its namespace.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, getServiceEnvVarMap, and pkg/kubelet/envvars/envvars.go, FromServices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DEFAULT_NAMESPACE = "default"
MASTER_SERVICES = frozenset({"kubernetes"})
"""Services of the namespace default that every pod is told of, even one without service links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """One port of a Service."""

    number: int
    name: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """A Service as variables tell it. `cluster_ip` is empty or "None" for one without an address."""

    namespace: str
    name: str
    cluster_ip: str
    ports: tuple[PortView, ...]


def service_variables(services: Iterable[ServiceView], *, namespace: str, has_links: bool) -> dict[str, str]:
    """The variables for a pod of a namespace; `has_links` is its enableServiceLinks."""
    known: dict[str, ServiceView] = {}
    for service in services:
        if service.cluster_ip in {"", "None"}:
            continue
        is_master = service.namespace == DEFAULT_NAMESPACE and service.name in MASTER_SERVICES
        if is_master:
            known.setdefault(service.name, service)
        elif has_links and service.namespace == namespace:
            known[service.name] = service
    variables: dict[str, str] = {}
    for service in known.values():
        variables.update(_of_service(service))
    return variables


def _of_service(service: ServiceView) -> dict[str, str]:
    prefix, address = _variable_name(service.name), service.cluster_ip
    first = service.ports[0]
    variables = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(first.number)}
    for port in service.ports:
        if port.name:
            variables[f"{prefix}_SERVICE_PORT_{_variable_name(port.name)}"] = str(port.number)
    # What Docker's links once told.
    host = f"[{address}]" if ":" in address else address
    variables[f"{prefix}_PORT"] = f"{first.protocol.lower()}://{host}:{first.number}"
    for port in service.ports:
        start = f"{prefix}_PORT_{port.number}_{port.protocol.upper()}"
        variables[start] = f"{port.protocol.lower()}://{host}:{port.number}"
        variables[f"{start}_PROTO"] = port.protocol.lower()
        variables[f"{start}_PORT"] = str(port.number)
        variables[f"{start}_ADDR"] = address
    return variables


def _variable_name(name: str) -> str:
    return name.replace("-", "_").upper()
