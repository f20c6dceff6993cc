"""The Events of the emulated API server: what is stored of each, and every single write.

An Event that is said again is patched, so the store alone does not tell when; the writes do, as a watch would. Both
hold the Event as it was created as JSON: as structs, the Events of a pod would be half of what Python's collector of
cycles has to look at for it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1
from kubesim.model.paged_documents import PagedDocuments


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


_Patch = tuple[int, str, str]
"""What can be patched of an Event: count, lastTimestamp and message."""

_Write = tuple[int, str, int, _Patch | None]
"""One write: its time in ns, the uid of the object, the number of the Event as it was created, and what has become of
that by then. Plain tuples, which Python's collector of cycles looks at once."""


class EventStore:
    """Stores Events by namespace and name. Implements the sink of the kubelet's recorder."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._created = PagedDocuments()
        self._events: dict[tuple[str, str], _Write] = {}
        """The last write of each."""
        self._writes: defaultdict[str, list[_Write]] = defaultdict(list)

    @property
    def events(self) -> list[v1.Event]:
        """All stored Events, oldest first."""
        return [self._event(write) for write in self._events.values()]

    def writes(self, uid: str) -> list[EventWrite]:
        """Every write of an Event about the object with this uid, in order. The Node has no uid in its Events."""
        return [EventWrite(write[0], self._event(write)) for write in self._writes.get(uid, ())]

    def create_event(self, event: v1.Event) -> None:
        """Store an Event."""
        created = self._created.add(msgspec.json.encode(event))
        key = (event.metadata.namespace, event.metadata.name)
        self._note(key, (self._kernel.now_ns, event.involved_object.uid, created, None))

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        """Change a stored Event; False when it is not there any more."""
        key = (namespace, name)
        stored = self._events.get(key)
        if stored is None:
            return False
        _, uid, created, _ = stored
        self._note(key, (self._kernel.now_ns, uid, created, (count, last_timestamp, message)))
        return True

    def _note(self, key: tuple[str, str], write: _Write) -> None:
        self._events[key] = write
        self._writes[write[1]].append(write)

    def _event(self, write: _Write) -> v1.Event:
        _, _, created, patch = write
        event = _decode(self._created[created])
        if patch is None:
            return event
        count, last_timestamp, message = patch
        return replace(event, count=count, last_timestamp=last_timestamp, message=message)


_decode = msgspec.json.Decoder(v1.Event).decode
