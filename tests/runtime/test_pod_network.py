"""Pods reach each other, and the node's ports that are mapped to them lead there, until the sandbox is stopped."""

from __future__ import annotations

import pytest

from kubesim.cri import api

from .conftest import Driver

SERVE = ("sh", "-c", "while true; do echo hello | nc -l -p 80; done")


def ask(node: Driver, container: str, address: str, port: int) -> tuple[str, str]:
    """What an exec in a container gets from there."""
    answer = node.do(node.execing(container, "sh", "-c", f"nc {address} {port} < /dev/null"))
    return answer.stdout.decode(), answer.stderr.decode()


def test_containers_of_a_pod_share_loopback_and_other_pods_do_not(node: Driver) -> None:
    pod, other = node.run_pod(), node.run_pod(node.pod_config("other"))
    node.start(pod, *SERVE)
    beside = node.start(pod, "sleep", "infinity", name="beside")
    stranger = node.start(other, "sleep", "infinity", pod_config=node.pod_config("other"))
    ip = node.pod_status(pod).network.ip
    refused = "nc: can't connect to remote host (127.0.0.1): Connection refused\n"
    assert ask(node, beside, "127.0.0.1", 80) == ("hello\n", "")
    assert ask(node, stranger, "127.0.0.1", 80) == ("", refused)
    assert ask(node, stranger, ip, 80) == ("hello\n", "")


def test_host_ports_lead_to_the_pod_and_the_address_is_gone_with_it(node: Driver) -> None:
    mapped = node.pod_config("mapped", port_mappings=[api.PortMapping(container_port=80, host_port=12000)])
    pod = node.run_pod(mapped)
    node.start(pod, *SERVE, pod_config=mapped)
    security = api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(network=api.NODE))
    own = node.pod_config("own", linux=api.LinuxPodSandboxConfig(security_context=security))
    client = node.start(node.run_pod(own), "sleep", "infinity", pod_config=own)
    ip = node.pod_status(pod).network.ip
    assert ask(node, client, "127.0.0.1", 12000) == ("hello\n", "")
    assert ask(node, client, ip, 80) == ("hello\n", "")
    node.stop_pod(pod)
    assert ask(node, client, ip, 80) == ("", f"nc: can't connect to remote host ({ip}): No route to host\n")
    refused = "nc: can't connect to remote host (127.0.0.1): Connection refused\n"
    assert ask(node, client, "127.0.0.1", 12000) == ("", refused)


@pytest.mark.parametrize(
    ("profile", "sysctls", "stderr"),
    [
        ("containerd-2.3", {}, ""),
        ("containerd-2.3", {"net.ipv4.ip_unprivileged_port_start": "81"}, "nc: bind: Permission denied\n"),
        ("cri-o-1.28", {"net.ipv4.ip_unprivileged_port_start": "80"}, ""),
        ("cri-o-1.28", {}, "nc: bind: Permission denied\n"),
    ],
)
def test_who_may_listen_below_1024_is_a_matter_of_the_sysctl(
    profile: str, sysctls: dict[str, str], stderr: str
) -> None:
    node = Driver(profile)
    config = node.pod_config(linux=api.LinuxPodSandboxConfig(sysctls=sysctls))
    pod = node.run_pod(config)
    security = api.LinuxContainerSecurityContext(run_as_user=api.Int64Value(value=1000))
    container = node.start(
        pod, "sleep", "infinity", pod_config=config, linux=api.LinuxContainerConfig(security_context=security)
    )
    answer = node.do(node.execing(container, "sh", "-c", "nc -w 1 -l -p 80 2>&1 | grep bind || true"))
    assert answer.stdout.decode() == stderr
