"""What an event of GetContainerEvents says: the object, and the pod as it was at that moment.

Mirrors containerd: internal/cri/server/helpers.go, generateAndSendContainerEvent; CRI-O: server/server.go,
generateCRIEvent.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.runtime.container_status import container_status_message
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.events import EventKind
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.sandbox_status import sandbox_status_message


def emit(daemon: Daemon, sandbox: Sandbox, object_id: str, kind: EventKind) -> None:
    """Tell all listeners about a change of a container, or of the sandbox itself (its id is the object's then).

    Call it after the change, and after a removed object has left the stores. The last event of a sandbox carries no
    pod: containerd does not find it any more. CRI-O does not send it then.
    """
    is_gone = object_id == sandbox.id and kind == api.CONTAINER_DELETED_EVENT
    if is_gone and daemon.profile.statistics.removed_sandbox_event == "dropped":
        return
    daemon.events.emit(PodEvent(daemon, sandbox, object_id, kind, is_gone=is_gone))


class PodEvent:
    """One event. The message may be built minutes later, or never: what changes meanwhile is all that is kept."""

    __slots__ = ("_containers", "_daemon", "_is_gone", "_kind", "_moments", "_object_id", "_pod", "_sandbox", "at_ns")

    def __init__(self, daemon: Daemon, sandbox: Sandbox, object_id: str, kind: EventKind, *, is_gone: bool) -> None:
        self._daemon = daemon
        self._sandbox = sandbox
        self._object_id = object_id
        self._kind = kind
        self._is_gone = is_gone
        self.at_ns = daemon.kernel.now_ns
        self._pod = sandbox.now
        self._containers = tuple(sandbox.containers.values())
        self._moments = tuple([container.now for container in self._containers])

    def message(self) -> api.ContainerEventResponse:
        """Build the message."""
        daemon = self._daemon
        return api.ContainerEventResponse(
            container_id=self._object_id,
            container_event_type=self._kind,
            created_at=self.at_ns,
            pod_sandbox_status=None if self._is_gone else sandbox_status_message(daemon, self._sandbox, self._pod),
            containers_statuses=[
                container_status_message(daemon, container, at)
                for container, at in zip(self._containers, self._moments, strict=True)
            ],
        )
