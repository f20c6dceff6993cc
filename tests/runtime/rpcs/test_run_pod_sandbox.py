"""RunPodSandbox: names, networks, files, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.runtime.network import PodNetwork


def running(node: Any, config: api.PodSandboxConfig, handler: str = "") -> Any:
    return node.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=config, runtime_handler=handler))


def linux(**security: Any) -> api.LinuxPodSandboxConfig:
    return api.LinuxPodSandboxConfig(security_context=api.LinuxSandboxSecurityContext(**security))


def test_a_sandbox_is_ready_when_it_is_answered(node: Any) -> None:
    config = node.pod_config(labels={"a": "1"}, annotations={"b": "2"})
    pod = node.run_pod(config)
    assert len(pod) == 64
    assert set(pod) <= set("0123456789abcdef")
    status = node.pod_status(pod)
    assert (status.id, status.state) == (pod, api.SANDBOX_READY)
    assert status.metadata == config.metadata
    assert (dict(status.labels), dict(status.annotations)) == ({"a": "1"}, {"b": "2"})
    assert status.created_at >= node.kernel.start_ns
    assert status.network.ip == "10.88.0.2"


def test_a_port_that_nobody_can_reach_is_warned_of(node: Any, caplog: pytest.LogCaptureFixture) -> None:
    mappings = [api.PortMapping(container_port=80, protocol=kind) for kind in (api.TCP, api.UDP, api.SCTP)]
    node.run_pod(node.pod_config("web", port_mappings=mappings))
    said = [record.getMessage() for record in caplog.records]
    assert said == ["nobody reaches port 80/SCTP of pod ns/web: SCTP is not emulated"]


def test_it_takes_the_time_that_a_real_node_takes(measured: Any) -> None:
    start_ns = measured.kernel.now_ns
    pod = measured.run_pod()
    assert measured.kernel.now_ns - start_ns == 111_000_000
    assert measured.pod_status(pod).created_at == measured.kernel.now_ns


def test_it_is_not_listed_before_it_is_answered(measured: Any) -> None:
    task = measured.spawn(running(measured, measured.pod_config()))
    measured.advance(0.1)
    assert not task.is_done
    assert measured.pods() == []
    measured.advance(0.1)
    assert [item.id for item in measured.pods()] == [task.result().pod_sandbox_id]


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (
            "containerd-2.3",
            'failed to reserve sandbox name "pod_ns_uid-pod_0": name "pod_ns_uid-pod_0" is reserved for "{id}"',
        ),
        ("cri-o-1.36", ""),
    ],
)
def test_a_name_is_taken_until_it_is_removed(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    node.stop_pod(pod)
    if message:
        error = node.refused(running(node, node.pod_config()))
        assert (error.code, error.message) == (Code.UNKNOWN, message.format(id=pod))
    else:
        assert node.run_pod() == pod
    assert node.run_pod(node.pod_config(attempt=1)) != pod
    node.remove_pod(pod)
    assert node.run_pod() != pod


@pytest.mark.parametrize(
    ("profile", "config", "message"),
    [
        ("containerd-2.3", None, "sandbox config must include metadata"),
        ("containerd-2.3", api.PodSandboxConfig(), "sandbox config must include metadata"),
        ("cri-o-1.36", None, "setting sandbox config: config is nil"),
        ("cri-o-1.36", api.PodSandboxConfig(), "setting sandbox config: metadata is nil"),
        (
            "cri-o-1.36",
            api.PodSandboxConfig(metadata=api.PodSandboxMetadata(uid="u", namespace="n")),
            "setting sandbox config: metadata.Name should not be empty",
        ),
        (
            "cri-o-1.36",
            api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="p", uid="u")),
            "setting pod sandbox name and id: cannot generate pod name without namespace",
        ),
        (
            "cri-o-1.36",
            api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="p", namespace="n")),
            "setting pod sandbox name and id: cannot generate pod name without uid in metadata",
        ),
    ],
)
def test_a_config_without_metadata(
    new_node: Any, profile: str, config: api.PodSandboxConfig | None, message: str
) -> None:
    node = new_node(profile)
    error = node.refused(node.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=config)))
    assert (error.code, error.message) == (Code.UNKNOWN, message)


def test_containerd_takes_empty_names(node: Any) -> None:
    assert node.run_pod(api.PodSandboxConfig(metadata=api.PodSandboxMetadata()))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_an_unknown_handler(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    error = node.refused(running(node, node.pod_config(), "kata"))
    assert error.code is Code.UNKNOWN
    if profile == "cri-o-1.36":
        assert error.message.startswith("failed to find runtime handler kata from runtime list map[crun:")
    else:
        assert error.message.endswith('no runtime for "kata" is configured')
    assert node.run_pod(handler=node.runtime.profile.default_handler)


def test_crio_wants_an_absolute_log_directory(crio: Any) -> None:
    error = crio.refused(running(crio, crio.pod_config(log_directory="logs")))
    assert error.message.startswith("requested logDir for sbuilder ID ")
    assert error.message.endswith(" is a relative path: logs")
    assert crio.run_pod()


@pytest.mark.parametrize(
    ("profile", "driver", "parent", "is_refused"),
    [
        ("containerd-2.3", "systemd", "/kubepods.slice/kubepods-pod1.slice", False),
        ("containerd-2.3", "systemd", "/kubepods/pod1", True),
        ("containerd-2.3", "systemd", "", False),
        ("containerd-2.3", "cgroupfs", "/kubepods/pod1", False),
        ("containerd-2.3", "cgroupfs", "/test.slice", False),
        ("cri-o-1.36", "systemd", "/kubepods/pod1", True),
        ("cri-o-1.36", "systemd", "/test.slice", False),
        ("cri-o-1.36", "cgroupfs", "/test.slice", True),
        ("cri-o-1.36", "cgroupfs", "/kubepods/pod1", False),
    ],
)
def test_the_cgroup_parent_must_fit_the_driver(
    new_node: Any, profile: str, driver: str, parent: str, is_refused: bool
) -> None:
    node = new_node(profile, cgroup_driver=driver)
    config = node.pod_config(linux=api.LinuxPodSandboxConfig(cgroup_parent=parent))
    if not is_refused:
        assert node.run_pod(config)
        return
    error = node.refused(running(node, config))
    assert error.code is Code.UNKNOWN
    expected = 'of format "slice:prefix:name"' if profile == "containerd-2.3" else "did not receive slice"
    assert expected in error.message or "received systemd slice" in error.message
    assert node.runtime.statistics().sandboxes == 0


def test_the_nodes_network_has_no_address(node: Any) -> None:
    options = api.NamespaceOption(network=api.NODE)
    pod = node.run_pod(node.pod_config(hostname="ignored", linux=linux(namespace_options=options)))
    status = node.pod_status(pod)
    assert status.network.ip == ""
    assert status.linux.namespaces.options.network == api.NODE
    ctr = node.start(pod, "sleep", "100")
    assert node.do(node.execing(ctr, "hostname")).stdout == b"node\n"


def test_without_a_network_containerd_refuses(node: Any) -> None:
    node.runtime.set_feature("network_ready", False)
    error = node.refused(running(node, node.pod_config()))
    assert error.message.endswith(": cni config not initialized")
    assert node.run_pod(node.pod_config(linux=linux(namespace_options=api.NamespaceOption(network=api.NODE))))


def test_without_a_network_crio_waits(crio: Any) -> None:
    crio.runtime.set_feature("network_ready", False)
    task = crio.spawn(running(crio, crio.pod_config()))
    crio.advance(60)
    assert not task.is_done
    crio.runtime.set_feature("network_ready", True)
    crio.advance(0)
    assert task.result().pod_sandbox_id


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (api.UserNamespace(mode=api.NODE), ""),
        (api.UserNamespace(mode=api.CONTAINER), 'unsupported user namespace mode: "CONTAINER"'),
        (api.UserNamespace(mode=api.POD), 'can\'t use user namespace mode "POD" without UID and GID mappings'),
        (
            api.UserNamespace(mode=api.POD, uids=[api.IDMapping(length=0)], gids=[api.IDMapping(length=1)]),
            "UID mapping: invalid mapping length: 0",
        ),
        (
            api.UserNamespace(mode=api.POD, uids=[api.IDMapping(length=1)], gids=[api.IDMapping(length=1)] * 2),
            "GID mapping: only one mapping line supported, got 2 mapping lines",
        ),
        (
            api.UserNamespace(
                mode=api.POD,
                uids=[api.IDMapping(host_id=65536, length=65536)],
                gids=[api.IDMapping(host_id=65536, length=65536)],
            ),
            "",
        ),
    ],
)
def test_user_namespaces(node: Any, asked: api.UserNamespace, expected: str) -> None:
    config = node.pod_config(linux=linux(namespace_options=api.NamespaceOption(userns_options=asked)))
    if expected:
        assert node.refused(running(node, config)).message.endswith(expected)
    else:
        assert node.pod_status(node.run_pod(config)).linux.namespaces.options.userns_options == asked


def test_the_files_of_the_pod(node: Any) -> None:
    dns = api.DNSConfig(servers=["10.10.10.10"], searches=["google.com", "x"], options=["ndots:8"])
    pod = node.run_pod(node.pod_config(hostname="web-0", dns_config=dns))
    ctr = node.start(pod, "sleep", "100")
    assert node.do(node.execing(ctr, "hostname")).stdout == b"web-0\n"
    assert node.do(node.execing(ctr, "cat", "/etc/hostname")).stdout == b"web-0\n"
    expected = b"search google.com x\nnameserver 10.10.10.10\noptions ndots:8\n"
    assert node.do(node.execing(ctr, "cat", "/etc/resolv.conf")).stdout == expected
    assert b"127.0.0.1\tlocalhost" in node.do(node.execing(ctr, "cat", "/etc/hosts")).stdout


@pytest.mark.parametrize(("profile", "hostname"), [("containerd-2.3", b"node"), ("cri-o-1.36", None)])
def test_a_hostname_for_a_pod_without_one(new_node: Any, profile: str, hostname: bytes | None) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "100")
    assert node.do(node.execing(ctr, "hostname")).stdout.strip() == (hostname or pod[:12].encode())


def test_crio_adds_the_pods_labels(crio: Any) -> None:
    pod = crio.run_pod(crio.pod_config(labels={"io.kubernetes.pod.uid": "mine"}))
    assert dict(crio.pod_status(pod).labels) == {
        "io.kubernetes.pod.name": "pod",
        "io.kubernetes.pod.namespace": "ns",
        "io.kubernetes.pod.uid": "mine",
    }


def test_a_nul_byte_is_refused_cleanly(node: Any) -> None:
    error = node.refused(running(node, node.pod_config(hostname="a\0b")))
    assert (error.code, error.message) == (
        Code.INVALID_ARGUMENT,
        'config.hostname holds a NUL byte: "a\\x00b"',
    )


def test_crio_names_the_sandbox_that_gets_no_address(crio: Any) -> None:
    crio.runtime._daemon.network = PodNetwork("10.0.0.0/30")
    crio.run_pod()
    error = crio.refused(crio.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=crio.pod_config("two"))))
    assert error.code is Code.UNKNOWN
    assert re.match(
        r"failed to create pod network sandbox k8s_two_ns_uid-two_0\([0-9a-f]{64}\): plugin ", error.message
    )
    assert len(crio.pods()) == 1


def test_addresses_run_out_cleanly(node: Any) -> None:
    node.runtime._daemon.network = PodNetwork("10.0.0.0/30")
    node.run_pod(node.pod_config("a"))
    error = node.refused(running(node, node.pod_config("b")))
    assert "no IP addresses available in range set" in error.message
    node.remove_pod(node.pods()[0].id)
    assert node.run_pod(node.pod_config("b"))


def test_creation_times_order_sandboxes_made_in_one_instant(node: Any) -> None:
    made = [node.run_pod(node.pod_config(f"pod-{index}")) for index in range(5)]
    at = {item.id: item.created_at for item in node.pods()}
    assert sorted(at, key=lambda pod: at[pod]) == made
    assert len(set(at.values())) == 5


@pytest.mark.parametrize(
    ("sysctls", "options", "reason"),
    [
        ({"vm.swappiness": "1"}, {}, 'sysctl "vm.swappiness" is not in a separate kernel namespace'),
        (
            {"net.core.somaxconn": "1", "vm.swappiness": "1"},
            {"network": api.NODE},
            'sysctl "net.core.somaxconn" not allowed in host network namespace',
        ),
        (
            {"kernel.msgmax": "1"},
            {"ipc": api.NODE},
            'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace',
        ),
    ],
)
def test_sysctls_of_the_node_are_refused(
    node: Any, sysctls: dict[str, str], options: dict[str, Any], reason: str
) -> None:
    config = node.pod_config(linux=linux(namespace_options=api.NamespaceOption(**options)))
    config.linux.sysctls.update(sysctls)
    error = node.refused(running(node, config))
    assert error.code is Code.UNKNOWN
    assert error.message.endswith(f": OCI runtime create failed: runc create failed: {reason}")
    assert node.pods() == []


@pytest.mark.parametrize(
    ("profile", "first_port"), [("containerd-1.7", "1024"), ("containerd-2.3", "0"), ("cri-o-1.36", "1024")]
)
def test_sysctls_are_those_of_the_pods_namespaces(new_node: Any, profile: str, first_port: str) -> None:
    node = new_node(profile)
    config = node.pod_config()
    config.linux.sysctls.update({"kernel.shm_rmid_forced": "1", "fs.mqueue.msg_max": "100"})
    ctr = node.start(node.run_pod(config), "sleep", "1000", pod_config=config)

    def value(name: str) -> str:
        answer = node.do(node.execing(ctr, "cat", f"/proc/sys/{name}"))
        assert answer.stderr == b""
        return str(answer.stdout.decode().strip())

    assert value("kernel/shm_rmid_forced") == "1"
    assert value("fs/mqueue/msg_max") == "100"
    assert value("net/ipv4/ip_unprivileged_port_start") == first_port


def mapped(container_id: int) -> api.NamespaceOption:
    mapping = [api.IDMapping(container_id=container_id, host_id=1000, length=65536)]
    return api.NamespaceOption(userns_options=api.UserNamespace(mode=api.POD, uids=mapping, gids=mapping))


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", "failed to create containerd container: container ID 0 cannot be mapped to a host ID"),
        ("cri-o-1.36", "container ID 0 cannot be mapped to a host ID"),
    ],
)
def test_root_of_a_user_namespace_needs_an_id_on_the_node(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(running(node, node.pod_config(linux=linux(namespace_options=mapped(1)))))
    assert error.code is Code.UNKNOWN
    assert error.message.endswith(message)
    assert node.pods() == []


def test_crio_takes_several_id_mappings_unless_the_kernel_refuses_them(crio: Any) -> None:
    lines = [api.IDMapping(host_id=1000, length=10), api.IDMapping(container_id=10, host_id=2000, length=10)]
    overlapping = [lines[0], api.IDMapping(container_id=5, host_id=2000, length=10)]

    def config(uids: list[api.IDMapping], gids: list[api.IDMapping]) -> api.PodSandboxConfig:
        asked = api.UserNamespace(mode=api.POD, uids=uids, gids=gids)
        return crio.pod_config(linux=linux(namespace_options=api.NamespaceOption(userns_options=asked)))  # type: ignore[no-any-return]

    assert crio.refused(running(crio, config(overlapping, lines))).message.endswith(
        "[pinns:e]: Cannot write uid mappings: 0-1000-10@5-2000-10@: Invalid argument\n exit status 1"
    )
    assert "Cannot write gid mappings" in crio.refused(running(crio, config(overlapping, overlapping))).message
    assert crio.pods() == []
    assert crio.pod_status(crio.run_pod(config(lines, lines))).linux.namespaces.options.userns_options.uids == lines


def test_a_user_namespace_is_seen_from_inside(node: Any) -> None:
    config = node.pod_config(linux=linux(namespace_options=mapped(0)))
    security = api.LinuxContainerSecurityContext(namespace_options=mapped(0))
    ctr = node.start(
        node.run_pod(config),
        "sleep",
        "1000",
        pod_config=config,
        linux=api.LinuxContainerConfig(security_context=security),
    )
    for name in ("uid_map", "gid_map"):
        shown = node.do(node.execing(ctr, "cat", f"/proc/self/{name}")).stdout
        assert shown.split() == [b"0", b"1000", b"65536"]
