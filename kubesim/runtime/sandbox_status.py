"""PodSandboxStatus and ListPodSandbox.

Mirrors containerd: internal/cri/server/sandbox_status.go, toCRISandboxStatus, and sandbox_list.go; CRI-O:
server/sandbox_status.go and sandbox_list.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubesim.cri import api
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.container_status import container_status_message
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.filters import sandbox_state, select_sandboxes
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.sandbox_info import sandbox_info


async def pod_sandbox_status(daemon: Daemon, request: api.PodSandboxStatusRequest) -> api.PodSandboxStatusResponse:
    """The state of one sandbox, and with `verbose` how it was set up."""
    sandbox = daemon.sandbox(request.pod_sandbox_id, say.STATUS_LOOKUP)
    response = api.PodSandboxStatusResponse(status=sandbox_status_message(daemon, sandbox))
    if request.verbose or daemon.profile.sandboxes.info_without_verbose:
        response.info["info"] = sandbox_info(daemon, sandbox, is_verbose=request.verbose)
    if daemon.profile.statistics.event_statuses:
        response.containers_statuses.extend(
            container_status_message(daemon, container) for container in sandbox.containers.values()
        )
        response.timestamp = daemon.kernel.now_ns
    return response


def sandbox_status_message(daemon: Daemon, sandbox: Sandbox) -> api.PodSandboxStatus:
    """The status of a sandbox as it is now."""
    switches = daemon.profile.sandboxes
    status = api.PodSandboxStatus(
        id=sandbox.id,
        metadata=sandbox.config.metadata,
        state=sandbox_state(sandbox),
        created_at=sandbox.life.created_at_ns,
        network=api.PodSandboxNetworkStatus(ip=sandbox.ip),
        labels=sandbox.config.labels,
        annotations=sandbox.config.annotations,
        runtime_handler=sandbox.runtime_handler if switches.runtime_handler_in_status else "",
    )
    has_options = sandbox.config.linux.security_context.HasField("namespace_options")
    if switches.namespace_options_in_status == "always" or has_options:
        status.linux.namespaces.SetInParent()
        if has_options:
            status.linux.namespaces.options.CopyFrom(sandbox.namespace_options)
    return status


async def list_pod_sandbox(daemon: Daemon, request: api.ListPodSandboxRequest) -> api.ListPodSandboxResponse:
    """The sandboxes that match the filter."""
    return api.ListPodSandboxResponse(items=sandbox_rows(daemon, request.filter))


def sandbox_rows(daemon: Daemon, asked: api.PodSandboxFilter) -> Iterable[api.PodSandbox]:
    """The rows of the list. They are kept; a caller copies them (putting one into a message does)."""
    chosen = select_sandboxes(
        daemon.sandboxes,
        sandbox_id=asked.id,
        selector=asked.label_selector,
        state=asked.state.state if asked.HasField("state") else None,
    )
    return [_row(sandbox) for sandbox in chosen]


def _row(sandbox: Sandbox) -> api.PodSandbox:
    if sandbox.row is None:
        sandbox.row = api.PodSandbox(
            id=sandbox.id,
            metadata=sandbox.config.metadata,
            state=sandbox_state(sandbox),
            created_at=sandbox.life.created_at_ns,
            labels=sandbox.config.labels,
            annotations=sandbox.config.annotations,
            runtime_handler=sandbox.runtime_handler,
        )
    return sandbox.row
