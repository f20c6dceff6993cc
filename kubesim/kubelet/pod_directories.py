"""Where a kubelet keeps the files of a pod on its host.

Mirrors kubelet: pkg/kubelet/kubelet_getters.go and pkg/kubelet/kuberuntime/helpers.go (BuildPodLogsDirectory,
BuildContainerLogsDirectory).
"""

from __future__ import annotations

from kubesim.model import k8s_v1 as v1
from kubesim.policy.windows_paths import windows_path


class PodDirectories:
    """Paths below the kubelet's root directory and its pod log directory, in the spelling of the operating system.

    On Windows those that the runtime is to mount are on a drive.
    """

    def __init__(
        self, *, root: str = "/var/lib/kubelet", pod_logs: str = "/var/log/pods", is_windows: bool = False
    ) -> None:
        self.root = root
        self._pod_logs = pod_logs
        self.is_windows = is_windows

    @property
    def pods(self) -> str:
        """The directory of all pods, one by uid in it."""
        return self._spelled(f"{self.root}/pods")

    def pod(self, uid: str) -> str:
        """The pod's own directory."""
        return self._spelled(f"{self.root}/pods/{uid}")

    def volume(self, uid: str, plugin: str, name: str) -> str:
        """The directory of a volume; `plugin` is the escaped plugin name, such as kubernetes.io~empty-dir."""
        return self._mounted(f"{self.pod(uid)}/volumes/{plugin}/{name}")

    def sub_path(self, uid: str, volume: str, container: str, index: int) -> str:
        """Where a part of a volume is bound for a container; `index` is that of the volume mount."""
        return self._mounted(f"{self.pod(uid)}/volume-subpaths/{volume}/{container}/{index}")

    def etc_hosts(self, uid: str) -> str:
        """The file that becomes /etc/hosts."""
        return self._mounted(f"{self.pod(uid)}/etc-hosts")

    def user_namespace(self, uid: str) -> str:
        """The file with the ids of the pod's user namespace."""
        return self._spelled(f"{self.pod(uid)}/userns")

    def termination_log(self, uid: str, container: str, unique: str) -> str:
        """The file that becomes the container's termination message path."""
        return self._mounted(f"{self.pod(uid)}/containers/{container}/{unique}")

    def logs(self, pod: v1.Pod) -> str:
        """The pod's log directory."""
        meta = pod.metadata
        return self._spelled(f"{self._pod_logs}/{meta.namespace}_{meta.name}_{meta.uid}")

    def container_logs(self, pod: v1.Pod, container: str) -> str:
        """The directory of a container's logs."""
        return self._spelled(f"{self.logs(pod)}/{container}")

    def log(self, container: str, attempt: int) -> str:
        """A container's log within the pod's log directory."""
        return self._spelled(f"{container}/{attempt}.log")

    def _spelled(self, path: str) -> str:
        return path.replace("/", "\\") if self.is_windows else path

    def _mounted(self, path: str) -> str:
        return windows_path(path) if self.is_windows else path
