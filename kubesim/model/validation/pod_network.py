"""A pod's place in the network: DNS, host names and aliases, the network and the users of the node.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (validatePodDNSConfig, validatePodHostNetworkDeps,
ValidateHostAliases, validatePodHostName, validateHostUsers).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubesim.model.k8s_v1 import HostAlias, PodDNSConfig, PodSpec
from kubesim.model.paths import Path
from kubesim.model.validation.field_error import (
    FieldError,
    byte_length,
    check_problems,
    forbidden,
    invalid,
    required,
    too_long,
)
from kubesim.model.validation.names import ip_problems, loose_subdomain_problems, subdomain_problems
from kubesim.model.validation.options import ValidationOptions
from kubesim.model.validation.pod_facts import containers_of

NAMESERVERS_MAX = 3
SEARCHES_MAX = 32
SEARCH_LETTERS_MAX = 2048
HOSTNAME_OVERRIDE_MAX = 64

_CONFIG: Path = ("spec", "dnsConfig")


def check_dns(spec: PodSpec, options: ValidationOptions) -> Iterator[FieldError]:
    """spec.dnsConfig, which the policy None cannot do without."""
    config = spec.dns_config
    if spec.dns_policy == "None":
        if config is None:
            yield required(_CONFIG, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not config.nameservers:
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield required((*_CONFIG, "nameservers"), detail)
            return
    if config is not None:
        yield from _check_config(config, options)


def _check_config(config: PodDNSConfig, options: ValidationOptions) -> Iterator[FieldError]:
    where: Path = (*_CONFIG, "nameservers")
    if len(config.nameservers) > NAMESERVERS_MAX:
        yield invalid(where, config.nameservers, f"must not have more than {NAMESERVERS_MAX} nameservers")
    for index, address in enumerate(config.nameservers):
        problems = ip_problems(address, strict=options.strict_addresses)
        yield from check_problems((*where, index), address, problems)
    where = (*_CONFIG, "searches")
    if len(config.searches) > SEARCHES_MAX:
        yield invalid(where, config.searches, f"must not have more than {SEARCHES_MAX} search paths")
    if byte_length(" ".join(config.searches)) > SEARCH_LETTERS_MAX:
        detail = f"must not have more than {SEARCH_LETTERS_MAX} characters (including spaces) in the search list"
        yield invalid(where, config.searches, detail)
    for index, written in enumerate(config.searches):
        search = written.removesuffix(".")
        if not options.relaxed_dns_searches:
            yield from check_problems((*where, index), search, subdomain_problems(search))
        elif written != ".":
            yield from check_problems((*where, index), search, loose_subdomain_problems(search))
    for index, option in enumerate(config.options):
        if not option.name:
            yield required((*_CONFIG, "options", index), "must not be empty")


def check_host_network_ports(spec: PodSpec) -> Iterator[FieldError]:
    """On the node's network a container's port is a port of the node."""
    for index, container in enumerate(spec.containers if spec.host_network else ()):
        for number, port in enumerate(container.ports):
            if port.host_port != port.container_port:
                where = ("spec", "containers", index, "ports", number, "hostPort")
                yield invalid(where, port.host_port, "must match `containerPort` when `hostNetwork` is true")


def check_host_aliases(aliases: Sequence[HostAlias], options: ValidationOptions) -> Iterator[FieldError]:
    """spec.hostAliases."""
    for index, alias in enumerate(aliases):
        where: Path = ("spec", "hostAliases", index)
        problems = ip_problems(alias.ip, strict=options.strict_addresses)
        yield from check_problems((*where, "ip"), alias.ip, problems)
        for number, name in enumerate(alias.hostnames):
            yield from check_problems((*where, "hostnames", number), name, subdomain_problems(name))


def check_hostname_override(spec: PodSpec) -> Iterator[FieldError]:
    """spec.hostnameOverride, and what cannot be beside it."""
    name, where = spec.hostname_override, ("spec", "hostnameOverride")
    if name is None:
        return
    if spec.set_hostname_as_fqdn:
        yield forbidden(where, "may not be specified when setHostnameAsFQDN is true")
    if spec.host_network:
        yield forbidden(where, "may not be specified when hostNetwork is true")
    if byte_length(name) > HOSTNAME_OVERRIDE_MAX:
        yield too_long(where, HOSTNAME_OVERRIDE_MAX)
    yield from check_problems(where, name, subdomain_problems(name))


def check_host_users(spec: PodSpec, options: ValidationOptions) -> Iterator[FieldError]:
    """A user namespace goes with no other namespace of the node. The spelling of the paths is upstream's."""
    if spec.host_users is not False:
        return
    detail = "when `hostUsers` is false"
    if spec.host_network and not options.user_namespace_on_host_network:
        yield forbidden(("spec", "hostNetwork"), detail)
    if spec.host_pid:
        yield forbidden(("spec", "HostPID"), detail, place=("spec", "hostPID"))
    if spec.host_ipc:
        yield forbidden(("spec", "HostIPC"), detail, place=("spec", "hostIPC"))
    for path, container in containers_of(spec):
        if container.volume_devices:
            yield forbidden((*path, "volumeDevices"), detail)
