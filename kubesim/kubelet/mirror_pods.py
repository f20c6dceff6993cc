"""Mirror pods: what the API server shows of the static pods of a node.

A static pod and its mirror have one full name and two uids. The kubelet works with the static pod; the mirror is made
when the static pod is synced, made again when it was deleted, and removed when its static pod has ended for good.

Mirrors kubelet: pkg/kubelet/pod/pod_manager.go, mirror_client.go and pkg/kubelet/kubelet.go (tryReconcileMirrorPods,
fastStaticPodsRegistration), pkg/kubelet/kubelet_pods.go (HandlePodCleanups).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kubesim.kernel import sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.outside import ApiClient
from kubesim.model import k8s_v1 as v1
from kubesim.policy.static_pod import HASH_ANNOTATION, MIRROR_ANNOTATION, full_name, is_mirror_of, is_static

NODE_POLL_NS = 100_000_000


class MirrorPods:
    """The static pods of the configuration, and the mirrors that the API server has of them."""

    def __init__(self, api: ApiClient, *, node_name: str, klog: Klog) -> None:
        self._api = api
        self._node_name = node_name
        self._klog = klog
        self._static: dict[str, v1.Pod] = {}
        self._mirrors: dict[str, v1.Pod] = {}
        """Both by full name."""
        self._static_uids: dict[str, str] = {}
        """The uid of the static pod, by that of its mirror."""
        self._told: dict[str, v1.Pod] = {}
        """The mirror of a change that a pod worker has not looked at yet, by the uid of the static pod."""

    # -- what there is ------------------------------------------------------------------------------------------

    def add_static(self, pod: v1.Pod) -> None:
        """A static pod is in the configuration, or changed there."""
        name = _full_name(pod)
        self._static[name] = pod
        if name in self._mirrors:
            self._static_uids[self._mirrors[name].metadata.uid] = pod.metadata.uid

    def remove_static(self, pod: v1.Pod) -> None:
        """A static pod is gone from the configuration; its mirror still shows how it ends."""
        name = _full_name(pod)
        if name in self._static and self._static[name].metadata.uid == pod.metadata.uid:
            del self._static[name]

    def add_mirror(self, mirror: v1.Pod) -> v1.Pod | None:
        """The API server has a mirror pod, or a new version of it. Gives its static pod."""
        name = _full_name(mirror)
        self._mirrors[name] = mirror
        static = self._static.get(name)
        if static is not None:
            self._static_uids[mirror.metadata.uid] = static.metadata.uid
        return static

    def remove_mirror(self, mirror: v1.Pod) -> v1.Pod | None:
        """A mirror pod is gone from the API server. Gives its static pod."""
        name = _full_name(mirror)
        self._mirrors.pop(name, None)
        self._static_uids.pop(mirror.metadata.uid, None)
        return self._static.get(name)

    def mirror(self, uid: str) -> v1.Pod | None:
        """The mirror pod with that uid."""
        return next((one for one in self._mirrors.values() if one.metadata.uid == uid), None)

    def mirror_of(self, static: v1.Pod) -> v1.Pod | None:
        """The mirror pod that has the name of a static pod."""
        return self._mirrors.get(_full_name(static))

    def is_shown_by(self, mirror: v1.Pod, uid: str) -> bool:
        """Whether a mirror pod shows the static pod with that uid, and not another one of its name."""
        return self._static_uids.get(mirror.metadata.uid, uid) == uid

    def tell(self, static: v1.Pod, mirror: v1.Pod) -> None:
        """The next sync of a static pod looks at this version of its mirror, which may be gone by then."""
        self._told[static.metadata.uid] = mirror

    # -- what is done -------------------------------------------------------------------------------------------

    def reconcile(self, static: v1.Pod) -> bool:
        """Make the mirror of a static pod, and make it again when it is another one's or is being deleted.

        Whether there was something to do.
        """
        if not is_static(static.metadata.annotations):
            return False
        mirror = self._told.pop(static.metadata.uid, None) or self.mirror_of(static)
        if mirror is not None:
            is_right = is_mirror_of(mirror.metadata.annotations, static.metadata.annotations)
            if is_right and mirror.metadata.deletion_timestamp is None:
                return False
            self._klog.info("Trying to delete pod", pod=_key(mirror), podUID=mirror.metadata.uid)
            if not self._api.delete_mirror_pod(mirror.metadata.namespace, mirror.metadata.name, mirror.metadata.uid):
                return True
            self._klog.info("Deleted mirror pod as it didn't match the static Pod", pod=_key(mirror))
        self._create(static)
        return True

    def remove_orphans(self, is_terminating: Callable[[str], bool]) -> None:
        """Remove mirrors whose static pod is gone and has ended; `is_terminating` is asked by full name."""
        for name, mirror in list(self._mirrors.items()):
            if name not in self._static and not is_terminating(name):
                self._api.delete_mirror_pod(mirror.metadata.namespace, mirror.metadata.name, None)

    async def register_early(self) -> None:
        """Make all mirrors as soon as the node is registered: the next sync may be more than a minute away."""
        while self._api.get_node() is None:
            reason = f'node "{self._node_name}" not found'
            message = "Unable to register mirror pod because node is not registered yet"
            self._klog.error(message, err=reason, node=self._node_name)
            await sleep(NODE_POLL_NS)
        for static in list(self._static.values()):
            self.reconcile(static)

    def _create(self, static: v1.Pod) -> None:
        node = self._api.get_node()
        if node is None:
            reason = f'node "{self._node_name}" not found'
            message = "No need to create a mirror pod, since failed to get node info from the cluster"
            self._klog.error(message, err=reason, node=self._node_name)
            return
        self._klog.info("Creating a mirror pod for static pod", pod=_key(static))
        reason = self._api.create_mirror_pod(mirror_pod(static, node))
        if reason:
            self._klog.error("Failed creating a mirror pod", err=reason, pod=_key(static))


def mirror_pod(static: v1.Pod, node: v1.Node) -> v1.Pod:
    """The mirror pod as the kubelet sends it: it belongs to the node, and names the static pod by its hash."""
    meta = static.metadata
    owner = v1.OwnerReference(
        api_version="v1", kind="Node", name=node.metadata.name, uid=node.metadata.uid, controller=True
    )
    notes = {**meta.annotations, MIRROR_ANNOTATION: meta.annotations[HASH_ANNOTATION]}
    return replace(static, metadata=replace(meta, annotations=notes, owner_references=[owner]))


def _full_name(pod: v1.Pod) -> str:
    return full_name(pod.metadata.name, pod.metadata.namespace)


def _key(pod: v1.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
