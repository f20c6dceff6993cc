"""What an Event is about: an object, and the field of it that is meant."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.model import k8s_v1 as v1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReference:
    """An object by kind, namespace, name and uid; `field_path` names a container of a pod, empty for the whole."""

    kind: str
    namespace: str = ""
    name: str
    uid: str = ""
    field_path: str = ""


def pod_reference(pod: v1.Pod) -> EventReference:
    """The pod itself."""
    meta = pod.metadata
    return EventReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid)


def container_reference(pod: v1.Pod, container: str) -> EventReference:
    """One container of a pod, such as `spec.containers{app}`.

    Mirrors kubelet: pkg/kubelet/container/ref.go, fieldPath.
    """
    lists = (
        ("spec.containers", pod.spec.containers),
        ("spec.initContainers", pod.spec.init_containers),
        ("spec.ephemeralContainers", pod.spec.ephemeral_containers),
    )
    path = next((f"{path}{{{container}}}" for path, entries in lists if any(e.name == container for e in entries)), "")
    meta = pod.metadata
    return EventReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid, field_path=path)
