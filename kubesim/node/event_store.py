"""The Events of the emulated API server: what is stored of each, and every single write.

An Event that is said again is patched, so the store alone does not tell when; the writes do, as a watch would. Both
hold the JSON that was written: as structs, the Events of a pod would be half of what Python's collector of cycles has
to look at for it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1


@dataclass(frozen=True, slots=True)
class EventWrite:
    """An Event as it was after one write of it, at `time_ns`."""

    time_ns: int
    event: v1.Event

    def as_dict(self, *, since_ns: int = 0) -> dict[str, Any]:
        """One line of a recording: `t` in seconds since `since_ns`, and what the Event says."""
        event = self.event
        row: dict[str, Any] = {
            "t": (self.time_ns - since_ns) / 1e9,
            "type": event.type,
            "reason": event.reason,
            "message": event.message,
            "count": event.count,
        }
        if event.involved_object.field_path:
            row["fieldPath"] = event.involved_object.field_path
        row["source"] = event.source.component
        row["firstTimestamp"] = event.first_timestamp
        row["lastTimestamp"] = event.last_timestamp
        return row


class EventStore:
    """Stores Events by namespace and name. Implements the sink of the kubelet's recorder."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._events: dict[tuple[str, str], bytes] = {}
        self._writes: defaultdict[str, list[tuple[int, bytes]]] = defaultdict(list)

    @property
    def events(self) -> list[v1.Event]:
        """All stored Events, oldest first."""
        return [_decode(one) for one in self._events.values()]

    def writes(self, uid: str) -> list[EventWrite]:
        """Every write of an Event about the object with this uid, in order. The Node has no uid in its Events."""
        return [EventWrite(time_ns, _decode(one)) for time_ns, one in self._writes.get(uid, ())]

    def create_event(self, event: v1.Event) -> None:
        """Store an Event."""
        self._write(event)

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        """Change a stored Event; False when it is not there any more."""
        stored = self._events.get((namespace, name))
        if stored is None:
            return False
        self._write(replace(_decode(stored), count=count, last_timestamp=last_timestamp, message=message))
        return True

    def _write(self, event: v1.Event) -> None:
        written = msgspec.json.encode(event)
        self._events[event.metadata.namespace, event.metadata.name] = written
        self._writes[event.involved_object.uid].append((self._kernel.now_ns, written))


_decode = msgspec.json.Decoder(v1.Event).decode
