"""The Events of the emulated API server: what is stored of each, and every single write.

An Event that is said again is patched, so the store alone does not tell when; the writes do, as a watch would. They lie
on pages, and the store knows their numbers: as structs, the Events of a pod would be half of what Python's collector of
cycles has to look at for it.
"""

from __future__ import annotations

from array import array
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


_Write = tuple[int, bytes, int, int, str, str]
"""One write: its time in ns, and of a creation the Event as JSON; of a change the number of the creation, and count,
lastTimestamp and message."""

_Stored = tuple[str, int, int]
"""An Event: the uid of the object that it is about, and the numbers of its creation and of its last write."""


class EventStore:
    """Stores Events by namespace and name. Implements the sink of the kubelet's recorder."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._writes = PagedDocuments[_Write](_Write)
        self._events: dict[tuple[str, str], _Stored] = {}
        self._about: defaultdict[str, array[int]] = defaultdict(lambda: array("Q"))
        """The numbers of the writes, by the uid of the object that they are about."""

    @property
    def events(self) -> list[v1.Event]:
        """All stored Events, oldest first."""
        return [self._write(last).event for _, _, last in self._events.values()]

    def writes(self, uid: str) -> list[EventWrite]:
        """Every write of an Event about the object with this uid, in order. The Node has no uid in its Events."""
        return [self._write(number) for number in self._about.get(uid, ())]

    def create_event(self, event: v1.Event) -> None:
        """Store an Event."""
        number = self._writes.add((self._kernel.now_ns, msgspec.json.encode(event), 0, 0, "", ""))
        uid = event.involved_object.uid
        self._events[event.metadata.namespace, event.metadata.name] = (uid, number, number)
        self._about[uid].append(number)

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        """Change a stored Event; False when it is not there any more."""
        key = (namespace, name)
        stored = self._events.get(key)
        if stored is None:
            return False
        uid, created, _ = stored
        number = self._writes.add((self._kernel.now_ns, b"", created, count, last_timestamp, message))
        self._events[key] = (uid, created, number)
        self._about[uid].append(number)
        return True

    def _write(self, number: int) -> EventWrite:
        time_ns, encoded, created, count, last_timestamp, message = self._writes[number]
        if encoded:
            return EventWrite(time_ns, _decode(encoded))
        event = self._write(created).event
        return EventWrite(time_ns, replace(event, count=count, last_timestamp=last_timestamp, message=message))


_decode = msgspec.json.Decoder(v1.Event).decode
