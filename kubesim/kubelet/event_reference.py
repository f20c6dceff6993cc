"""What an Event is about: an object, and the field of it that is meant."""

from __future__ import annotations

from sys import intern

from msgspec import Struct

from kubesim.model import k8s_v1 as v1


class EventReference(Struct, frozen=True, kw_only=True, gc=False):
    """An object by kind, namespace, name and uid; `field_path` names a container of a pod, empty for the whole.

    `resource_version` is that of the object as it was looked at; it makes no difference between events.
    """

    kind: str
    namespace: str = ""
    name: str
    uid: str = ""
    field_path: str = ""
    resource_version: str = ""


def pod_reference(pod: v1.Pod) -> EventReference:
    """The pod itself."""
    return _reference(pod.metadata)


def container_reference(pod: v1.Pod, container: str) -> EventReference:
    """One container of a pod, such as `spec.containers{app}`.

    Mirrors kubelet: pkg/kubelet/container/ref.go, fieldPath.
    """
    lists = (
        ("spec.containers", pod.spec.containers),
        ("spec.initContainers", pod.spec.init_containers),
        ("spec.ephemeralContainers", pod.spec.ephemeral_containers),
    )
    for path, entries in lists:
        for entry in entries:
            if entry.name == container:
                # Many pods have a container of that name, and their Events are remembered by it.
                return _reference(pod.metadata, intern(f"{path}{{{container}}}"))
    return _reference(pod.metadata)


def _reference(meta: v1.ObjectMeta, field_path: str = "") -> EventReference:
    return EventReference(
        kind="Pod",
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        field_path=field_path,
        resource_version=meta.resource_version,
    )
