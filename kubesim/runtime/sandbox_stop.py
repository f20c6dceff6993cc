"""StopPodSandbox and RemovePodSandbox.

Mirrors containerd: internal/cri/server/sandbox_stop.go and sandbox_remove.go; CRI-O: server/sandbox_stop_linux.go and
sandbox_remove.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.kernel import TaskGroup
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.container_stop import grace_until_deadline, remove, stop
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.id_index import Match
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.pod_events import emit
from kubesim.runtime.sandbox_network import close_network
from kubesim.runtime.sandbox_state import Removed, Stopped
from kubesim.userland.processes.process import ExitStatus

OWN_SECONDS = 1
"""Mirrors CRI-O: server/sandbox_stop_linux.go, infraReservedTimeout."""


async def stop_pod_sandbox(daemon: Daemon, request: api.StopPodSandboxRequest) -> api.StopPodSandboxResponse:
    """Stop a sandbox with all its containers. Fine when it is stopped already, or not there."""
    sandbox = _find(daemon, request.pod_sandbox_id)
    if sandbox is not None:
        await stop_sandbox(daemon, sandbox)
    return api.StopPodSandboxResponse()


async def remove_pod_sandbox(daemon: Daemon, request: api.RemovePodSandboxRequest) -> api.RemovePodSandboxResponse:
    """Stop a sandbox and remove it with all its containers. Fine when it is not there."""
    sandbox = _find(daemon, request.pod_sandbox_id)
    if sandbox is None:
        return api.RemovePodSandboxResponse()
    await stop_sandbox(daemon, sandbox)
    await _remove_containers(daemon, sandbox)
    await daemon.spend(daemon.timings.remove_sandbox_ns)
    # One whose creation began before the sandbox was stopped may have been finished while the step took its time.
    await _remove_containers(daemon, sandbox)
    if daemon.sandboxes.get(sandbox.id) is not sandbox:
        return api.RemovePodSandboxResponse()  # somebody else removed it meanwhile
    sandbox.apply(Removed())
    daemon.sandboxes.remove(sandbox.id)
    daemon.sandbox_names.release(sandbox.name)
    daemon.own_files.remove(sandbox.files_directory)
    emit(daemon, sandbox, sandbox.id, api.CONTAINER_DELETED_EVENT)
    return api.RemovePodSandboxResponse()


async def _remove_containers(daemon: Daemon, sandbox: Sandbox) -> None:
    while containers := list(sandbox.containers.values()):
        for container in containers:
            try:
                is_removed = await remove(daemon, container)
            except CriError as error:
                raise daemon.texts.refuse(
                    say.REMOVE_CONTAINER, code=error.code, container_id=container.id, reason=error
                ) from None
            if is_removed and daemon.profile.statistics.removed_with_sandbox_event:
                emit(daemon, sandbox, container.id, api.CONTAINER_DELETED_EVENT)


def _find(daemon: Daemon, prefix: str) -> Sandbox | None:
    """The sandbox, None when nothing has this id. CRI-O takes an ambiguous prefix for nothing, too."""
    sandbox, match = daemon.sandboxes.find(prefix)
    takes_ambiguous = daemon.profile.sandboxes.ambiguous_id_to_stop == "nothing"
    is_nothing = match is Match.MISSING or (match is Match.AMBIGUOUS and takes_ambiguous)
    if sandbox is None and not is_nothing:
        raise daemon.texts.refuse_lookup(say.STOP_LOOKUP, noun="sandbox", prefix=prefix, match=match)
    return sandbox


async def stop_sandbox(daemon: Daemon, sandbox: Sandbox) -> None:
    """Bring a sandbox to NOTREADY. Its address is free afterwards."""
    if daemon.profile.sandboxes.stop_grace == "deadline":
        _leave_network(daemon, sandbox)
        total_seconds = await grace_until_deadline()
        # One second is left for the sandbox's own container, or half of very little.
        grace_seconds = total_seconds // 2 if total_seconds < 2 * OWN_SECONDS else total_seconds - OWN_SECONDS
        async with TaskGroup() as group:
            for container in sandbox.containers.values():
                group.spawn(stop(daemon, container, grace_seconds=grace_seconds), name=f"stop {container.id[:13]}")
    await _kill_containers(daemon, sandbox)
    if sandbox.life.is_ready:
        await daemon.spend(daemon.timings.stop_sandbox_ns)
        # A container may have been started while the step took its time.
        await _kill_containers(daemon, sandbox)
        note_stopped(daemon, sandbox)
        if sandbox.pause is not None:
            sandbox.pause.kill_tree()
    _leave_network(daemon, sandbox)


async def _kill_containers(daemon: Daemon, sandbox: Sandbox) -> None:
    while running := [container for container in sandbox.containers.values() if container.life.is_running]:
        for container in running:
            await stop(daemon, container, grace_seconds=0)


def note_stopped(daemon: Daemon, sandbox: Sandbox) -> None:
    """The sandbox's own process is gone, or goes now."""
    if sandbox.life.is_ready:
        sandbox.apply(Stopped(at_ns=daemon.kernel.now_ns))
        emit(daemon, sandbox, sandbox.id, api.CONTAINER_STOPPED_EVENT)


def _leave_network(daemon: Daemon, sandbox: Sandbox) -> None:
    if sandbox.ip:
        close_network(daemon, sandbox)
        daemon.network.release(sandbox.ips)
        sandbox.lose_address()


def watch_pause(daemon: Daemon, sandbox: Sandbox) -> None:
    """When the pause process ends and nobody asked for it, the sandbox becomes NOTREADY."""
    pause = sandbox.pause
    assert pause is not None, "a sandbox that is ready has its pause process"
    if pause.status is None:
        pause.on_end = _PauseEnd(daemon, sandbox)
    else:
        daemon.kernel.call_soon(note_stopped, daemon, sandbox)


class _PauseEnd:
    """What follows the end of a pause process. A small object, for every pod has one of it."""

    __slots__ = ("_daemon", "_sandbox")

    def __init__(self, daemon: Daemon, sandbox: Sandbox) -> None:
        self._daemon = daemon
        self._sandbox = sandbox

    def __call__(self, _: ExitStatus) -> None:
        note_stopped(self._daemon, self._sandbox)
