"""The /etc/hosts that the kubelet manages for a pod.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, managedHostsFileContent and hostsEntriesFromHostAliases.
"""

from __future__ import annotations

from kubesim.kubelet.node_settings import NodeSettings
from kubesim.model import k8s_v1 as v1
from kubesim.policy.pod_hostname import pod_hostname

_HEADER = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""

_NODE_HEADER = "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n"
"""The node's own file is a single line here: an emulated node has no other names."""


def hosts_file(pod: v1.Pod, pod_ips: tuple[str, ...], node: NodeSettings) -> str:
    """The content of the file."""
    text = _NODE_HEADER
    if not pod.spec.host_network:
        name = pod_hostname(
            pod_name=pod.metadata.name,
            namespace=pod.metadata.namespace,
            hostname=pod.spec.hostname,
            subdomain=pod.spec.subdomain,
            hostname_override=pod.spec.hostname_override,
            cluster_domain=node.cluster_domain,
            gates=node.gates,
        )
        own = f"{name.fqdn}\t{name.hostname}" if name.domain else name.hostname
        text = _HEADER + "".join(f"{ip}\t{own}\n" for ip in pod_ips)
    if pod.spec.host_aliases:
        text += "\n# Entries added by HostAliases.\n"
        # An address without names has its tab all the same.
        text += "".join(f"{alias.ip}\t" + "\t".join(alias.hostnames) + "\n" for alias in pod.spec.host_aliases)
    return text
