"""Sysctls of a pod: which of them it may set, and what /proc/sys of its containers shows.

A sysctl is one of a pod when the kernel keeps it per namespace and the pod has that namespace for itself.
"""

from __future__ import annotations

from collections.abc import Mapping

_IPC = {
    "fs.mqueue.msg_default": "10",
    "fs.mqueue.msg_max": "10",
    "fs.mqueue.msgsize_default": "8192",
    "fs.mqueue.msgsize_max": "8192",
    "fs.mqueue.queues_max": "256",
    "kernel.msgmax": "8192",
    "kernel.msgmnb": "16384",
    "kernel.msgmni": "32000",
    "kernel.sem": "32000\t1024000000\t500\t32000",
    "kernel.shm_rmid_forced": "0",
    "kernel.shmall": "18446744073692774399",
    "kernel.shmmax": "18446744073692774399",
    "kernel.shmmni": "4096",
}
_IPC_KERNEL = frozenset(name for name in _IPC if name.startswith("kernel."))

_NETWORK = {
    "net.core.somaxconn": "4096",
    "net.ipv4.ip_forward": "0",
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.ipv4.ip_local_reserved_ports": "",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv4.ping_group_range": "1\t0",
    "net.ipv4.tcp_fin_timeout": "60",
    "net.ipv4.tcp_keepalive_intvl": "75",
    "net.ipv4.tcp_keepalive_probes": "9",
    "net.ipv4.tcp_keepalive_time": "7200",
    "net.ipv4.tcp_rmem": "4096\t131072\t6291456",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.tcp_wmem": "4096\t16384\t4194304",
}

_NODE = {
    "fs.file-max": "9223372036854775807",
    "kernel.cap_last_cap": "40",
    "kernel.domainname": "(none)",
    "kernel.osrelease": "6.12.0-kubesim",
    "kernel.ostype": "Linux",
    "kernel.pid_max": "4194304",
    "vm.max_map_count": "65530",
    "vm.overcommit_memory": "0",
    "vm.panic_on_oom": "0",
}

DEFAULT_SYSCTLS: Mapping[str, str] = {**_IPC, **_NETWORK, **_NODE}
"""What a new namespace, or the node, has: the values of Linux 6.12 on 64 bits, as /proc/sys shows them.

Mirrors linux: ipc/ipc_sysctl.c, ipc/mqueue.c, net/core/sysctl_net_core.c, net/ipv4/sysctl_net_ipv4.c.
"""

_UNPRIVILEGED = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0\t2147483647"}


def sysctl_name(written: str) -> str:
    """The name with dots between its parts. A name whose first separator is `/` has dots within its parts.

    Mirrors runc: libcontainer/configs/validate/validator.go, convertSysctlVariableToDotsSeparator.

    >>> sysctl_name("net/ipv4/conf/eno2.100/rp_filter")
    'net.ipv4.conf.eno2/100.rp_filter'
    """
    first = next((sign for sign in written if sign in "./"), ".")
    return written if first == "." else written.translate(str.maketrans("./", "/."))


def sysctl_refusal(written: str, *, uses_node_ipc: bool, uses_node_network: bool) -> str | None:
    """Why a pod cannot have the sysctl, in the words of runc; None when it can.

    Mirrors runc: libcontainer/configs/validate/validator.go, sysctl.

    >>> sysctl_refusal("vm.swappiness", uses_node_ipc=False, uses_node_network=False)
    'sysctl "vm.swappiness" is not in a separate kernel namespace'
    """
    name = sysctl_name(written)
    if name in _IPC_KERNEL or name.startswith("fs.mqueue."):
        return f'sysctl "{name}" is not allowed in the hosts ipc namespace' if uses_node_ipc else None
    if name.startswith("net."):
        return f'sysctl "{name}" not allowed in host network namespace' if uses_node_network else None
    if name == "kernel.domainname":
        return None
    if name == "kernel.hostname":
        return f'sysctl "{name}" is not allowed as it conflicts with the OCI "hostname" field'
    return f'sysctl "{name}" is not in a separate kernel namespace'


def pod_sysctls(
    asked: Mapping[str, str], *, uses_node_network: bool, has_user_namespace: bool, unprivileged_ports: bool
) -> dict[str, str]:
    """What a pod's namespaces have other than the defaults, by name with dots, as /proc/sys shows it.

    With `unprivileged_ports` every user of a pod may listen below 1024 and ping, unless the pod says otherwise.
    Mirrors containerd: internal/cri/server/podsandbox/sandbox_run_linux.go, sandboxContainerSpec.
    """
    values: dict[str, str] = {}
    if unprivileged_ports and not uses_node_network:
        values.update(_UNPRIVILEGED)
        if has_user_namespace:
            del values["net.ipv4.ping_group_range"]  # the range names groups that the user namespace lacks
    values.update((sysctl_name(written), _shown(value)) for written, value in asked.items())
    return values


def _shown(value: str) -> str:
    """Several numbers come back with a tab between them. Mirrors linux: kernel/sysctl.c, do_proc_dointvec."""
    numbers = value.split()
    are_numbers = all(number.removeprefix("-").isdecimal() for number in numbers)
    return "\t".join(numbers) if numbers and are_numbers else value.strip()
