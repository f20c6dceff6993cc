"""A sync that had nothing to do but to wait: for the end of a back-off, or for something to happen.

A pod in back-off is synced again and again, and a pod that runs once a minute. As long as nothing has happened since
such a sync, the next one finds the same: it has the same Events, and ends in the same way. A sync has two parts, and
each is left out by itself: the first makes the status, the second asks what is to be done in the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from kubesim.kubelet.event_correlator import Said
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.status_manager import StatusManager
from kubesim.kubelet.sync_error import SyncError
from kubesim.model import k8s_v1 as v1


class VainSync(Struct, kw_only=True):
    """What such a sync did, and until when it would do that again if nothing happened (ns since the epoch).

    `events` are those of the second part, `error` is that of the sync as text, empty when it had none, and
    `retry_at_ns` what is in it. `writes` are how many writes of the status it scheduled, and nothing else did it
    schedule.
    """

    events: tuple[Said, ...]
    error: str
    retry_at_ns: int | None
    """When the second part finds something to do; None: never."""
    deadline_ns: int
    """When the first part finds that the pod's time is over."""
    is_news: bool
    """Whether it said what the next status is made from: a status, or why a container does not start."""
    is_settled: bool
    """Whether the next status is the same once the API shows it, if the news was nothing but a status."""
    is_restarting_all: bool
    """What the second part was told by the first."""
    writes: int
    resource_version: str
    spec: v1.PodSpec
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """Of the pod that was synced, by identity: the versions of a pod share what none of them changes."""
    activity: int | None = None
    """The kernel's, when the worker had seen that it did nothing else; None before."""

    def is_current(self, activity: int) -> bool:
        """Whether nothing has happened since, but that this kubelet has written the status of the pod."""
        return self.activity == activity

    def is_untouched(self, pod: v1.Pod, activity: int) -> bool:
        """The same of a pod that whatever happens now may have changed."""
        meta = pod.metadata
        return (
            self.is_current(activity)
            and pod.spec is self.spec
            and meta.labels is self.labels
            and meta.annotations is self.annotations
        )

    def shows_same(self, pod: v1.Pod, statuses: StatusManager, now_ns: int) -> bool:
        """Whether the first part of a sync of the untouched pod would tell the same status."""
        if now_ns >= self.deadline_ns:
            return False
        if self.is_news:
            return self.is_settled and statuses.is_shown_in(pod)
        return pod.metadata.resource_version == self.resource_version

    def waits(self, now_ns: int) -> bool:
        """Whether the second part of a sync of the untouched pod would be in vain again, if the first does not end it.

        It looks at the status for nothing but `is_restarting_all`.
        """
        return self.retry_at_ns is None or now_ns < self.retry_at_ns

    def with_status(self, pod: v1.Pod, *, writes: int = 0, is_settled: bool = False) -> VainSync:
        """The same for another version of the untouched pod, after a first part with so many writes: Events tell it."""
        version = pod.metadata.resource_version
        return replace(
            self,
            events=tuple(_of_version(said, self.resource_version, version) for said in self.events),
            is_news=writes > 0,
            is_settled=is_settled,
            writes=writes,
            resource_version=version,
            activity=None,
        )

    def at(self, pod: v1.Pod, statuses: StatusManager, now_ns: int) -> VainSync | None:
        """What a sync of the untouched pod does then, if all of it is in vain again."""
        if not (self.shows_same(pod, statuses, now_ns) and self.waits(now_ns)):
            return None
        return self.with_status(pod) if self.is_news else self

    def repeat(self, recorder: EventRecorder) -> None:
        """Do the second part again. Raises SyncError when it did."""
        for event in self.events:
            recorder.say_again(event)
        if self.error:
            raise SyncError(self.error, retry_at_ns=self.retry_at_ns)


def _of_version(said: Said, before: str, after: str) -> Said:
    if said.target.resource_version != before:
        return said  # The node has no version.
    return replace(said, target=replace(said.target, resource_version=after))
