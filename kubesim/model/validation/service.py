"""Light checks of a Service in the API server's words: what the variables of pods depend on.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidateService, and pkg/apis/core/v1/defaults.go,
SetDefaults_Service.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.k8s_v1 import Service
from kubesim.model.paths import Path
from kubesim.model.validation.field_error import (
    FieldError,
    check_choice,
    check_problems,
    check_range,
    duplicate,
    input_errors,
    invalid,
    required,
)
from kubesim.model.validation.metadata import check_metadata
from kubesim.model.validation.names import label_problems
from kubesim.model.yaml_text import Document

PROTOCOLS = ("SCTP", "TCP", "UDP")
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
HEADLESS = "None"


def default_service(service: Service) -> Service:
    """The Service as it is stored: in a namespace, with a type, and with protocols."""
    meta, spec = service.metadata, service.spec
    ports = [replace(one, protocol=one.protocol or "TCP") for one in spec.ports]
    address = spec.cluster_ip or (spec.cluster_ips[0] if spec.cluster_ips else "")
    return replace(
        service,
        metadata=replace(meta, namespace=meta.namespace or "default"),
        spec=replace(spec, type=spec.type or "ClusterIP", ports=ports, cluster_ip=address),
    )


def validate_service(service: Service, document: Document, path: Path = ()) -> list[InputError]:
    """Every refusal, with its place; empty for a good Service."""
    return input_errors(service_errors(service), document, path)


def service_errors(service: Service) -> Iterator[FieldError]:
    """Every refusal of a defaulted Service."""
    spec, path = service.spec, ("spec",)
    yield from check_metadata(service.metadata)
    if service.metadata.name:
        yield from check_problems(("metadata", "name"), service.metadata.name, label_problems(service.metadata.name))
    if not spec.ports and spec.cluster_ip != HEADLESS and spec.type != "ExternalName":
        yield required((*path, "ports"))
    yield from check_choice((*path, "type"), spec.type, TYPES)
    if spec.cluster_ip not in {"", HEADLESS} and not _is_address(spec.cluster_ip):
        text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        yield invalid((*path, "clusterIPs", 0), spec.cluster_ip, text)
    names: set[str] = set()
    for index, port in enumerate(spec.ports):
        where = (*path, "ports", index)
        if not port.name and len(spec.ports) > 1:
            yield required((*where, "name"))
        elif port.name:
            yield from check_problems((*where, "name"), port.name, label_problems(port.name))
            if port.name in names:
                yield duplicate((*where, "name"), port.name)
            names.add(port.name)
        yield from check_range((*where, "port"), port.port, 1, 65535)
        yield from check_choice((*where, "protocol"), port.protocol, PROTOCOLS)


def service_update_errors(new: Service, old: Service) -> Iterator[FieldError]:
    """What may not change once it is set. Mirrors validateServiceClusterIPsRelatedFields."""
    yield from service_errors(new)
    before, after = old.spec.cluster_ip, new.spec.cluster_ip
    if before not in {"", after}:
        yield invalid(("spec", "clusterIPs", 0), [after], "may not change once set")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
