"""A sync that had nothing to do but to wait: for the end of a back-off, or for something to happen.

A pod in back-off is synced again and again, and a pod that runs once a minute. As long as nothing has happened since
such a sync, the next one finds the same: it has the same Events, and ends in the same way.
"""

from __future__ import annotations

from msgspec import Struct

from kubesim.kubelet.event_recorder import EventRecorder, Said
from kubesim.kubelet.sync_error import SyncError


class VainSync(Struct, kw_only=True):
    """What such a sync did, and until when it would do that again if nothing happened (ns since the epoch).

    `error` is that of the sync as text, empty when it had none, and `retry_at_ns` what is in it.
    `writes` are how many writes of the status it scheduled, and nothing else did it schedule.
    """

    events: tuple[Said, ...]
    error: str
    retry_at_ns: int | None
    until_ns: int
    writes: int
    resource_version: str
    """Of the pod that was synced: Events tell it."""
    activity: int | None = None
    """The kernel's, when the worker had seen that it did nothing else; None before."""

    def holds(self, resource_version: str, activity: int, *, now_ns: int) -> bool:
        """Whether a sync of this version of the pod would do the same, if that is all that has happened."""
        return self.activity == activity and now_ns < self.until_ns and self.resource_version == resource_version

    def repeat(self, recorder: EventRecorder) -> None:
        """Do it again. Raises SyncError when it did."""
        for event in self.events:
            recorder.say_again(event)
        if self.error:
            raise SyncError(self.error, retry_at_ns=self.retry_at_ns)
