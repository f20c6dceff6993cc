"""Light checks of a Service in the API server's words: what the variables of pods depend on.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, validateService, and pkg/apis/core/v1/defaults.go,
SetDefaults_Service.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.k8s_v1 import Service, ServicePort
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
from kubesim.model.validation.names import PORT_MAX, label_problems, port_problems, subdomain_problems
from kubesim.model.validation.scheduling import check_labels
from kubesim.model.yaml_text import Document

PROTOCOLS = ("SCTP", "TCP", "UDP")
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
AFFINITIES = ("ClientIP", "None")
HEADLESS = "None"


def default_service(service: Service) -> Service:
    """The Service as it is stored: in a namespace, with a type, and with the protocols and targets of its ports."""
    meta, spec = service.metadata, service.spec
    ports = [
        replace(one, protocol=one.protocol or "TCP", target_port=one.target_port or one.port) for one in spec.ports
    ]
    address = spec.cluster_ip or (spec.cluster_ips[0] if spec.cluster_ips else "")
    return replace(
        service,
        metadata=replace(meta, namespace=meta.namespace or "default"),
        spec=replace(
            spec,
            type=spec.type or "ClusterIP",
            ports=ports,
            cluster_ip=address,
            session_affinity=spec.session_affinity or "None",
        ),
    )


def validate_service(service: Service, document: Document, path: Path = ()) -> list[InputError]:
    """Every refusal, with its place; empty for a good Service."""
    return input_errors(service_errors(service), document, path)


def service_errors(service: Service) -> Iterator[FieldError]:
    """Every refusal of a defaulted Service, in the API server's order."""
    spec, path = service.spec, ("spec",)
    yield from check_metadata(service.metadata)
    if service.metadata.name:
        yield from check_problems(("metadata", "name"), service.metadata.name, label_problems(service.metadata.name))
    if not spec.ports and spec.cluster_ip != HEADLESS and spec.type != "ExternalName":
        yield required((*path, "ports"))
    if spec.type == "ExternalName":
        yield from _check_external_name(spec.external_name.removesuffix("."), (*path, "externalName"))
    names: set[str] = set()
    for index, port in enumerate(spec.ports):
        yield from _check_port(port, (*path, "ports", index), names, needs_name=len(spec.ports) > 1)
    yield from check_labels(spec.selector, (*path, "selector"))
    yield from check_choice((*path, "sessionAffinity"), spec.session_affinity, AFFINITIES)
    if spec.cluster_ip not in {"", HEADLESS} and not _is_address(spec.cluster_ip):
        text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        yield invalid((*path, "clusterIPs", 0), spec.cluster_ip, text)
    yield from check_choice((*path, "type"), spec.type, TYPES)
    taken: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        if (port.protocol, port.port) in taken:
            key = {"Name": "", "Protocol": port.protocol, "AppProtocol": None, "Port": port.port}
            yield duplicate((*path, "ports", index), {**key, "TargetPort": 0, "NodePort": 0})
        taken.add((port.protocol, port.port))


def _check_external_name(name: str, path: Path) -> Iterator[FieldError]:
    if name:
        yield from check_problems(path, name, subdomain_problems(name))
    else:
        yield required(path)


def _check_port(port: ServicePort, path: Path, names: set[str], *, needs_name: bool) -> Iterator[FieldError]:
    """One port; `names` are those of the ports before it. Mirrors validateServicePort."""
    if not port.name and needs_name:
        yield required((*path, "name"))
    elif port.name:
        yield from check_problems((*path, "name"), port.name, label_problems(port.name))
        if port.name in names:
            yield duplicate((*path, "name"), port.name)
        names.add(port.name)
    yield from check_range((*path, "port"), port.port, 1, PORT_MAX)
    yield from check_choice((*path, "protocol"), port.protocol, PROTOCOLS)
    yield from check_problems((*path, "targetPort"), port.target_port, port_problems(port.target_port))


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
