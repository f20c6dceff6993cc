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
    at_ns = daemon.kernel.now_ns
    is_gone = object_id == sandbox.id and kind == api.CONTAINER_DELETED_EVENT
    if is_gone and daemon.profile.statistics.removed_sandbox_event == "dropped":
        return
    # The message may be built minutes later, or never; until then what may change meanwhile is all that is kept.
    pod = sandbox.now
    containers = tuple(sandbox.containers.values())
    moments = tuple([container.now for container in containers])

    def make() -> api.ContainerEventResponse:
        return api.ContainerEventResponse(
            container_id=object_id,
            container_event_type=kind,
            created_at=at_ns,
            pod_sandbox_status=None if is_gone else sandbox_status_message(daemon, sandbox, pod),
            containers_statuses=[
                container_status_message(daemon, container, at)
                for container, at in zip(containers, moments, strict=True)
            ],
        )

    daemon.events.emit(make)
