"""Which sysctls a pod may set, and what its containers read."""

import pytest

from kubesim.policy.sysctls import DEFAULT_SYSCTLS, pod_sysctls, sysctl_name, sysctl_refusal


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("kernel.shm_rmid_forced", "kernel.shm_rmid_forced"),
        ("kernel/shm_rmid_forced", "kernel.shm_rmid_forced"),
        ("net.ipv4.conf.eno2/100.rp_filter", "net.ipv4.conf.eno2/100.rp_filter"),
        ("net/ipv4/conf/eno2.100/rp_filter", "net.ipv4.conf.eno2/100.rp_filter"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_a_name_has_dots_between_its_parts(written: str, name: str) -> None:
    assert sysctl_name(written) == name


@pytest.mark.parametrize(
    ("written", "ipc", "network", "refusal"),
    [
        ("kernel.shm_rmid_forced", False, False, None),
        ("kernel/shm_rmid_forced", False, False, None),
        (
            "kernel.shm_rmid_forced",
            True,
            False,
            'sysctl "kernel.shm_rmid_forced" is not allowed in the hosts ipc namespace',
        ),
        ("fs.mqueue.msg_max", False, True, None),
        ("fs.mqueue.msg_max", True, False, 'sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc namespace'),
        ("fs.file-max", False, False, 'sysctl "fs.file-max" is not in a separate kernel namespace'),
        ("net.core.somaxconn", True, False, None),
        ("net.core.somaxconn", False, True, 'sysctl "net.core.somaxconn" not allowed in host network namespace'),
        ("kernel.domainname", False, False, None),
        (
            "kernel.hostname",
            False,
            False,
            'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field',
        ),
        ("vm.swappiness", False, False, 'sysctl "vm.swappiness" is not in a separate kernel namespace'),
        ("nothing", False, False, 'sysctl "nothing" is not in a separate kernel namespace'),
    ],
)
def test_a_pod_sets_what_its_own_namespaces_hold(written: str, ipc: bool, network: bool, refusal: str | None) -> None:
    assert sysctl_refusal(written, uses_node_ipc=ipc, uses_node_network=network) == refusal


def values(asked: dict[str, str], *, node_network: bool = False, users: bool = False, ports: bool = True) -> object:
    return pod_sysctls(asked, uses_node_network=node_network, has_user_namespace=users, unprivileged_ports=ports)


def test_ports_below_1024_and_ping_are_for_everybody_where_the_runtime_says_so() -> None:
    both = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0\t2147483647"}
    assert values({}) == both
    assert values({}, users=True) == {"net.ipv4.ip_unprivileged_port_start": "0"}
    assert values({}, node_network=True) == {}
    assert values({}, ports=False) == {}
    own = {"net/ipv4/ip_unprivileged_port_start": "80"}
    assert values(own) == both | {"net.ipv4.ip_unprivileged_port_start": "80"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1", "1"), (" 1 ", "1"), ("1024 65000", "1024\t65000"), ("-1 2", "-1\t2"), ("cubic", "cubic"), ("", "")],
)
def test_numbers_come_back_with_tabs(value: str, shown: str) -> None:
    assert values({"net.x": value}, ports=False) == {"net.x": shown}


def test_the_defaults_are_of_a_new_namespace() -> None:
    assert DEFAULT_SYSCTLS["kernel.shm_rmid_forced"] == "0"
    assert DEFAULT_SYSCTLS["fs.mqueue.msg_max"] == "10"
    assert all("/" not in name and value == value.strip() for name, value in DEFAULT_SYSCTLS.items())
