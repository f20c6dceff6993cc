"""Writes Events about pods and the node, as client-go's recorder does for the kubelet.

Mirrors client-go: tools/record/event.go (makeEvent, generateEvent, recordEvent). The real one writes from a queue; here
an event is written at the instant it happens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from kubesim.kernel import Kernel
from kubesim.kubelet.event_correlator import EventCorrelator, EventDraft
from kubesim.kubelet.event_reference import EventReference
from kubesim.model.k8s_v1 import Event, EventSource, ObjectMeta, ObjectReference
from kubesim.model.timestamps import format_rfc3339

NORMAL = "Normal"
WARNING = "Warning"

_NAME_LENGTH_MAX = 253
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class EventSink(Protocol):
    """Where Events are stored."""

    def create_event(self, event: Event) -> None:
        """Store a new Event."""

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        """Change a stored Event; False when it is not there any more."""


class Said(NamedTuple):
    """What `EventRecorder.event` was called with."""

    target: EventReference
    event_type: str
    reason: str
    message: str
    annotations: Mapping[str, str] | None


class EventRecorder:
    """Records events on behalf of the kubelet of one node."""

    def __init__(self, kernel: Kernel, sink: EventSink, *, node_name: str) -> None:
        self._kernel = kernel
        self._sink = sink
        self._node_name = node_name
        self._correlator = EventCorrelator(kernel)
        self._last_name_ns = 0
        self.heard: list[Said] | None = None
        """While somebody listens, what was recorded, whether or not it was written."""

    def event(
        self,
        target: EventReference,
        event_type: str,
        reason: str,
        message: str,
        *,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Record what happened. Events that say the same are counted; too many are combined or dropped."""
        if self.heard is not None:
            self.heard.append(Said(target, event_type, reason, message, annotations))
        now_ns = self._kernel.now_ns
        draft = EventDraft(
            kind=target.kind,
            namespace=target.namespace,
            object_name=target.name,
            uid=target.uid,
            field_path=target.field_path,
            resource_version=target.resource_version,
            event_type=event_type,
            reason=reason,
            message=message,
            name=self._event_name(target.name),
            first_ns=now_ns,
            last_ns=now_ns,
            annotations=annotations or {},
        )
        observed = self._correlator.correlate(draft)
        if observed is not None:
            self._write(observed)

    def say_again(self, said: Said) -> None:
        """Record what was recorded before: it is counted."""
        self.event(said.target, said.event_type, said.reason, said.message, annotations=said.annotations)

    def _write(self, draft: EventDraft) -> None:
        if draft.count > 1 and self._sink.patch_event(
            namespace=_event_namespace(draft),
            name=draft.name,
            count=draft.count,
            last_timestamp=format_rfc3339(draft.last_ns),
            message=draft.message,
        ):
            return
        # The first of its kind, or its Event is gone (the API server forgets Events): then it is created anew.
        self._sink.create_event(self._struct(draft))

    def _struct(self, draft: EventDraft) -> Event:
        reporter = ("", "") if draft.is_aggregate else ("kubelet", self._node_name)
        return Event(
            metadata=ObjectMeta(
                name=draft.name, namespace=_event_namespace(draft), annotations=dict(draft.annotations)
            ),
            involved_object=ObjectReference(
                api_version="v1",
                kind=draft.kind,
                namespace=draft.namespace,
                name=draft.object_name,
                uid=draft.uid,
                field_path=draft.field_path,
                resource_version=draft.resource_version,
            ),
            reason=draft.reason,
            message=draft.message,
            source=EventSource(component="kubelet", host=self._node_name),
            first_timestamp=format_rfc3339(draft.first_ns),
            last_timestamp=format_rfc3339(draft.last_ns),
            count=draft.count,
            type=draft.event_type,
            reporting_component=reporter[0],
            reporting_instance=reporter[1],
        )

    def _event_name(self, object_name: str) -> str:
        # Real clocks never give one instant twice. Ours does, and two Events of one name would be one Event.
        self._last_name_ns = max(self._kernel.now_ns, self._last_name_ns + 1)
        name = f"{object_name}.{self._last_name_ns:x}"
        if len(name) <= _NAME_LENGTH_MAX and _is_dns_subdomain(object_name):
            return name
        return self._kernel.ids.uuid()


def _event_namespace(draft: EventDraft) -> str:
    """The node has no namespace; its Events lie in `default`."""
    return draft.namespace or "default"


@lru_cache
def _is_dns_subdomain(object_name: str) -> bool:
    """Whether a name with a number behind it is a subdomain: it is when its beginning is one."""
    return _DNS_SUBDOMAIN.fullmatch(object_name) is not None


def node_reference(node_name: str) -> EventReference:
    """The node as the kubelet names it in events. Mirrors kubelet: pkg/kubelet/kubelet.go, NewMainKubelet (nodeRef)."""
    return EventReference(kind="Node", name=node_name)
