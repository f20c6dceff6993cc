"""Writes Events about pods and the node, as client-go's recorder does for the kubelet.

Mirrors client-go: tools/record/event.go (makeEvent, generateEvent, recordEvent).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from msgspec import Struct

from kubesim.kernel import Kernel
from kubesim.kubelet.event_correlator import Correlated, EventCorrelator, Said, event_name
from kubesim.kubelet.event_queue import EventQueue, EventRate
from kubesim.kubelet.event_reference import EventReference
from kubesim.model.k8s_v1 import Event, EventSource, ObjectMeta, ObjectReference
from kubesim.model.timestamps import format_rfc3339

NORMAL = "Normal"
WARNING = "Warning"

_NAME_LENGTH_MAX = 253
_SHORT_MAX = _NAME_LENGTH_MAX - len(f".{2**63:x}")
"""A name of this length leaves room for every instant."""
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class EventSink(Protocol):
    """Where Events are stored."""

    def create_event(self, event: Event) -> None:
        """Store a new Event."""

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        """Change a stored Event; False when it is not there any more."""


class _Recorded(Struct, frozen=True, gc=False):
    """What was said, at which instant, and what the name of its Event is made of, should it get one of its own."""

    said: Said
    at_ns: int
    name: str
    named_ns: int


class EventRecorder:
    """Records events on behalf of the kubelet of one node."""

    def __init__(self, kernel: Kernel, sink: EventSink, *, node_name: str, rate: EventRate | None = None) -> None:
        """`rate` is how often the sink may be asked; None for what is usual."""
        self._kernel = kernel
        self._sink = sink
        self._node_name = node_name
        self._correlator = EventCorrelator(kernel)
        self._queue = EventQueue[_Recorded](kernel, rate or EventRate(), begin=self._begin)
        self._named_ns = 0
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
        self.say_again(Said(target, event_type, reason, message, annotations))

    def has_room(self, events: int) -> bool:
        """Whether so many events would be written now, or not at all, rather than later."""
        return self._queue.has_room(events)

    def say_again(self, said: Said) -> None:
        """Record what was recorded before: it is counted."""
        if self.heard is not None:
            self.heard.append(said)
        at_ns = named_ns = self._kernel.now_ns
        if named_ns <= self._named_ns:
            # Real clocks never give one instant twice. Ours does, and two Events of one name would be one Event.
            named_ns = self._named_ns + 1
        self._named_ns = named_ns
        name = said.target.name
        name = "" if _is_short_subdomain(name) else self._own_name(name, named_ns)
        if self._queue.is_busy:
            self._queue.put(_Recorded(said, at_ns, name, named_ns))
            return
        correlated = self._correlator.correlate(said, name, named_ns, at_ns)
        if correlated is not None:
            self._queue.request(self._write, said, correlated, at_ns)

    def stop(self) -> None:
        """The process ends: events that still wait to be written are lost."""
        self._queue.stop()

    def _begin(self, recorded: _Recorded) -> None:
        said, at_ns = recorded.said, recorded.at_ns
        correlated = self._correlator.correlate(said, recorded.name, recorded.named_ns, at_ns)
        if correlated is not None:
            self._queue.request(self._write, said, correlated, at_ns)

    def _write(self, said: Said, correlated: Correlated, at_ns: int) -> None:
        if correlated.count > 1 and self._sink.patch_event(
            namespace=_event_namespace(said.target),
            name=correlated.name,
            count=correlated.count,
            last_timestamp=format_rfc3339(at_ns),
            message=correlated.message,
        ):
            return
        # The first of its kind, or its Event is gone (the API server forgets Events): then it is created anew.
        self._sink.create_event(self._struct(said, correlated, at_ns))

    def _struct(self, said: Said, correlated: Correlated, at_ns: int) -> Event:
        target, is_aggregate = said.target, correlated.is_aggregate
        return Event(
            metadata=ObjectMeta(
                name=correlated.name,
                namespace=_event_namespace(target),
                annotations={} if is_aggregate else dict(said.annotations or {}),
            ),
            involved_object=ObjectReference(
                api_version="v1",
                kind=target.kind,
                namespace=target.namespace,
                name=target.name,
                uid=target.uid,
                field_path=target.field_path,
                resource_version=target.resource_version,
            ),
            reason=said.reason,
            message=correlated.message,
            source=EventSource(component="kubelet", host=self._node_name),
            first_timestamp=format_rfc3339(correlated.first_ns),
            last_timestamp=format_rfc3339(at_ns),
            count=correlated.count,
            type=said.event_type,
            reporting_component="" if is_aggregate else "kubelet",
            reporting_instance="" if is_aggregate else self._node_name,
        )

    def _own_name(self, object_name: str, named_ns: int) -> str:
        """The name of an Event that cannot have the usual one; empty for all others."""
        is_usual = _is_dns_subdomain(object_name) and len(event_name(object_name, named_ns)) <= _NAME_LENGTH_MAX
        return "" if is_usual else self._kernel.ids.uuid()


def _event_namespace(target: EventReference) -> str:
    """The node has no namespace; its Events lie in `default`."""
    return target.namespace or "default"


def _is_dns_subdomain(object_name: str) -> bool:
    """Whether a name with a number behind it is a subdomain: it is when its beginning is one."""
    return _DNS_SUBDOMAIN.fullmatch(object_name) is not None


@lru_cache
def _is_short_subdomain(object_name: str) -> bool:
    """Whether it is a subdomain with any number behind it."""
    return len(object_name) <= _SHORT_MAX and _is_dns_subdomain(object_name)


def node_reference(node_name: str) -> EventReference:
    """The node as the kubelet names it in events. Mirrors kubelet: pkg/kubelet/kubelet.go, NewMainKubelet (nodeRef)."""
    return EventReference(kind="Node", name=node_name)
