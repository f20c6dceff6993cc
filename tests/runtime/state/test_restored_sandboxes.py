"""Sandboxes after a restart of the daemon; names, order and addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubesim.cri import api

Restarts = Any
NS = 1_000_000_000
BUSYBOX = "registry.example/busybox:1"
OTHER = "registry.example/other:1"
PID_OF_POD = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(pid=api.POD))
)
OWN_PIDS = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(pid=api.CONTAINER))
)
CONTAINER_WITH_OWN_PIDS = api.LinuxContainerConfig(
    security_context=api.LinuxContainerSecurityContext(namespace_options=api.NamespaceOption(pid=api.CONTAINER))
)


@pytest.mark.parametrize(
    ("profile", "linux", "state"),
    [
        ("containerd-2.3", OWN_PIDS, api.SANDBOX_NOTREADY),
        ("containerd-2.3", PID_OF_POD, api.SANDBOX_NOTREADY),
        ("cri-o-1.36", OWN_PIDS, api.SANDBOX_READY),
        ("cri-o-1.36", PID_OF_POD, api.SANDBOX_NOTREADY),
    ],
)
def test_a_sandbox_is_lost_with_its_pause_process(
    restarts: Callable[..., Restarts], profile: str, linux: api.LinuxPodSandboxConfig, state: int
) -> None:
    world = restarts(profile)
    config = world.node.pod_config(linux=linux, labels={"a": "b"}, annotations={"c": "d"})
    pod = world.node.run_pod(config, handler=world.node.runtime.profile.default_handler)
    before = world.node.pod_status(pod)
    node = world.restart()

    after = node.pod_status(pod)
    assert after.state == state
    assert after.network.ip != ""
    after.state = before.state
    assert after == before


def test_a_sandbox_that_stays_ready_takes_new_containers(restarts: Callable[..., Restarts]) -> None:
    world = restarts("cri-o-1.36")
    config = world.node.pod_config(linux=OWN_PIDS, hostname="web")
    pod = world.node.run_pod(config)
    node = world.restart()

    ctr = node.start(pod, "sleep", "1000", pod_config=config, linux=CONTAINER_WITH_OWN_PIDS)
    answer = node.do(node.execing(ctr, "cat", "/etc/hostname"))
    assert answer.stdout == b"web\n"
    node.stop_pod(pod)
    assert node.pod_status(pod).state == api.SANDBOX_NOTREADY


def test_a_lost_sandbox_keeps_its_address_until_it_is_stopped(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    address = world.node.pod_status(pod).network.ip
    node = world.restart()

    other = node.run_pod(node.pod_config("other"))
    assert node.pod_status(pod).network.ip == address
    assert node.pod_status(other).network.ip != address
    node.stop_pod(pod)
    assert node.pod_status(pod).network.ip == ""
    assert world.restart().pod_status(pod).network.ip == ""


def ips(status: api.PodSandboxStatus) -> list[str]:
    return [status.network.ip, *(one.ip for one in status.network.additional_ips)]


@pytest.mark.parametrize(
    ("later", "given_then"),
    [
        ("fd00:88::/64", ["10.88.0.3", "fd00:88::3"]),
        ("fd00:99::/64", ["10.88.0.3", "fd00:99::2"]),
        (None, ["10.88.0.3"]),
    ],
)
def test_a_sandbox_keeps_both_addresses_whatever_the_network_is_then(
    restarts: Callable[..., Restarts], later: str | None, given_then: list[str]
) -> None:
    world = restarts("cri-o-1.36", pod_ipv6_cidr="fd00:88::/64")
    pod = world.node.run_pod(world.node.pod_config(linux=OWN_PIDS))
    world.options["pod_ipv6_cidr"] = later
    node = world.restart()

    assert ips(node.pod_status(pod)) == ["10.88.0.2", "fd00:88::2"]
    other = node.pod_config("other", linux=OWN_PIDS)
    assert ips(node.pod_status(node.run_pod(other))) == given_then
    node.stop_pod(pod)
    assert ips(node.pod_status(pod)) == [""]
    assert ips(world.restart().pod_status(pod)) == [""]


def test_a_record_from_before_dual_stack_has_one_address(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    world.keep()
    for key, data in world.rows.items():
        record = msgspec.msgpack.decode(data) if data else None
        if isinstance(record, dict) and record.pop("additional_ips", None) is not None:
            world.rows[key] = msgspec.msgpack.encode(record)
    world.options["pod_ipv6_cidr"] = "fd00:88::/64"

    assert ips(world.restart().pod_status(pod)) == ["10.88.0.2"]


def test_resources_of_a_pod_are_kept(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    node = world.node
    pod = node.run_pod()
    resources = api.LinuxContainerResources(cpu_shares=99)
    node.do(
        node.cri.update_pod_sandbox_resources(
            api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod, resources=resources)
        )
    )
    node = world.restart()

    request = api.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
    info = msgspec.json.decode(node.do(node.cri.pod_sandbox_status(request)).info["info"])
    assert info["resources"] == {"linux": {"cpu_shares": 99}}


def test_a_removed_sandbox_stays_away_and_its_name_is_free(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    world.node.start(pod, "sleep", "1000")
    world.keep()
    world.node.remove_pod(pod)
    node = world.restart()

    assert (node.pods(), node.containers()) == ([], [])
    assert node.run_pod() != pod


def test_names_stay_reserved(restarts: Callable[..., Restarts]) -> None:
    world = restarts()
    pod = world.node.run_pod()
    ctr = world.node.create(pod, world.node.container_config("sleep", "1"))
    node = world.restart()

    request = api.RunPodSandboxRequest(config=node.pod_config())
    assert f'is reserved for "{pod}"' in str(node.refused(node.cri.run_pod_sandbox(request)))
    node.do(node.removing(ctr))
    # A new sandbox for the pod, and the container's name is free again.
    again = node.run_pod(node.pod_config(attempt=1))
    assert node.create(again, node.container_config("sleep", "1")) != ctr


def test_a_name_leads_to_the_existing_id_under_crio(restarts: Callable[..., Restarts]) -> None:
    world = restarts("cri-o-1.36")
    pod = world.node.run_pod(world.node.pod_config(linux=OWN_PIDS))
    node = world.restart()

    assert node.run_pod(node.pod_config(linux=OWN_PIDS)) == pod


def test_lists_keep_their_order_and_new_objects_come_later(restarts: Callable[..., Restarts]) -> None:
    world = restarts("ideal")
    pods = [world.node.run_pod(world.node.pod_config(f"p{number}")) for number in range(5)]
    world.keep()
    world.node.stop_pod(pods[1])  # a changed row stays in its place
    node = world.restart(later_ns=-3600 * NS)  # the clock of the machine was set back

    assert [row.id for row in node.pods()] == pods
    newest = max(row.created_at for row in node.pods())
    late = node.run_pod(node.pod_config("late"))
    assert node.pod_status(late).created_at > newest
