"""The pod that a worker works on, and how far it has come.

Mirrors kubelet: pkg/kubelet/pod_workers.go (podSyncStatus, PodWorkType, startPodSync).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from kubesim.kernel import Cancelled, Promise
from kubesim.kubelet.status_generation import PodStatusFunc
from kubesim.kubelet.vain_sync import VainSync
from kubesim.model.k8s_v1 import Pod


class WorkType(StrEnum):
    """What the worker does next."""

    SYNC = "sync"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


@dataclass(slots=True, kw_only=True)
class PodWork:
    """The pod a worker works on, and how far it has come. Times are ns since the epoch, None while not reached.

    `seen_ns` is when this kubelet process saw the pod first.
    """

    newest: Pod
    """The API's copy now."""
    pending: Pod | None = None
    """What the next step works on. One that has begun to wait for the cache works on what it had then."""
    taken: Pod | None = None
    """What the present step works on."""
    seen_ns: int = 0
    synced_ns: int = -1
    """When the last step ended; negative before the first one."""
    terminating_at_ns: int | None = None
    terminated_at_ns: int | None = None
    is_finished: bool = False
    is_started: bool = False
    grace_seconds: int | None = None
    status_func: PodStatusFunc | None = None
    is_evicted: bool = False
    is_interruptible: bool = False
    """Whether a request to end the pod cuts its present sync off."""
    is_wanted_again: bool = False
    """The sync that just ended asks for another as soon as there is news of the runtime."""
    in_vain: VainSync | None = None
    """The last step, if it was a sync that had nothing to do but to wait."""
    is_restart_requested: bool = False
    cut_off: Cancelled | None = None
    containers_stopped: Promise[None] = field(default_factory=Promise)

    @property
    def pod(self) -> Pod:
        """What the present step works on; while nothing is done, the API's copy."""
        return self.taken or self.newest

    @property
    def work_type(self) -> WorkType:
        """The step that is due."""
        if self.terminated_at_ns is not None:
            return WorkType.TERMINATED
        return WorkType.SYNC if self.terminating_at_ns is None else WorkType.TERMINATING

    def take(self) -> WorkType:
        """Begin a step with what is pending, if anything is. Returns the step. Mirrors startPodSync."""
        self.taken, self.pending = self.pending or self.pod, None
        return self.work_type

    def rest(self) -> None:
        """Nothing is to be done before somebody says so, and then with another copy of the pod."""
        self.taken = None
