"""ContainerStatus and ListContainers.

Mirrors containerd: internal/cri/server/container_status.go, toCRIContainerStatus, and container_list.go; CRI-O:
server/container_status.go and container_list.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from kubesim.cri import api
from kubesim.policy.runtime_profile import ContainerSwitches
from kubesim.runtime import container_refusals as say
from kubesim.runtime.container_info import container_info
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.filters import select_containers
from kubesim.runtime.list_rows import ListedRow, ListRows, chunks
from kubesim.runtime.objects import CRI_STATES, Container, ContainerMoment


def container_status(daemon: Daemon, request: api.ContainerStatusRequest) -> api.ContainerStatusResponse | bytes:
    """The state of one container, and with `verbose` how it was set up."""
    container = daemon.container(request.container_id, say.LOOKUP)
    if request.verbose or container.life.reported_state is not ReportedState.EXITED:
        response = _response(daemon, container)
        if request.verbose:
            response.info["info"] = container_info(daemon, container)
        return response
    names = daemon.images.names_of(container.image)
    return daemon.exited_statuses.answer(
        container.id, (container.now, names), lambda: _response(daemon, container).SerializeToString()
    )


def _response(daemon: Daemon, container: Container) -> api.ContainerStatusResponse:
    return api.ContainerStatusResponse(status=container_status_message(daemon, container))


def container_status_message(
    daemon: Daemon, container: Container, at: ContainerMoment | None = None
) -> api.ContainerStatus:
    """The status of a container as it was `at` some moment; None is now."""
    switches = daemon.profile.containers
    at = at or container.now
    life, config = at.life, container.config
    state = life.reported_state
    status = api.ContainerStatus(
        id=container.id,
        metadata=config.metadata,
        state=CRI_STATES[state],
        created_at=life.created_at_ns,
        exit_code=life.exit_code,
        reason=life.reported_reason,
        message=life.message,
        labels=config.labels,
        annotations=config.annotations,
        mounts=container.mounts_of(config),
        log_path=container.log_path,
    )
    if state is not ReportedState.CREATED:
        status.started_at = life.started_at_ns
    if state in (ReportedState.EXITED, ReportedState.UNKNOWN):
        status.finished_at = life.finished_at_ns
    _describe_image(daemon, container, status)
    if switches.resources_in_status:
        _describe_resources(daemon, container, at, status)
    if switches.user_in_status and container.identity is not None:
        status.user.linux.uid = container.identity.uid
        status.user.linux.gid = container.identity.gid
        status.user.linux.supplemental_groups.extend(container.identity.supplemental_groups)
    if switches.stop_signal_in_status:
        status.stop_signal = container.reported_stop_signal
    return status


def _describe_image(daemon: Daemon, container: Container, status: api.ContainerStatus) -> None:
    switches = daemon.profile.containers
    if switches.status_image == "name":
        status.image.image = container.some_image_name
        is_id = switches.status_image_ref == "image-id"
        status.image_ref = daemon.images.shown_id(container.image) if is_id else container.image_ref
    else:
        # The image may have lost its names, or be gone, since the container was made.
        tags, digests = daemon.images.names_of(container.image)
        if tags:
            status.image.image = tags[0]
        else:
            status.image.CopyFrom(container.config.image)
        status.image_ref = digests[0] if digests else daemon.images.shown_id(container.image)
    if switches.image_id_in_status:
        status.image_id = daemon.images.shown_id(container.image)


def _describe_resources(daemon: Daemon, container: Container, at: ContainerMoment, status: api.ContainerStatus) -> None:
    if daemon.os == "windows":
        if container.config.windows.HasField("resources"):
            status.resources.windows.ParseFromString(at.encoded_windows_resources)
        return
    status.resources.linux.ParseFromString(at.encoded_resources)


def list_containers(daemon: Daemon, request: api.ListContainersRequest) -> bytes:
    """The containers that match the filter."""
    if not request.HasField("filter") or request.filter == _NO_FILTER:
        return daemon.containers.rows.all()
    return b"".join(_rows(daemon, request.filter))


async def stream_containers(
    daemon: Daemon, request: api.StreamContainersRequest
) -> AsyncIterator[api.StreamContainersResponse]:
    """As ListContainers, in messages of a bounded number of rows."""
    for chunk in chunks(_rows(daemon, request.filter), daemon.profile.statistics.stream_chunk_items):
        yield api.StreamContainersResponse.FromString(chunk)


_NO_FILTER = api.ContainerFilter()


def _rows(daemon: Daemon, asked: api.ContainerFilter) -> Iterable[bytes]:
    chosen = select_containers(
        daemon,
        container_id=asked.id,
        sandbox_id=asked.pod_sandbox_id,
        selector=asked.label_selector,
        state=asked.state.state if asked.HasField("state") else None,
    )
    return daemon.containers.rows.of(container.id for container in chosen)


def container_row(rows: ListRows, container: Container, switches: ContainerSwitches, *, image_id: str) -> ListedRow:
    """A container as ListContainers shows it; `image_id` in the form in which this runtime shows it."""
    config = container.config
    is_bare = switches.list_image == "requested-name"
    head = api.Container(
        id=container.id,
        pod_sandbox_id=container.sandbox.id,
        metadata=config.metadata,
        image=api.ImageSpec(image=config.image.image) if is_bare else config.image,
        image_ref=image_id if switches.list_image_ref == "image-id" else container.image_ref,
    )
    tail = api.Container(
        created_at=container.life.created_at_ns,
        labels=config.labels,
        annotations=config.annotations,
        image_id=image_id if switches.image_id_in_list else "",
    )
    return ListedRow(rows, container.id, head, tail, state=container.cri_state)
