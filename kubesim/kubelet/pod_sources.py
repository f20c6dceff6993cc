"""Where a kubelet's pods come from: the API server, and the folder of static pods. The sync loop is told of both.

Mirrors kubelet: pkg/kubelet/config/config.go and pkg/kubelet/kubelet.go (syncLoopIteration, HandlePodAdditions,
HandlePodUpdates, HandlePodRemoves, HandlePodReconcile).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from kubesim.kernel import Kernel
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.kubelet_host import KubeletHost
from kubesim.kubelet.pod_admission import PodAdmission
from kubesim.kubelet.pod_engine import PodEngine
from kubesim.kubelet.pod_views import from_api
from kubesim.kubelet.static_pod_decode import StaticPodDecoder
from kubesim.kubelet.static_pods import StaticPods
from kubesim.model import k8s_v1 as v1
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.policy.static_pod import is_mirror

EARLY_MIRRORS_MINOR = 32
"""From this version on mirror pods do not wait for the next sync of their static pods when the node is registered."""


class PodSources:
    """Hands pods over to one engine, through its sync loop and the door of the node."""

    def __init__(self, kernel: Kernel, engine: PodEngine, admission: PodAdmission) -> None:
        self._kernel = kernel
        self._engine = engine
        self.admission = admission
        self._static_pods: StaticPods | None = None

    def start(
        self,
        host: KubeletHost,
        config: KubeletConfiguration,
        decoder: StaticPodDecoder,
        *,
        klog: Klog,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        """Look for static pods. What `spawn` starts ends with the kubelet."""
        loop, engine = self._engine.loop, self._engine
        if config.static_pod_path:
            self._static_pods = StaticPods(
                self._kernel,
                host,
                config,
                decoder,
                klog=klog,
                add=lambda pod: loop.hand_over(lambda: self.admission.add(pod)),
                update=lambda pod: loop.hand_over(lambda: self._update_static(pod)),
                remove=lambda uid: loop.hand_over(lambda: self._remove(uid)),
            )
            spawn(self._static_pods.files.run(), "static pods")
        if decoder.strategy.minor >= EARLY_MIRRORS_MINOR:
            spawn(engine.mirrors.register_early(), "mirror pods")

    def add_pod(self, pod: v1.Pod) -> None:
        """The API has a pod that this kubelet has not seen."""
        known = self._engine.mirrors.mirror(pod.metadata.uid)
        pod = from_api(pod, seen_ns=self._kernel.now_ns, known=known)
        handle = self._engine.mirror_changes.changed if is_mirror(pod.metadata.annotations) else self.admission.add
        self._engine.loop.hand_over(lambda: handle(pod))

    def update_pod(self, pod: v1.Pod) -> None:
        """The API's copy of a pod changed."""
        # The status manager asks the API itself, and waits for nobody.
        self._engine.statuses.stored(pod)
        if is_mirror(pod.metadata.annotations):
            self.add_pod(pod)
        else:
            self._engine.loop.hand_over(lambda: self._update(pod))

    def remove_pod(self, uid: str) -> None:
        """A pod is gone from the API."""
        self._engine.loop.hand_over(lambda: self._remove(uid))

    def file_changed(self, path: str) -> None:
        """A file of the machine was written or removed by somebody else."""
        if self._static_pods is not None:
            self._static_pods.files.changed(path)

    def _update(self, pod: v1.Pod) -> None:
        known = self._engine.pods.get(pod.metadata.uid)
        pod = from_api(pod, seen_ns=self._kernel.now_ns, known=known)
        if known is not None:
            self._engine.update(pod)
        elif not self.admission.update(pod):
            self.admission.add(pod)

    def _update_static(self, pod: v1.Pod) -> None:
        """The file of a static pod that has a uid of its own changed."""
        if not self.admission.update(pod):
            self._engine.update(pod)

    def _remove(self, uid: str) -> None:
        if not self.admission.remove(uid):
            self._engine.remove(uid)
