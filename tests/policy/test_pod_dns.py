"""The DNS configuration of a pod, by policy."""

import pytest

from kubesim.policy.pod_dns import DnsSettings, DnsWarning, pod_dns

NODE = DnsSettings(("10.0.0.2",), ("corp.test",), ("rotate",))
CLUSTER = DnsSettings(
    ("10.96.0.10",), ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.test"), ("ndots:5",)
)
NOTHING = DnsSettings()
FALLBACK = (
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. '
    'Falling back to "Default" policy.'
)


def dns(
    policy: str = "ClusterFirst",
    *,
    extra: DnsSettings | None = None,
    uses_node_network: bool = False,
    servers: tuple[str, ...] = ("10.96.0.10",),
    domain: str = "cluster.local",
    node: DnsSettings | None = NODE,
    node_ip: str = "10.0.0.9",
) -> tuple[DnsSettings, tuple[DnsWarning, ...]]:
    return pod_dns(
        policy=policy,
        pod="web_shop(1-2)",
        namespace="shop",
        uses_node_network=uses_node_network,
        extra=extra,
        node=node,
        node_ip=node_ip,
        cluster_servers=servers,
        cluster_domain=domain,
    )


@pytest.mark.parametrize(
    ("policy", "uses_node_network", "expected"),
    [
        ("ClusterFirst", False, CLUSTER),
        ("ClusterFirst", True, NODE),
        ("ClusterFirstWithHostNet", True, CLUSTER),
        ("Default", False, NODE),
        ("None", False, NOTHING),
        ("Other", False, CLUSTER),
    ],
)
def test_policies(policy: str, uses_node_network: bool, expected: DnsSettings) -> None:
    assert dns(policy, uses_node_network=uses_node_network) == (expected, ())


@pytest.mark.parametrize(
    ("policy", "node_ip", "expected"),
    [
        ("Default", "10.0.0.9", DnsSettings(("127.0.0.1",), (".",))),
        ("Default", "fd00::9", DnsSettings(("::1",), (".",))),
        ("ClusterFirst", "10.0.0.9", DnsSettings(CLUSTER.servers, CLUSTER.searches[:3], CLUSTER.options)),
    ],
)
def test_a_kubelet_without_a_file_to_read(policy: str, node_ip: str, expected: DnsSettings) -> None:
    assert dns(policy, node=None, node_ip=node_ip) == (expected, ())


def test_without_a_domain_the_searches_are_the_nodes() -> None:
    assert dns(domain="")[0] == DnsSettings(("10.96.0.10",), ("corp.test",), ("ndots:5",))


def test_without_a_server_of_the_cluster_the_node_stands_in_and_both_are_told() -> None:
    assert dns(servers=()) == (
        NODE,
        (
            DnsWarning("MissingClusterDNS", FALLBACK, is_of_node=True),
            DnsWarning("MissingClusterDNS", f'pod: "web_shop(1-2)". {FALLBACK}'),
        ),
    )


@pytest.mark.parametrize(
    ("policy", "extra", "expected"),
    [
        (
            "ClusterFirst",
            DnsSettings(("10.96.0.10", "9.9.9.9"), ("corp.test", "x.test"), ("ndots:2", "edns0")),
            DnsSettings(("10.96.0.10", "9.9.9.9"), (*CLUSTER.searches, "x.test"), ("ndots:2", "edns0")),
        ),
        ("None", DnsSettings(("1.1.1.1",)), DnsSettings(("1.1.1.1",))),
        ("Default", DnsSettings(options=("rotate:1",)), DnsSettings(NODE.servers, NODE.searches, ("rotate:1",))),
    ],
)
def test_the_pods_own_is_added(policy: str, extra: DnsSettings, expected: DnsSettings) -> None:
    assert dns(policy, extra=extra) == (expected, ())


def test_three_servers_at_most() -> None:
    found, warnings = dns("None", extra=DnsSettings(("1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4")))

    assert found.servers == ("1.1.1.1", "2.2.2.2", "3.3.3.3")
    assert warnings == (
        DnsWarning(
            "DNSConfigForming",
            (
                "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
                "1.1.1.1 2.2.2.2 3.3.3.3"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("searches", "kept"),
    [
        ([f"s{index}" for index in range(33)], 32),
        (["a" * 253, "b"], 2),
        (["b", "a" * 254], 1),
        ([letter * 250 for letter in "abcdefgh"] + ["i" * 40], 9),
        ([letter * 250 for letter in "abcdefgh"] + ["i" * 41], 8),
    ],
)
def test_a_search_line_has_limits(searches: list[str], kept: int) -> None:
    found, warnings = dns("None", extra=DnsSettings(searches=tuple(searches)))

    assert found.searches == tuple(searches[:kept])
    assert [one.message.rpartition(": ")[2] for one in warnings] == (
        [" ".join(searches[:kept])] if kept < len(searches) else []
    )
