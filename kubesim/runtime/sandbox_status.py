"""PodSandboxStatus and ListPodSandbox.

Mirrors containerd: internal/cri/server/sandbox_status.go, toCRISandboxStatus, and sandbox_list.go; CRI-O:
server/sandbox_status.go and sandbox_list.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from kubesim.cri import api
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.container_status import container_status_message
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.filters import select_sandboxes
from kubesim.runtime.list_rows import ListedRow, ListRows, chunks
from kubesim.runtime.objects import Sandbox, SandboxMoment
from kubesim.runtime.sandbox_info import sandbox_info


def pod_sandbox_status(daemon: Daemon, request: api.PodSandboxStatusRequest) -> api.PodSandboxStatusResponse | bytes:
    """The state of one sandbox, and with `verbose` how it was set up."""
    sandbox = daemon.sandbox(request.pod_sandbox_id, say.STATUS_LOOKUP)
    if request.verbose or daemon.profile.statistics.event_statuses:
        return _response(daemon, sandbox, is_verbose=request.verbose)
    made_from = (sandbox.now, sandbox.overhead, sandbox.resources)
    return daemon.sandbox_statuses.answer(
        sandbox.id, made_from, lambda: _response(daemon, sandbox, is_verbose=False).SerializeToString()
    )


def _response(daemon: Daemon, sandbox: Sandbox, *, is_verbose: bool) -> api.PodSandboxStatusResponse:
    response = api.PodSandboxStatusResponse(status=sandbox_status_message(daemon, sandbox))
    if is_verbose or daemon.profile.sandboxes.info_without_verbose:
        response.info["info"] = sandbox_info(daemon, sandbox, is_verbose=is_verbose)
    if daemon.profile.statistics.event_statuses:
        response.containers_statuses.extend(
            container_status_message(daemon, container) for container in sandbox.containers.values()
        )
        response.timestamp = daemon.kernel.now_ns
    return response


def sandbox_status_message(daemon: Daemon, sandbox: Sandbox, at: SandboxMoment | None = None) -> api.PodSandboxStatus:
    """The status of a sandbox as it was `at` some moment; None is now."""
    switches = daemon.profile.sandboxes
    at = at or sandbox.now
    config = sandbox.config
    status = api.PodSandboxStatus(
        id=sandbox.id,
        metadata=config.metadata,
        state=api.SANDBOX_READY if at.life.is_ready else api.SANDBOX_NOTREADY,
        created_at=at.life.created_at_ns,
        network=api.PodSandboxNetworkStatus(ip=at.ip, additional_ips=[api.PodIP(ip=ip) for ip in at.additional_ips]),
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler=sandbox.runtime_handler if switches.runtime_handler_in_status else "",
    )
    security = config.linux.security_context
    has_options = security.HasField("namespace_options")
    if switches.namespace_options_in_status == "always" or has_options:
        status.linux.namespaces.SetInParent()
        if has_options:
            status.linux.namespaces.options.CopyFrom(security.namespace_options)
    return status


def list_pod_sandbox(daemon: Daemon, request: api.ListPodSandboxRequest) -> bytes:
    """The sandboxes that match the filter."""
    if not request.HasField("filter") or request.filter == _NO_FILTER:
        return daemon.sandboxes.rows.all()
    return b"".join(_rows(daemon, request.filter))


async def stream_pod_sandboxes(
    daemon: Daemon, request: api.StreamPodSandboxesRequest
) -> AsyncIterator[api.StreamPodSandboxesResponse]:
    """As ListPodSandbox, in messages of a bounded number of rows."""
    for chunk in chunks(_rows(daemon, request.filter), daemon.profile.statistics.stream_chunk_items):
        yield api.StreamPodSandboxesResponse.FromString(chunk)


_NO_FILTER = api.PodSandboxFilter()


def _rows(daemon: Daemon, asked: api.PodSandboxFilter) -> Iterable[bytes]:
    chosen = select_sandboxes(
        daemon.sandboxes,
        sandbox_id=asked.id,
        selector=asked.label_selector,
        state=asked.state.state if asked.HasField("state") else None,
    )
    return daemon.sandboxes.rows.of(sandbox.id for sandbox in chosen)


def sandbox_row(rows: ListRows, sandbox: Sandbox) -> ListedRow:
    """A sandbox as ListPodSandbox shows it."""
    config = sandbox.config
    head = api.PodSandbox(id=sandbox.id, metadata=config.metadata)
    tail = api.PodSandbox(
        created_at=sandbox.life.created_at_ns,
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler=sandbox.runtime_handler,
    )
    return ListedRow(rows, sandbox.id, head, tail, state=sandbox.cri_state)
