"""Which sysctls a pod may set."""

import pytest

from kubesim.policy.sysctl_admission import (
    forbidden_sysctl,
    sysctl_allowlist,
    unsafe_sysctl_problem,
)

ALL = sysctl_allowlist(minor=36, unsafe=["net.core.somaxconn", "kernel.msg*"], is_linux=True)


def refused(name: str, *, minor: int = 36, host_network: bool = False, host_ipc: bool = False) -> str | None:
    allowlist = ALL if minor == 36 else sysctl_allowlist(minor=minor, unsafe=(), is_linux=True)
    return forbidden_sysctl([name], allowlist, host_network=host_network, host_ipc=host_ipc)


@pytest.mark.parametrize(
    "name",
    [
        "kernel.shm_rmid_forced",
        "net/ipv4/tcp_syncookies",
        "net.ipv4.tcp_rmem",
        "net.core.somaxconn",
        "kernel.msgmax",
    ],
)
def test_allowed(name: str) -> None:
    assert refused(name) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kernel.sem", 'forbidden sysctl: "kernel.sem" not allowlisted'),
        ("net/core/rmem_max", 'forbidden sysctl: "net.core.rmem_max" not allowlisted'),
        ("vm.swappiness", 'forbidden sysctl: "vm.swappiness" not allowlisted'),
    ],
)
def test_forbidden(name: str, message: str) -> None:
    assert refused(name) == message


def test_namespaces_of_the_host() -> None:
    name = "net.ipv4.tcp_syncookies"
    assert refused(name, host_ipc=True) is None
    assert refused(name, host_network=True) == f'forbidden sysctl: "{name}" not allowed with host Net enabled'
    assert refused("kernel.msgmax", host_ipc=True) == (
        'forbidden sysctl: "kernel.msgmax" not allowed with host IPC enabled'
    )


@pytest.mark.parametrize(("name", "minor"), [("net.ipv4.tcp_keepalive_time", 29), ("net.ipv4.tcp_wmem", 32)])
def test_later_kubelets_take_more_for_safe(name: str, minor: int) -> None:
    assert refused(name, minor=minor) is None
    assert refused(name, minor=minor - 1) == f'forbidden sysctl: "{name}" not allowlisted'


def test_nothing_is_safe_elsewhere_than_on_linux() -> None:
    allowlist = sysctl_allowlist(minor=36, unsafe=(), is_linux=False)
    assert forbidden_sysctl(["net.ipv4.tcp_syncookies"], allowlist, host_network=False, host_ipc=False) == (
        'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowlisted'
    )
    assert forbidden_sysctl([], allowlist, host_network=False, host_ipc=False) is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("net.core.somaxconn", ""),
        ("kernel.sem", ""),
        ("net.*", ""),
        ("vm.swappiness", 'the sysctls "vm.swappiness" are not known to be namespaced'),
        ("Net.x", 'sysctl "Net.x" must have at most 253 characters and match regex ^'),
        ("net." + "a" * 250, "must have at most 253 characters"),
    ],
)
def test_patterns_of_the_configuration(pattern: str, problem: str) -> None:
    found = unsafe_sysctl_problem([pattern])
    assert problem in found
    assert bool(problem) is bool(found)
