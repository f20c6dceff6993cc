"""The pod cache: what the runtime said last about each pod, and when.

A pod worker waits here until it sees something newer than the end of its last sync, so that it never decides on what
was true before its own actions. Mirrors kubelet: pkg/kubelet/container/cache.go.
"""

from __future__ import annotations

from msgspec import Struct

from kubesim.kernel import Event
from kubesim.policy.pod_view import RuntimePod

_NEVER_NS = -1


class CacheEntry(Struct, frozen=True, kw_only=True):
    """One answer of the runtime: the pod as it was at `modified_ns`, or the error that asking gave."""

    pod: RuntimePod
    modified_ns: int
    error: Exception | None = None


class PodCache:
    """Entries by pod uid. A pod without an entry is one that the runtime does not know."""

    def __init__(self) -> None:
        self._entries: dict[str, CacheEntry] = {}
        self._relisted_ns = _NEVER_NS
        self._observed_ns: dict[str, int] = {}
        self._awaited: dict[str, Event] = {}

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for news of a pod."""
        return bool(self._awaited)

    def get(self, uid: str) -> RuntimePod:
        """What is known now."""
        entry = self._entries.get(uid)
        return RuntimePod() if entry is None else entry.pod

    def set(self, uid: str, pod: RuntimePod, *, modified_ns: int, error: Exception | None = None) -> bool:
        """Write an answer; False for one that is older than the one at hand, which is kept."""
        entry = self._entries.get(uid)
        if entry is not None and entry.modified_ns > modified_ns:
            return False
        self._entries[uid] = CacheEntry(pod=pod, modified_ns=modified_ns, error=error)
        self._announce(uid)
        return True

    def delete(self, uid: str) -> None:
        """Forget a pod that the runtime no longer knows."""
        self._entries.pop(uid, None)
        self._observed_ns.pop(uid, None)

    def relisted(self, time_ns: int) -> None:
        """All pods were looked at, at `time_ns`: an entry that did not change is as new as that."""
        self._relisted_ns = time_ns
        if self._awaited:
            awaited, self._awaited = self._awaited, {}
            for event in awaited.values():
                event.set()

    def observed(self, uid: str, time_ns: int) -> None:
        """One pod was looked at, at `time_ns`: what is known of it is as new as that. Nothing for an unknown pod."""
        if uid in self._entries:
            self._observed_ns[uid] = time_ns
            self._announce(uid)

    async def newer_than(self, uid: str, time_ns: int) -> CacheEntry:
        """The entry of a pod once it is newer than `time_ns`."""
        while not self.is_newer_than(uid, time_ns):
            await self._awaited.setdefault(uid, Event()).wait()
        return self._entries.get(uid) or CacheEntry(pod=RuntimePod(), modified_ns=self._relisted_ns)

    def is_newer_than(self, uid: str, time_ns: int) -> bool:
        """Whether the entry of a pod is."""
        if self._relisted_ns > time_ns:
            return True
        entry = self._entries.get(uid)
        return entry is not None and max(entry.modified_ns, self._observed_ns.get(uid, _NEVER_NS)) > time_ns

    def _announce(self, uid: str) -> None:
        # Only who waits for this pod: a node with thousands of them would wake all for each.
        event = self._awaited.pop(uid, None)
        if event is not None:
            event.set()
