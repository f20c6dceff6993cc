"""The host name inside a pod."""

import pytest

from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_hostname import HostnameError, PodHostname, pod_hostname

LONG = "a" * 62 + "-bc"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("web-0", "", "web-0", "web-0")),
        ({"hostname": "db"}, ("db", "", "db", "db")),
        ({"pod_name": LONG}, ("a" * 62, "", "a" * 62, "a" * 62)),
        ({"subdomain": "svc"}, ("web-0", "svc.ns.svc.cluster.local", "web-0", "web-0.svc.ns.svc.cluster.local")),
        (
            {"subdomain": "s", "set_hostname_as_fqdn": True, "cluster_domain": "x"},
            ("web-0", "s.ns.svc.x", "web-0.s.ns.svc.x", "web-0.s.ns.svc.x"),
        ),
        ({"set_hostname_as_fqdn": True}, ("web-0", "", "web-0", "web-0")),
        ({"hostname_override": "o", "hostname": "h", "subdomain": "s"}, ("o", "", "o", "o")),
        ({"hostname_override": "o" * 70}, ("o" * 63, "", "o" * 63, "o" * 63)),
    ],
)
def test_hostname(fields: dict[str, object], expected: tuple[str, str, str, str]) -> None:
    hostname, domain, kernel_name, fqdn = expected
    name = pod_hostname(**({"pod_name": "web-0", "namespace": "ns"} | fields))
    assert name == PodHostname(hostname=hostname, domain=domain, kernel_name=kernel_name)
    assert name.fqdn == fqdn


def test_the_override_is_ignored_before_1_35() -> None:
    name = pod_hostname(pod_name="p", namespace="ns", hostname_override="o", gates=resolve_gates("1.34"))
    assert name.hostname == "p"


def test_nothing_left_after_shortening() -> None:
    with pytest.raises(HostnameError) as caught:
        pod_hostname(pod_name="-" * 64, namespace="ns")
    assert str(caught.value) == f'hostname for pod "{"-" * 64}" was invalid: "{"-" * 64}"'


def test_a_full_name_longer_than_the_kernel_allows() -> None:
    longest = pod_hostname(pod_name="a" * 41, namespace="ns", subdomain="s", set_hostname_as_fqdn=True)
    assert len(longest.kernel_name) == 64
    with pytest.raises(HostnameError) as caught:
        pod_hostname(pod_name="a" * 42, namespace="ns", subdomain="s", set_hostname_as_fqdn=True)
    assert str(caught.value) == (
        f"failed to construct FQDN from pod hostname and cluster domain, FQDN {'a' * 42}.s.ns.svc.cluster.local "
        "is too long (64 characters is the max, 65 characters requested)"
    )
