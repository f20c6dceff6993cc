"""Static pods of a kubelet process: what its folder holds, as additions, changes and removals of pods.

Mirrors kubelet: pkg/kubelet/kubelet.go (makePodSourceConfig) and pkg/kubelet/config/config.go (merge,
checkAndUpdatePod), for the source "file".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubesim.kernel import Kernel
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.kubelet_host import KubeletHost
from kubesim.kubelet.pod_views import from_source
from kubesim.kubelet.static_pod_decode import StaticPodDecoder
from kubesim.kubelet.static_pod_files import StaticPodFiles
from kubesim.model import k8s_v1 as v1
from kubesim.model.duration import parse_duration
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.policy.static_pod import FILE_SOURCE


class StaticPods:
    """Reads the folder that the configuration names, and tells what is different from the last time."""

    def __init__(
        self,
        kernel: Kernel,
        host: KubeletHost,
        config: KubeletConfiguration,
        decoder: StaticPodDecoder,
        *,
        klog: Klog,
        add: Callable[[v1.Pod], object],
        update: Callable[[v1.Pod], object],
        remove: Callable[[str], object],
    ) -> None:
        self._kernel = kernel
        self._add, self._update, self._remove = add, update, remove
        self._pods: dict[str, v1.Pod] = {}
        klog.info("Adding static pod path", path=config.static_pod_path)
        self.files = StaticPodFiles(
            host.files,
            config.static_pod_path,
            decoder,
            klog=klog,
            period_ns=parse_duration(config.file_check_frequency),
            is_watching=host.os == "linux",
            deliver=self._merge,
        )

    def _merge(self, found: Sequence[v1.Pod]) -> None:
        pods = {pod.metadata.uid: pod for pod in found}
        for uid in [uid for uid in self._pods if uid not in pods]:
            del self._pods[uid]
            self._remove(uid)
        for uid, pod in pods.items():
            known = self._pods.get(uid)
            noted = from_source(FILE_SOURCE, pod, seen_ns=self._kernel.now_ns, known=known)
            if known is None:
                self._pods[uid] = noted
                self._add(noted)
            elif noted != known:
                self._pods[uid] = noted
                self._update(noted)
