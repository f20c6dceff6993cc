"""What pods find in /etc/hostname, /etc/hosts and /etc/resolv.conf, in both runtimes."""

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import api

from .conftest import Driver

NODE_RESOLV_CONF = "nameserver 127.0.0.53\n"
HOST_NETWORK = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(network=api.NODE))
)


def shown(node: Driver, path: str, **config: Any) -> str:
    """A file as a container of a pod has it; empty when there is none."""
    pod_config = node.pod_config(**config)
    container = node.start(node.run_pod(pod_config), "sleep", "1000", pod_config=pod_config)
    return str(node.do(node.execing(container, "cat", path)).stdout.decode())


@pytest.mark.parametrize(
    ("dns", "containerd", "crio"),
    [
        (None, NODE_RESOLV_CONF, NODE_RESOLV_CONF),
        ({}, "", NODE_RESOLV_CONF),
        ({"servers": ["10.0.0.1", "10.0.0.2"]}, *["nameserver 10.0.0.1\nnameserver 10.0.0.2\n"] * 2),
        (
            {"servers": ["10.0.0.1"], "searches": ["a.b", "c"], "options": ["ndots:5", "edns0"]},
            *["search a.b c\nnameserver 10.0.0.1\noptions ndots:5 edns0\n"] * 2,
        ),
        ({"options": ["ndots:1"]}, *["options ndots:1\n"] * 2),
    ],
)
def test_resolv_conf(new_node: Callable[..., Driver], dns: dict[str, Any] | None, containerd: str, crio: str) -> None:
    config = {} if dns is None else {"dns_config": api.DNSConfig(**dns)}
    for profile, text in (("containerd-2.3", containerd), ("cri-o-1.36", crio)):
        assert shown(new_node(profile), "/etc/resolv.conf", **config) == text


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.28", "cri-o-1.36"])
@pytest.mark.parametrize("network", ["pod", "node"])
def test_the_file_has_the_name_that_was_asked_for_in_every_network(
    new_node: Callable[..., Driver], profile: str, network: str
) -> None:
    config: dict[str, Any] = {"hostname": "asked", **({"linux": HOST_NETWORK} if network == "node" else {})}
    assert shown(new_node(profile), "/etc/hostname", **config) == "asked\n"


@pytest.mark.parametrize(
    ("profile", "network", "is_there"),
    [
        ("containerd-2.3", "pod", True),
        ("containerd-2.3", "node", True),
        ("cri-o-1.36", "pod", False),
        ("cri-o-1.36", "node", True),
    ],
)
def test_crio_gives_the_hosts_of_the_node_to_who_is_in_its_network(
    new_node: Callable[..., Driver], profile: str, network: str, is_there: bool
) -> None:
    config = {"linux": HOST_NETWORK} if network == "node" else {}
    assert ("ip6-loopback" in shown(new_node(profile), "/etc/hosts", **config)) is is_there


def test_a_mount_has_the_last_word(new_node: Callable[..., Driver]) -> None:
    for profile in ("containerd-2.3", "cri-o-1.36"):
        node = new_node(profile)
        node.files.make_dirs("/kubelet")
        node.files.write("/kubelet/hosts", b"managed\n")
        pod_config = node.pod_config()
        mounts = [api.Mount(container_path="/etc/hosts", host_path="/kubelet/hosts")]
        container = node.start(node.run_pod(pod_config), "sleep", "1000", pod_config=pod_config, mounts=mounts)
        assert node.do(node.execing(container, "cat", "/etc/hosts")).stdout == b"managed\n"
