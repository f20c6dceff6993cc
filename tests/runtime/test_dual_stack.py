"""Pods with an address of each family: what the runtime says of them, and who reaches them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.errors import InputError

from .conftest import Driver

CIDR = "fd00:88::/64"
NODE_NETWORK = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(network=api.NODE))
)


def dual(profile: str = "containerd-2.3", **options: Any) -> Driver:
    return Driver(profile, pod_ipv6_cidr=CIDR, **options)


def ips(node: Driver, pod: str) -> list[str]:
    network = node.pod_status(pod).network
    return [network.ip, *(one.ip for one in network.additional_ips)]


def told(node: Driver, container: str, line: str) -> str:
    """What a shell in a container writes."""
    answer = node.do(node.execing(container, "sh", "-c", line))
    return (answer.stdout + answer.stderr).decode()


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.28", "cri-o-1.36", "ideal"])
def test_the_status_has_ipv4_first(profile: str) -> None:
    node = dual(profile)
    pods = [node.run_pod(node.pod_config(f"p{number}")) for number in range(2)]
    assert [ips(node, pod) for pod in pods] == [["10.88.0.2", "fd00:88::2"], ["10.88.0.3", "fd00:88::3"]]
    node.stop_pod(pods[0])
    assert ips(node, pods[0]) == [""]
    assert node.runtime.daemon.network.used == {"10.88.0.3", "fd00:88::3"}
    of_node = node.run_pod(node.pod_config("of-node", linux=NODE_NETWORK))
    assert ips(node, of_node) == [""]
    again = node.run_pod(node.pod_config("again"))
    assert ips(node, again) == ["10.88.0.4", "fd00:88::4"]


def test_verbose_info_of_containerd() -> None:
    node = dual()
    pod = node.run_pod()
    request = api.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
    info = json.loads(node.do(node.cri.pod_sandbox_status(request)).info["info"])
    assert info["cniResult"]["Interfaces"]["eth0"]["IPConfigs"] == [
        {"IP": "10.88.0.2", "Gateway": "10.88.0.1"},
        {"IP": "fd00:88::2", "Gateway": "fd00:88::1"},
    ]
    assert info["cniResult"]["Routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    kept = info["sandboxMetadata"]
    assert (kept["IP"], kept["AdditionalIPs"]) == ("10.88.0.2", ["fd00:88::2"])


def test_annotations_of_crio() -> None:
    node = dual("cri-o-1.36")
    pod = node.run_pod()
    request = api.ContainerStatusRequest(container_id=node.start(pod, "sleep", "1000"), verbose=True)
    info = json.loads(node.do(node.cri.container_status(request)).info["info"])
    annotations = info["runtimeSpec"]["annotations"]
    found = {key: value for key, value in annotations.items() if key.startswith("io.kubernetes.cri-o.IP.")}
    assert found == {"io.kubernetes.cri-o.IP.0": "10.88.0.2", "io.kubernetes.cri-o.IP.1": "fd00:88::2"}


def test_pods_and_the_node_reach_each_other_by_ipv6() -> None:
    node = dual()
    server, other = node.run_pod(), node.run_pod(node.pod_config("other"))
    ip = ips(node, server)[1]
    node.start(server, "sh", "-c", "while true; do echo hello | nc -l -p 80; done")
    of_node = node.pod_config("of-node", linux=NODE_NETWORK)
    clients = [
        node.start(other, "sleep", "infinity", pod_config=node.pod_config("other")),
        node.start(node.run_pod(of_node), "sleep", "infinity", pod_config=of_node),
    ]
    for client in clients:
        assert told(node, client, f"nc {ip} 80 < /dev/null") == "hello\n"
        assert "1 packets received, 0% packet loss" in told(node, client, f"ping -c 1 {ip}")
        assert "1 packets received" in told(node, client, "ping -c 1 fd00:88::1")
    node.stop_pod(server)
    gone = f"nc: can't connect to remote host ({ip}): No route to host\n"
    assert told(node, clients[0], f"nc {ip} 80 < /dev/null") == gone


def test_a_port_of_the_node_leads_to_the_pods_address_of_the_same_family() -> None:
    node = dual()
    config = node.pod_config("mapped", port_mappings=[api.PortMapping(container_port=80, host_port=12000)])
    pod = node.run_pod(config)
    node.start(pod, "sh", "-c", "while true; do echo hello | nc -l -p 80; done", pod_config=config)
    client = node.start(
        node.run_pod(node.pod_config("other")), "sleep", "infinity", pod_config=node.pod_config("other")
    )
    for gateway in ("10.88.0.1", "fd00:88::1"):
        assert told(node, client, f"nc {gateway} 12000 < /dev/null") == "hello\n"


def test_without_a_network_pods_have_no_ipv6(node: Driver) -> None:
    pod = node.run_pod()
    assert ips(node, pod) == ["10.88.0.2"]
    container = node.start(pod, "sleep", "infinity")
    assert told(node, container, "nc fd00:88::1 80 < /dev/null") == (
        "nc: can't connect to remote host (fd00:88::1): Network is unreachable\n"
    )


def test_a_network_that_pods_cannot_have_is_refused() -> None:
    with pytest.raises(
        InputError, match=r'^pod_ipv6_cidr: "10\.0\.0\.0/8" is IPv4, which pods have anyway; name an IPv6'
    ):
        Driver(pod_ipv6_cidr="10.0.0.0/8")
