"""The PodSandboxConfig that the kubelet hands to RunPodSandbox.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_sandbox.go (generatePodSandboxConfig,
generatePodSandboxLinuxConfig) and pkg/kubelet/network/dns/dns.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubesim.cri import api
from kubesim.kubelet import labels
from kubesim.kubelet.container_resources import overhead_resources, pod_linux_resources
from kubesim.kubelet.oom_group import oom_group
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.security_config import has_host_process, sandbox_context
from kubesim.model import k8s_v1 as v1
from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.model.sysctl_name import dotted_sysctl
from kubesim.policy.cgroup_parent import pod_cgroup_parent
from kubesim.policy.cri_resources import DEFAULT_QUOTA, QuotaRule
from kubesim.policy.pod_dns import NODE_DNS, DnsSettings, DnsWarning, pod_dns
from kubesim.policy.pod_hostname import pod_hostname
from kubesim.policy.qos import QosClass

_PROTOCOLS = {"TCP": api.TCP, "UDP": api.UDP, "SCTP": api.SCTP}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What the configuration of the kubelet and its host put into every sandbox and container.

    `minor` is the kubelet's minor version, `cgroup_driver` the effective one. `cluster_dns` and `cluster_domain` are
    KubeletConfiguration's.
    """

    os: str = "linux"
    minor: int = LAST_MINOR
    node_name: str
    node_ip: str
    cgroup_driver: str
    cgroups_per_qos: bool = True
    cgroup_version: int = 2
    cpu_quota: QuotaRule = DEFAULT_QUOTA
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    dns: DnsSettings | None = NODE_DNS
    """What the node's resolv.conf says; None when the kubelet is to read none."""
    seccomp_default: bool = False
    cpu_manager_policy: str = "none"
    memory_manager_policy: str = "None"
    swap_behavior: str = ""
    memory_capacity_bytes: int = 16 * 1024**3
    processors: int = 4
    has_selinux: bool = False
    """Without it there is nothing to relabel; the nodes that are emulated enforce neither SELinux nor AppArmor."""
    kills_one_process: bool = False
    """singleProcessOOMKill: memory that runs out costs one process, not all of its container."""
    gates: Mapping[str, bool]
    fixes: frozenset[str] = frozenset()
    """What the kubelet has on top of its release: names of policy/kubelet_fixes.py."""


def sandbox_config(
    pod: v1.Pod,
    *,
    attempt: int,
    qos: QosClass,
    node: NodeSettings,
    directories: PodDirectories,
    user_namespace: api.UserNamespace | None = None,
) -> api.PodSandboxConfig:
    """The configuration of one sandbox. Raises HostnameError when the pod's host name cannot be made."""
    meta, spec = pod.metadata, pod.spec
    config = api.PodSandboxConfig(
        metadata=api.PodSandboxMetadata(name=meta.name, namespace=meta.namespace, uid=meta.uid, attempt=attempt),
        labels={
            **meta.labels,
            labels.POD_NAME: meta.name,
            labels.POD_NAMESPACE: meta.namespace,
            labels.POD_UID: meta.uid,
        },
        annotations=dict(meta.annotations),
        log_directory=directories.logs(pod),
        dns_config=_dns_config(pod, node),
        port_mappings=[
            api.PortMapping(
                host_ip=port.host_ip or "",
                host_port=port.host_port or 0,
                container_port=port.container_port,
                protocol=_PROTOCOLS.get(port.protocol, api.TCP),
            )
            for container in spec.containers
            for port in container.ports
        ],
    )
    config.hostname = sandbox_hostname(pod, node)
    # Much of what a sandbox is told has no place but in its Linux part, on Windows too.
    config.linux.CopyFrom(_linux(pod, qos, node, user_namespace))
    if node.os == "windows":
        config.windows.CopyFrom(_windows(pod))
    return config


def sandbox_hostname(pod: v1.Pod, node: NodeSettings) -> str:
    """The host name of one sandbox; empty in the node's network. Raises HostnameError when it cannot be made."""
    meta, spec = pod.metadata, pod.spec
    if spec.host_network:
        return ""
    return pod_hostname(
        pod_name=meta.name,
        namespace=meta.namespace,
        hostname=spec.hostname,
        subdomain=spec.subdomain,
        hostname_override=spec.hostname_override,
        set_hostname_as_fqdn=bool(spec.set_hostname_as_fqdn),
        cluster_domain=node.cluster_domain,
        gates=node.gates,
    ).kernel_name


def dns_warnings(pod: v1.Pod, node: NodeSettings) -> tuple[DnsWarning, ...]:
    """What the kubelet says whenever it makes the configuration of this pod's sandbox."""
    return _dns(pod, node)[1]


def _dns_config(pod: v1.Pod, node: NodeSettings) -> api.DNSConfig:
    found = _dns(pod, node)[0]
    return api.DNSConfig(servers=found.servers, searches=found.searches, options=found.options)


def _dns(pod: v1.Pod, node: NodeSettings) -> tuple[DnsSettings, tuple[DnsWarning, ...]]:
    spec, extra = pod.spec, None
    if spec.dns_config is not None:
        given = (f"{one.name}:{one.value}" if one.value is not None else one.name for one in spec.dns_config.options)
        extra = DnsSettings(tuple(spec.dns_config.nameservers), tuple(spec.dns_config.searches), tuple(given))
    return pod_dns(
        policy=spec.dns_policy or "ClusterFirst",
        pod=f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})",
        namespace=pod.metadata.namespace,
        uses_node_network=bool(spec.host_network),
        extra=extra,
        node=node.dns,
        node_ip=node.node_ip,
        cluster_servers=node.cluster_dns,
        cluster_domain=node.cluster_domain,
    )


def _linux(
    pod: v1.Pod, qos: QosClass, node: NodeSettings, user_namespace: api.UserNamespace | None
) -> api.LinuxPodSandboxConfig:
    linux = api.LinuxPodSandboxConfig()
    is_windows = node.os == "windows"
    if node.cgroups_per_qos and not is_windows:
        linux.cgroup_parent = pod_cgroup_parent(driver=node.cgroup_driver, qos=qos, uid=pod.metadata.uid)
    if not is_windows:
        linux.resources.CopyFrom(pod_linux_resources(pod, node.gates, node.cpu_quota))
        unified = oom_group(kills_one_process=node.kills_one_process)
        linux.resources.unified.update(unified)
        # Without an overhead it is empty, and there.
        linux.overhead.CopyFrom(overhead_resources(pod, node.cpu_quota))
        if pod.spec.overhead:
            linux.overhead.unified.update(unified)
    context = pod.spec.security_context
    if context is None:
        return linux
    for sysctl in context.sysctls:
        linux.sysctls[dotted_sysctl(sysctl.name)] = sysctl.value
    linux.security_context.CopyFrom(sandbox_context(pod, user_namespace, is_windows=is_windows))
    return linux


def _windows(pod: v1.Pod) -> api.WindowsPodSandboxConfig:
    windows = api.WindowsPodSandboxConfig()
    # The runtime must know at the sandbox; that all containers agree, the API server has seen to.
    windows.security_context.host_process = has_host_process(pod)
    context = pod.spec.security_context
    options = context.windows_options if context is not None else None
    if options is not None:
        windows.security_context.run_as_username = options.run_as_user_name or ""
        windows.security_context.credential_spec = options.gmsa_credential_spec or ""
    return windows
