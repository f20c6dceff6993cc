"""Static pods of one full name run one after the other: whose turn it is.

Mirrors kubelet: pkg/kubelet/pod_workers.go (startedStaticPodsByFullname, waitingToStartStaticPodsByFullname,
allowStaticPodStart).
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.model.k8s_v1 import Pod
from kubesim.policy.static_pod import full_name
from kubesim.policy.static_pod_order import Waiting, may_start


class StaticPodTurns:
    """Keeps the uids of static pods by full name: the one that may run, and those that wait for it."""

    def __init__(self, is_over: Callable[[str], bool]) -> None:
        """`is_over(uid)` is whether a pod is to end, or gone."""
        self._is_over = is_over
        self._started: dict[str, str] = {}
        self._waiting: dict[str, list[str]] = {}

    def arrive(self, pod: Pod) -> None:
        """A static pod is new, and waits."""
        self._waiting.setdefault(_full_name(pod), []).append(pod.metadata.uid)

    def may_start(self, pod: Pod) -> bool:
        """Whether no other one of its name is before it; from then on it is the one that runs."""
        uid, name = pod.metadata.uid, _full_name(pod)
        waiting = self._waiting.get(name, [])
        states = [Waiting(uid=one, is_over=self._is_over(one)) for one in waiting]
        if not may_start(uid, started=self._started.get(name), waiting=states):
            return False
        self._started[name] = uid
        left = [one for one in waiting if one != uid and not self._is_over(one)]
        self._waiting.pop(name, None)
        if left:
            self._waiting[name] = left
        return True

    def release(self, uid: str) -> None:
        """A pod has ended: the next one of its name may start. Nothing for a pod that is not static."""
        for name in [name for name, one in self._started.items() if one == uid]:
            del self._started[name]

    def started(self, name: str) -> str | None:
        """The uid of the pod with that full name that runs, or is being ended."""
        return self._started.get(name)


def _full_name(pod: Pod) -> str:
    return full_name(pod.metadata.name, pod.metadata.namespace)
