"""The API server as a kubelet meets it: stored objects, the node, Events, and the rules of writing them.

Every write of a pod is published as a version, as a watch would show it, and handed to the kubelet.
Mirrors Kubernetes: pkg/registry/core/pod/strategy.go (PrepareForCreate, CheckGracefulDelete) and
staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go (Delete).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.kubelet.token_manager import ServiceAccountToken
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.paged_documents import PagedDocuments
from kubesim.model.pod_defaults import admit_priority
from kubesim.model.runtime_class import RuntimeClass
from kubesim.model.timestamps import format_rfc3339
from kubesim.model.validation.config_map import config_map_update_errors
from kubesim.model.validation.field_error import FieldError
from kubesim.model.validation.options import DEFAULT_OPTIONS, ValidationOptions
from kubesim.model.validation.pod_update import pod_update_errors
from kubesim.model.validation.runtime_class import runtime_class_update_errors
from kubesim.model.validation.secret import secret_update_errors
from kubesim.model.validation.service import service_update_errors
from kubesim.node.disabled_fields import without_disabled_fields, without_disabled_status_fields
from kubesim.node.event_store import EventStore
from kubesim.node.object_store import ObjectStore
from kubesim.node.pod_deletion import requested_deletion, shortened_deletion
from kubesim.node.pod_qos import spec_qos
from kubesim.node.pod_resize import ResizeRules, resized_pod
from kubesim.node.pod_scheduling import bound, is_ready_for_scheduler, is_scheduled, placed
from kubesim.node.pod_update import merged_pod
from kubesim.node.published_version import published_version, version_dict
from kubesim.node.runtime_class_admission import admit_runtime_class
from kubesim.node.service_account_tokens import TokenIssuer
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.grace_period import deletion_grace_seconds
from kubesim.policy.pod_view import PodPhase


class PodHandler(Protocol):
    """The kubelet that is told about pods."""

    def add_pod(self, pod: v1.Pod) -> None:
        """A pod is new."""

    def update_pod(self, pod: v1.Pod) -> None:
        """A pod changed."""

    def remove_pod(self, uid: str) -> None:
        """A pod is gone."""


@dataclass(slots=True, kw_only=True)
class _History:
    """The numbers of the versions of one pod, kept after the pod itself is gone."""

    uid: str
    created_ns: int
    versions: array[int] = field(default_factory=lambda: array("Q"))


class ApiServer:
    """Stores the objects of one node's world; implements the kubelet's ApiClient."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        node_name: str,
        gates: Mapping[str, bool] = DEFAULT_GATES,
        options: ValidationOptions = DEFAULT_OPTIONS,
    ) -> None:
        """`options` are what the gates and the version change in what is refused."""
        self._kernel = kernel
        self._options = options
        self._gates = gates
        self._node_name = node_name
        self._pods: dict[str, v1.Pod] = {}
        self._keys: dict[str, str] = {}
        self._history: dict[str, _History] = {}
        self._versions = PagedDocuments[bytes](bytes)
        self._node: v1.Node | None = None
        self._handler: PodHandler | None = None
        self._revision = 0
        self._events = EventStore(kernel)
        self._tokens = TokenIssuer(kernel, gates=gates)
        self.config_maps = ObjectStore[v1.ConfigMap](
            kernel, kind="configmap", update_errors=config_map_update_errors, next_revision=self._revise
        )
        self.secrets = ObjectStore[v1.Secret](
            kernel, kind="secret", update_errors=secret_update_errors, next_revision=self._revise
        )
        self.services_store = ObjectStore[v1.Service](
            kernel, kind="service", update_errors=service_update_errors, next_revision=self._revise
        )
        self.runtime_classes = ObjectStore[RuntimeClass](
            kernel, kind="runtimeclass", update_errors=runtime_class_update_errors, next_revision=self._revise
        )

    # -- for whoever owns the node --------------------------------------------------------------------------

    def connect(self, handler: PodHandler) -> None:
        """A kubelet (re)started: it sees every stored pod as new."""
        self._handler = handler
        for pod in sorted(self._pods.values(), key=lambda one: one.metadata.creation_timestamp or ""):
            if is_scheduled(pod):
                handler.add_pod(pod)

    def disconnect(self) -> None:
        """The kubelet is gone; writes are stored and told to the next one."""
        self._handler = None

    @property
    def is_connected(self) -> bool:
        """Whether a kubelet listens."""
        return self._handler is not None

    def create_pod(self, pod: v1.Pod) -> v1.Pod:
        """Store a defaulted, valid pod and tell the kubelet. Raises InputError when the name is taken."""
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        if key in self._keys:
            raise InputError(f'pods "{pod.metadata.name}" already exists', where=key, hint="delete it first")
        pod = self._admitted(pod)
        now = format_rfc3339(self._kernel.now_ns)
        uid = pod.metadata.uid or self._kernel.ids.uuid()
        meta = replace(pod.metadata, uid=uid, creation_timestamp=now, generation=1, resource_version=self._revise())
        status = v1.PodStatus(phase="Pending", qos_class=spec_qos(pod.spec))
        pod = placed(replace(pod, metadata=meta, status=status), node_name=self._node_name, now=now)
        self._pods[uid] = pod
        self._keys[key] = uid
        self._history[key] = _History(uid=uid, created_ns=self._kernel.now_ns)
        self._publish("ADDED", pod)
        if self._handler is not None and is_scheduled(pod):
            self._handler.add_pod(pod)
        return pod

    def delete_pod(self, key: str, *, grace_seconds: int | None = None) -> None:
        """DELETE of a user. The pod stays until its kubelet has ended it; with grace 0 it is gone at once."""
        pod = self.pod(key)
        meta, now_ns = pod.metadata, self._kernel.now_ns
        if meta.deletion_timestamp is None:
            grace = deletion_grace_seconds(
                requested_seconds=grace_seconds,
                pod_seconds=pod.spec.termination_grace_period_seconds,
                is_scheduled=is_scheduled(pod),
                phase=PodPhase(pod.status.phase) if pod.status.phase else None,
            )
            changed = requested_deletion(meta, grace_seconds=grace, now_ns=now_ns)
        else:
            shorter = 1 if grace_seconds is not None and grace_seconds < 0 else grace_seconds
            if shorter is None or shorter >= (meta.deletion_grace_period_seconds or 0):
                # A pod on its way out is only ever given less time.
                return
            grace = shorter
            changed = shortened_deletion(meta, grace_seconds=grace, now_ns=now_ns)
        pod = self._store(replace(pod, metadata=changed))
        if grace == 0:
            self._remove(pod)

    def update_pod(self, pod: v1.Pod) -> v1.Pod:
        """A user applies a stored pod: labels, annotations and the mutable fields are taken. Raises InputError."""
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        refused = self.update_refusals(pod)
        if refused:
            raise join_errors(InputError(str(error), where=key) for error in refused)
        before = self.pod(key)
        after = merged_pod(before, self._admitted(pod))
        if after == before:
            return before
        generation = before.metadata.generation + (1 if before.spec != after.spec else 0)
        after = self._store(replace(after, metadata=replace(after.metadata, generation=generation)))
        return self._bind(after) if is_ready_for_scheduler(after) else after

    def replace_pod(self, pod: v1.Pod) -> v1.Pod:
        """Store a pod that exists as a subresource of it made it; a changed spec is a new generation."""
        before = self._pods[pod.metadata.uid]
        pod = without_disabled_fields(pod, self._gates)
        generation = before.metadata.generation + (1 if before.spec != pod.spec else 0)
        return self._store(replace(pod, metadata=replace(pod.metadata, generation=generation)))

    def update_refusals(self, pod: v1.Pod) -> list[FieldError]:
        """What stands against applying a defaulted, valid pod that is stored already; empty for a new one."""
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        if key not in self._keys:
            return []
        before = self.pod(key)
        return pod_update_errors(merged_pod(before, self._admitted(pod)), before, self._options)

    def resize_pod(self, asked: v1.Pod, *, minor: int) -> v1.Pod:
        """A user asks for other resources of a stored pod, through its subresource `resize`. Raises InputError.

        `minor` is the API server's minor version.
        """
        before = self.pod(f"{asked.metadata.namespace}/{asked.metadata.name}")
        rules = ResizeRules(gates=self._gates, minor=minor, node=self._node)
        after = resized_pod(before, self._admitted(asked), rules)
        return before if after.spec == before.spec else self.replace_pod(after)

    def has_pod(self, key: str) -> bool:
        """Whether the pod `namespace/name` is stored."""
        return key in self._keys

    def pod(self, key: str) -> v1.Pod:
        """The stored pod `namespace/name`. Raises InputError."""
        uid = self._keys.get(key)
        if uid is None:
            known = ", ".join(sorted(self._keys)) or "none"
            raise InputError("there is no such pod", where=key, hint=f"pods: {known}")
        return self._pods[uid]

    def pods(self) -> Iterator[tuple[str, v1.Pod]]:
        """All stored pods by key, in the order of their creation."""
        for key, uid in self._keys.items():
            yield key, self._pods[uid]

    def versions(self, key: str) -> list[dict[str, Any]]:
        """Every published version of a pod, as recording lines; also of one that is gone."""
        history = self._history.get(key)
        if history is None:
            raise InputError("there never was such a pod", where=key)
        return [version_dict(self._versions[one], since_ns=history.created_ns) for one in history.versions]

    @property
    def events(self) -> list[v1.Event]:
        """All stored Events, oldest first."""
        return self._events.events

    def event_writes(self, key: str) -> list[dict[str, Any]]:
        """Every write of an Event about a pod, as recording lines; also of one that is gone."""
        history = self._history.get(key)
        if history is None:
            raise InputError("there never was such a pod", where=key)
        return [one.as_dict(since_ns=history.created_ns) for one in self._events.writes(history.uid)]

    # -- the kubelet's ApiClient ----------------------------------------------------------------------------

    def patch_pod_status(self, uid: str, status: v1.PodStatus) -> v1.Pod | None:
        """Write the status of a pod; None when it is gone."""
        pod = self._pods.get(uid)
        if pod is None:
            return None
        status = without_disabled_status_fields(status, self._gates)
        return pod if pod.status == status else self._store(pod, status)

    def delete_pod_now(self, uid: str) -> None:
        """DELETE with grace 0 by the kubelet: the pod is gone. Nothing happens when it already is."""
        pod = self._pods.get(uid)
        if pod is None:
            return
        change = requested_deletion if pod.metadata.deletion_timestamp is None else shortened_deletion
        changed = change(pod.metadata, grace_seconds=0, now_ns=self._kernel.now_ns)
        self._remove(self._store(replace(pod, metadata=changed)))

    def create_mirror_pod(self, pod: v1.Pod) -> str:
        """Create the mirror pod of a static pod; empty, or why it is not there. The uid is the API server's own."""
        try:
            self.create_pod(replace(pod, metadata=replace(pod.metadata, uid="")))
        except InputError as error:
            return error.what
        return ""

    def delete_mirror_pod(self, namespace: str, name: str, uid: str | None) -> bool:
        """DELETE with grace 0; False when there is no such pod, or one with another uid."""
        found = self._keys.get(f"{namespace}/{name}")
        if found is None or uid not in {None, found}:
            return False
        self.delete_pod_now(found)
        return True

    def get_secret(self, namespace: str, name: str) -> v1.Secret | None:
        """A Secret, None when there is none of this name."""
        return self.secrets.get(f"{namespace}/{name}")

    def get_config_map(self, namespace: str, name: str) -> v1.ConfigMap | None:
        """A ConfigMap, None when there is none of this name."""
        return self.config_maps.get(f"{namespace}/{name}")

    def get_runtime_class(self, name: str) -> RuntimeClass | None:
        """A RuntimeClass, None when there is none of this name."""
        return self.runtime_classes.get(name)

    def create_token(self, pod: v1.Pod, audiences: tuple[str, ...], expiration_seconds: int) -> ServiceAccountToken:
        """A token for the service account of a pod, bound to that pod."""
        return self._tokens.issue(pod, self._node, audiences, expiration_seconds)

    def services(self) -> tuple[v1.Service, ...]:
        """The Services of all namespaces."""
        return self.services_store.all()

    def create_event(self, event: v1.Event) -> None:
        """Store an Event."""
        self._events.create_event(event)

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        """Change a stored Event; False when it is not there any more."""
        return self._events.patch_event(
            namespace=namespace, name=name, count=count, last_timestamp=last_timestamp, message=message
        )

    def get_node(self) -> v1.Node | None:
        """The Node object."""
        return self._node

    def register_node(self, node: v1.Node) -> None:
        """Create the Node object."""
        now = format_rfc3339(self._kernel.now_ns)
        meta = replace(node.metadata, uid=self._kernel.ids.uuid(), creation_timestamp=now)
        self._node = replace(node, metadata=meta)

    def patch_node_status(self, status: v1.NodeStatus) -> None:
        """Write the status of the Node object."""
        if self._node is not None:
            self._node = replace(self._node, status=status)

    # -- writing --------------------------------------------------------------------------------------------

    def _admitted(self, pod: v1.Pod) -> v1.Pod:
        """What of a user's pod is stored: with a priority, and without the fields whose gates are off."""
        pod = admit_runtime_class(admit_priority(pod), self.get_runtime_class)
        return without_disabled_fields(pod, self._gates)

    def _remove(self, pod: v1.Pod) -> None:
        if self._pods.pop(pod.metadata.uid, None) is None:
            # The kubelet, told of the deletion a moment ago, was faster.
            return
        del self._keys[f"{pod.metadata.namespace}/{pod.metadata.name}"]
        self._publish("DELETED", pod)
        if self._handler is not None and is_scheduled(pod):
            self._handler.remove_pod(pod.metadata.uid)

    def _bind(self, pod: v1.Pod) -> v1.Pod:
        """Place a pod whose last scheduling gate is gone."""
        pod = bound(pod, node_name=self._node_name, now=format_rfc3339(self._kernel.now_ns))
        pod = replace(pod, metadata=replace(pod.metadata, resource_version=self._revise()))
        self._pods[pod.metadata.uid] = pod
        self._publish("MODIFIED", pod)
        if self._handler is not None:
            self._handler.add_pod(pod)
        return pod

    def _store(self, pod: v1.Pod, status: v1.PodStatus | None = None) -> v1.Pod:
        meta = replace(pod.metadata, resource_version=self._revise())
        pod = replace(pod, metadata=meta, status=pod.status if status is None else status)
        self._pods[pod.metadata.uid] = pod
        self._publish("MODIFIED", pod)
        if self._handler is not None and is_scheduled(pod):
            self._handler.update_pod(pod)
        return pod

    def _publish(self, kind: str, pod: v1.Pod) -> None:
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        version = self._versions.add(published_version(pod, kind, time_ns=self._kernel.now_ns))
        self._history[key].versions.append(version)

    def _revise(self) -> str:
        self._revision += 1
        return str(self._revision)
