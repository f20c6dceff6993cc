"""The DNS configuration that the kubelet gives a pod's sandbox.

Mirrors kubelet: pkg/kubelet/network/dns/dns.go (GetPodDNS, appendDNSConfig, mergeDNSOptions, formDNSConfigFitsLimits).
Options keep their order; the kubelet's come out of a Go map, in any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

SERVERS_MAX = 3
SEARCHES_MAX = 32
SEARCH_LINE_LENGTH_MAX = 2048
_SEARCH_LENGTH_MAX = 253
"""A longer search path ends processes with an old glibc; it is a DNS subdomain's longest."""

_FALLBACK = (
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. '
    'Falling back to "Default" policy.'
)


class DnsSettings(Struct, frozen=True, gc=False):
    """What becomes a resolv.conf. `options` are `name` or `name:value`."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


NODE_DNS = DnsSettings(servers=("127.0.0.53",))
"""What the resolv.conf of an emulated node says, as with systemd-resolved; never the real machine's."""


class DnsWarning(Struct, frozen=True, gc=False):
    """An event of the pod, or of the node when `is_of_node`."""

    reason: str
    message: str
    is_of_node: bool = False


def pod_dns(
    *,
    policy: str,
    pod: str,
    namespace: str,
    uses_node_network: bool,
    extra: DnsSettings | None = None,
    node: DnsSettings | None,
    node_ip: str,
    cluster_servers: Sequence[str],
    cluster_domain: str,
) -> tuple[DnsSettings, tuple[DnsWarning, ...]]:
    """A pod's settings, and what is to be said about them.

    `pod` is `name_namespace(uid)`; `extra` is its dnsConfig; `node` is what the node's resolv.conf says, None for a
    kubelet that is to use no such file. An unknown policy is ClusterFirst.
    """
    warnings: list[DnsWarning] = []
    found = DnsSettings(("::1" if ":" in node_ip else "127.0.0.1",), (".",)) if node is None else node
    if policy == "None":
        found = DnsSettings()
    elif policy != "Default" and not (policy == "ClusterFirst" and uses_node_network):
        if cluster_servers:
            searches = () if node is None else node.searches
            if cluster_domain:
                own = (f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain)
                searches = _unique((*own, *searches))
            found = DnsSettings(tuple(cluster_servers), searches, ("ndots:5",))
        else:
            warnings.append(DnsWarning("MissingClusterDNS", _FALLBACK, is_of_node=True))
            warnings.append(DnsWarning("MissingClusterDNS", f'pod: "{pod}". {_FALLBACK}'))
    if extra is not None:
        found = DnsSettings(
            _unique((*found.servers, *extra.servers)),
            _unique((*found.searches, *extra.searches)),
            _merged(found.options, extra.options),
        )
    servers = found.servers[:SERVERS_MAX]
    if servers != found.servers:
        text = "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
        warnings.append(DnsWarning("DNSConfigForming", text + " ".join(servers)))
    searches = _fitting(found.searches)
    if searches != found.searches:
        text = "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
        warnings.append(DnsWarning("DNSConfigForming", text + " ".join(searches)))
    return DnsSettings(servers, searches, found.options), tuple(warnings)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _merged(options: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    values = {name: value for name, _, value in (option.partition(":") for option in (*options, *more))}
    return tuple(f"{name}:{value}" if value else name for name, value in values.items())


def _fitting(searches: Sequence[str]) -> tuple[str, ...]:
    found = [name for name in searches[:SEARCHES_MAX] if len(name) <= _SEARCH_LENGTH_MAX]
    while len(" ".join(found)) > SEARCH_LINE_LENGTH_MAX:
        found.pop()
    return tuple(found)
