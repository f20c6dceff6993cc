"""What holds for the life of every pod, whatever the pod and whatever happens to it.

Each function takes what you have: the versions of a pod as `kubesim.Node.versions` gives them (or a watch of a cluster,
with a `t` for each), or a `kubesim.Node`, whose journal is looked at. It raises ExpectationFailed that names the pod,
the time and both sides. One line at the end of a test says it of all pods that a node has had:

    check_lives(node)

These are the promises that controllers build on: a terminal phase stays, restarts are only counted up, Ready means that
the containers are ready; and that a kubelet leaves nothing of a deleted pod in its runtime.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.errors import ExpectationFailed
from kubesim.middleware.journal import JournalEntry

Version = Mapping[str, Any]
"""A version of a pod: its status, and `t`, seconds since the pod was created."""

PHASES_AFTER = {
    "Pending": frozenset({"Pending", "Running", "Succeeded", "Failed"}),
    "Running": frozenset({"Running", "Pending", "Succeeded", "Failed"}),
    "Succeeded": frozenset({"Succeeded"}),
    "Failed": frozenset({"Failed"}),
}
"""The phases that may follow one; a pod that starts all its containers anew is Pending again."""

_TERMINAL = frozenset({"Succeeded", "Failed"})
_STATUS_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_BEGINNINGS = frozenset(
    """
    RunPodSandbox UpdatePodSandboxResources PullImage CreateContainer StartContainer UpdateContainerResources
    ReopenContainerLog ExecSync Exec Attach PortForward CheckpointContainer
    """.split()  # noqa: SIM905 - a list literal takes a line for each name
)
"""Calls that work for a pod. A kubelet that looks at what it stopped, or removes it, works no more."""
_STOPS = frozenset({"StopContainer", "StopPodSandbox"})
_LOOKED_AT = _BEGINNINGS | _STOPS | {"RemovePodSandbox"}


class NodeWithPods(Protocol):
    """The part of `kubesim.Node` that is used here."""

    def pods(self) -> list[dict[str, Any]]:
        """All v1 Pods."""

    def versions(self, key: str) -> list[dict[str, Any]]:
        """Every version of a pod."""

    @property
    def journal(self) -> list[JournalEntry]:
        """Every CRI call of the kubelet."""


def check_lives(node: NodeWithPods) -> None:
    """Everything below of all pods that there are, and of all that the runtime was ever asked to run."""
    for key in sorted({*(_key(pod) for pod in node.pods()), *(life.key for life in _lives(node.journal).values())}):
        check_versions(node.versions(key))
    deleted_pods_stay_stopped(node)
    deleted_pods_leave_nothing(node)


def check_versions(versions: Sequence[Version]) -> None:
    """Everything below that can be said of the versions of one pod."""
    phases_are_in_order(versions)
    restarts_are_only_counted_up(versions)
    ready_means_containers_ready(versions)
    waiting_pods_are_pending(versions)
    successes_are_complete(versions)


def phases_are_in_order(versions: Sequence[Version]) -> None:
    """Each phase may follow the one before; a terminal one is never left.

    But for one: when the active deadline passes while the kubelet is about to finish with a pod that is Succeeded
    already, which takes up to a second, the pod is Failed in the end (seen on a kubelet 1.36).
    """
    before = "Pending"
    for version in versions:
        phase = version["status"].get("phase") or "Pending"
        is_late = (before, phase) == ("Succeeded", "Failed") and version["status"].get("reason") == "DeadlineExceeded"
        if phase not in PHASES_AFTER[before] and not is_late:
            raise _broken(version, f"the phase was {before} and is {phase}")
        before = phase


def restarts_are_only_counted_up(versions: Sequence[Version]) -> None:
    """restartCount never falls. (Up to 1.35 it may, when somebody else removes a container or ends a sandbox.)"""
    counts: dict[str, int] = {}
    for version in versions:
        for status in _statuses(version):
            name, count = status["name"], status.get("restartCount", 0)
            if count < counts.get(name, 0):
                raise _broken(version, f"container {name}: restartCount was {counts[name]} and is {count}")
            counts[name] = count


def ready_means_containers_ready(versions: Sequence[Version]) -> None:
    """Ready is True only while ContainersReady is, and neither is in a terminal phase."""
    for version in versions:
        conditions = {one["type"]: one["status"] for one in version["status"].get("conditions") or []}
        ready, containers = conditions.get("Ready"), conditions.get("ContainersReady")
        if ready == "True" and containers != "True":
            raise _broken(version, f"Ready is True and ContainersReady {containers}")
        phase = version["status"].get("phase")
        if phase in _TERMINAL and "True" in {ready, containers}:
            raise _broken(version, f"the phase is {phase}, Ready {ready} and ContainersReady {containers}")
        if containers == "True":
            unready = [one["name"] for one in version["status"].get("containerStatuses") or [] if not one["ready"]]
            if unready:
                raise _broken(version, f"ContainersReady is True, and {unready} are not ready")


def waiting_pods_are_pending(versions: Sequence[Version]) -> None:
    """A pod with a regular container that waits and never ran is not Running, whatever its other containers do."""
    for version in versions:
        if version["status"].get("phase") != "Running":
            continue
        for status in version["status"].get("containerStatuses") or []:
            if status["state"].get("waiting") is not None and not (status.get("lastState") or {}).get("terminated"):
                raise _broken(version, f"the phase is Running, and container {status['name']} has never run")


def successes_are_complete(versions: Sequence[Version]) -> None:
    """In phase Succeeded every regular container has ended with 0."""
    for version in versions:
        if version["status"].get("phase") != "Succeeded":
            continue
        for status in version["status"].get("containerStatuses") or []:
            end = status["state"].get("terminated")
            if end is None or end.get("exitCode", 0) != 0:
                raise _broken(version, f"the phase is Succeeded, and container {status['name']} is {status['state']}")


def deleted_pods_stay_stopped(node: NodeWithPods) -> None:
    """After the last stop of a pod that is gone from the API nothing of it is run, pulled, created or executed."""
    for life in _lives_of_the_gone(node):
        end_ns = max((entry.time_ns for entry in life.stops), default=None)
        for entry in life.beginnings:
            if end_ns is not None and entry.time_ns > end_ns:
                raise ExpectationFailed(
                    f"{life.key}: {entry.method} at {entry.time_ns} ns, after its last {life.stops[-1].method} at "
                    f"{end_ns} ns"
                )


def deleted_pods_leave_nothing(node: NodeWithPods) -> None:
    """Every sandbox of a pod that is gone from the API was removed, and with it every container."""
    for life in _lives_of_the_gone(node):
        left = life.sandboxes - life.removed
        if left:
            raise ExpectationFailed(f"{life.key}: gone from the API, and its sandboxes {sorted(left)} were not removed")


def _lives_of_the_gone(node: NodeWithPods) -> list[_Life]:
    present = {pod["metadata"]["uid"] for pod in node.pods()}
    return [life for uid, life in _lives(node.journal).items() if uid not in present]


@dataclass(slots=True)
class _Life:
    """What the kubelet asked of the runtime for one pod, by uid."""

    key: str
    beginnings: list[JournalEntry] = field(default_factory=list)
    stops: list[JournalEntry] = field(default_factory=list)
    sandboxes: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)


def _lives(journal: Sequence[JournalEntry]) -> dict[str, _Life]:
    lives: dict[str, _Life] = {}
    owners: dict[str, _Life] = {}
    for entry in journal:
        if entry.method not in _LOOKED_AT:
            continue
        request, response = entry.request, entry.response
        sandbox_id = _id(request, "pod_sandbox_id")
        owner = owners.get(_id(request, "container_id")) or owners.get(sandbox_id)
        if isinstance(request, api.RunPodSandboxRequest):
            meta = request.config.metadata
            owner = lives.setdefault(meta.uid, _Life(f"{meta.namespace}/{meta.name}"))
            sandbox_id = _id(response, "pod_sandbox_id")
            owner.sandboxes |= {sandbox_id} - {""}
        elif isinstance(request, api.PullImageRequest):
            owner = lives.get(request.sandbox_config.metadata.uid)
        if owner is None:
            continue
        if entry.method in {"RunPodSandbox", "CreateContainer"}:
            owners |= dict.fromkeys({sandbox_id, _id(response, "container_id")} - {""}, owner)
        if entry.method in _BEGINNINGS:
            owner.beginnings.append(entry)
        elif entry.method in _STOPS:
            owner.stops.append(entry)
        elif entry.error is None:
            owner.removed.add(sandbox_id)
    return lives


def _id(message: Message | None, field_name: str) -> str:
    """A field of a message; empty when there is no such field, or no message because the call failed."""
    return str(getattr(message, field_name, ""))


def _statuses(version: Version) -> Iterator[Mapping[str, Any]]:
    for name in _STATUS_LISTS:
        yield from version["status"].get(name) or []


def _key(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata'].get('namespace', 'default')}/{pod['metadata']['name']}"


def _broken(version: Version, what: str) -> ExpectationFailed:
    return ExpectationFailed(f"at {version['t']:.3f} s: {what}")
