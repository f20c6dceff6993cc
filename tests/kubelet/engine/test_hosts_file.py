"""The /etc/hosts of a pod."""

from kubesim.kubelet.hosts_file import hosts_file
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import DEFAULT_GATES

NODE = NodeSettings(
    node_name="n", node_ip="192.0.2.2", cgroup_driver="systemd", cluster_domain="cluster.local", gates=DEFAULT_GATES
)


def pod(**spec: object) -> v1.Pod:
    return v1.Pod(metadata=v1.ObjectMeta(name="web", namespace="default"), spec=v1.PodSpec(**spec))  # type: ignore[arg-type]  # fields by name


def test_a_pod_with_two_addresses() -> None:
    assert hosts_file(pod(), ("10.0.0.5", "fd00::5"), NODE) == (
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n"
        "10.0.0.5\tweb\n"
        "fd00::5\tweb\n"
    )


def test_host_name_and_subdomain() -> None:
    text = hosts_file(pod(hostname="db", subdomain="data"), ("10.0.0.5",), NODE)
    assert text.splitlines()[-1] == "10.0.0.5\tdb.data.default.svc.cluster.local\tdb"


def test_host_aliases() -> None:
    aliases = [v1.HostAlias(ip="1.2.3.4", hostnames=["foo", "bar"]), v1.HostAlias(ip="5.6.7.8", hostnames=["baz"])]
    text = hosts_file(pod(host_aliases=aliases), ("10.0.0.5",), NODE)
    assert text.endswith("10.0.0.5\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n5.6.7.8\tbaz\n")


def test_an_alias_without_names() -> None:
    text = hosts_file(pod(host_aliases=[v1.HostAlias(ip="1.2.3.4")]), ("10.0.0.5",), NODE)
    assert text.endswith("\n# Entries added by HostAliases.\n1.2.3.4\t\n")


def test_host_network() -> None:
    text = hosts_file(pod(host_network=True), ("192.0.2.2",), NODE)
    assert text.startswith("# Kubernetes-managed hosts file (host network).\n")
    assert "web" not in text
