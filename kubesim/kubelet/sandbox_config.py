"""The PodSandboxConfig that the kubelet hands to RunPodSandbox.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_sandbox.go (generatePodSandboxConfig,
generatePodSandboxLinuxConfig) and pkg/kubelet/network/dns/dns.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubesim.cri import api
from kubesim.kubelet import labels
from kubesim.kubelet.container_resources import overhead_resources, pod_linux_resources
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.security_config import has_host_process, sandbox_context
from kubesim.model import k8s_v1 as v1
from kubesim.model.sysctl_name import dotted_sysctl
from kubesim.policy.cgroup_parent import pod_cgroup_parent
from kubesim.policy.pod_dns import DnsSettings, DnsWarning, pod_dns
from kubesim.policy.pod_hostname import pod_hostname
from kubesim.policy.qos import QosClass

_PROTOCOLS = {"TCP": api.TCP, "UDP": api.UDP, "SCTP": api.SCTP}


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
            for port in _told_once(container.ports)
        ],
    )
    config.hostname = sandbox_hostname(pod, node)
    # Much of what a sandbox is told has no place but in its Linux part, on Windows too.
    config.linux.CopyFrom(_linux(pod, qos, node, user_namespace))
    if node.os == "windows":
        config.windows.CopyFrom(_windows(pod))
    return config


def _told_once(ports: Iterable[v1.ContainerPort]) -> list[v1.ContainerPort]:
    """The ports of a container without those that it names twice, or has twice without a name.

    Mirrors kubelet: pkg/kubelet/container/helpers.go, MakePortMappings.
    """
    found: dict[str, v1.ContainerPort] = {}
    for port in ports:
        whole = f"{port.protocol}-{port.host_ip or ''}:{port.container_port}:{port.host_port or 0}"
        found.setdefault(port.name or whole, port)
    return list(found.values())


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
        linux.resources.CopyFrom(pod_linux_resources(pod, node))
        # Without an overhead it is empty, and there.
        linux.overhead.CopyFrom(overhead_resources(pod, node))
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
