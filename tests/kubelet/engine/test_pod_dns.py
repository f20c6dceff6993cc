"""What resolv.conf a pod finds, from the API to its container, and what is said about it."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Story, container

CLUSTER = "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
FALLBACK = (
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. '
    'Falling back to "Default" policy.'
)


def resolv_conf(run: Story, key: str) -> str:
    return str(run.node.exec(key, ["cat", "/etc/resolv.conf"]).stdout.decode())


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, CLUSTER),
        ({"dnsPolicy": "Default"}, "nameserver 127.0.0.53\n"),
        ({"hostNetwork": True}, "nameserver 127.0.0.53\n"),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, CLUSTER),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["x.test"], "options": [{"name": "edns0"}]},
            },
            "search x.test\nnameserver 1.1.1.1\noptions edns0\n",
        ),
    ],
)
def test_the_file(new_story: Callable[..., Story], spec: dict[str, Any], text: str) -> None:
    run = new_story()
    key = run.pod(container("a"), **spec)
    run.run("10s")

    assert resolv_conf(run, key) == text


def test_what_is_too_much_is_left_out_and_said(new_story: Callable[..., Story]) -> None:
    run = new_story()
    key = run.pod(container("a"), dnsConfig={"nameservers": ["1.1.1.1", "2.2.2.2", "3.3.3.3"]})
    run.run("10s")

    assert "nameserver 10.96.0.10\nnameserver 1.1.1.1\nnameserver 2.2.2.2\noptions" in resolv_conf(run, key)
    assert "Warning DNSConfigForming" in run.events()
    assert "the applied nameserver line is: 10.96.0.10 1.1.1.1 2.2.2.2" in run.events()


def test_a_kubelet_without_a_cluster_server_says_so_of_the_pod_and_the_node(new_story: Callable[..., Story]) -> None:
    run = new_story(config={})
    key = run.pod(container("a"))
    run.run("10s")

    assert resolv_conf(run, key) == "nameserver 127.0.0.53\n"
    assert f'pod: "web_default(UID)". {FALLBACK}' in run.events()
    said = [event["message"] for event in run.node.events if event["involvedObject"]["kind"] == "Node"]
    assert FALLBACK in said
