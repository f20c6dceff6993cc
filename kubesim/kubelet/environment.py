"""The environment of a container: literal values, references to the pod's own fields, and `$(VAR)`.

References to ConfigMaps and Secrets are refused when the pod is applied; variables of services need a cluster.
Mirrors kubelet: pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables and podFieldSelectorRuntimeValue.
"""

from __future__ import annotations

from kubesim.kubelet.sandbox_config import NodeSettings
from kubesim.kubelet.volumes import ContainerConfigError
from kubesim.model import k8s_v1 as v1
from kubesim.policy.env_expansion import expand_variables


def container_environment(
    pod: v1.Pod, container: v1.Container | v1.EphemeralContainer, *, pod_ips: tuple[str, ...], node: NodeSettings
) -> dict[str, str]:
    """The variables by name. Raises ContainerConfigError."""
    variables = [
        (one.name, one.value, True)
        if one.value_from is None
        else (one.name, _referred(pod, one.value_from, pod_ips, node), False)
        for one in container.env
    ]
    return expand_variables(variables)


def _referred(pod: v1.Pod, source: v1.EnvVarSource, pod_ips: tuple[str, ...], node: NodeSettings) -> str:
    if source.field_ref is None:
        raise ContainerConfigError("only fieldRef is emulated as a source of environment variables")
    path = source.field_ref.field_path
    values = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.hostIP": node.node_ip,
        "status.hostIPs": node.node_ip,
        "status.podIP": pod_ips[0] if pod_ips else "",
        "status.podIPs": ",".join(pod_ips),
    }
    if path in values:
        return values[path]
    for prefix, found in (("metadata.labels", pod.metadata.labels), ("metadata.annotations", pod.metadata.annotations)):
        if path.startswith(f"{prefix}['") and path.endswith("']"):
            return found.get(path[len(prefix) + 2 : -2], "")
    raise ContainerConfigError(f"unsupported fieldPath: {path}")
