"""Where a kubelet keeps the files of a pod on its host.

Mirrors kubelet: pkg/kubelet/kubelet_getters.go and pkg/kubelet/kuberuntime/helpers.go (BuildPodLogsDirectory,
BuildContainerLogsDirectory).
"""

from __future__ import annotations

from kubesim.model import k8s_v1 as v1


class PodDirectories:
    """Paths below the kubelet's root directory and its pod log directory."""

    def __init__(self, *, root: str = "/var/lib/kubelet", pod_logs: str = "/var/log/pods") -> None:
        self.root = root
        self._pod_logs = pod_logs

    @property
    def pods(self) -> str:
        """The directory of all pods, one by uid in it."""
        return f"{self.root}/pods"

    def pod(self, uid: str) -> str:
        """The pod's own directory."""
        return f"{self.pods}/{uid}"

    def volume(self, uid: str, plugin: str, name: str) -> str:
        """The directory of a volume; `plugin` is the escaped plugin name, such as kubernetes.io~empty-dir."""
        return f"{self.pod(uid)}/volumes/{plugin}/{name}"

    def etc_hosts(self, uid: str) -> str:
        """The file that becomes /etc/hosts."""
        return f"{self.pod(uid)}/etc-hosts"

    def user_namespace(self, uid: str) -> str:
        """The file with the ids of the pod's user namespace."""
        return f"{self.pod(uid)}/userns"

    def termination_log(self, uid: str, container: str, unique: str) -> str:
        """The file that becomes the container's termination message path."""
        return f"{self.pod(uid)}/containers/{container}/{unique}"

    def logs(self, pod: v1.Pod) -> str:
        """The pod's log directory."""
        meta = pod.metadata
        return f"{self._pod_logs}/{meta.namespace}_{meta.name}_{meta.uid}"
